"""From a B-scan to the input of a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_octseg.bundles.card import Input, Tiling
from napari_octseg.engine.preprocess import (
    network_size,
    normalise,
    prepare_bscan,
    prepare_image,
    resize,
)
from napari_octseg.errors import ModelError
from napari_octseg.volume import OCTVolume


def image(rows: int = 20, columns: int = 30) -> torch.Tensor:
    return torch.rand(1, rows, columns, generator=torch.Generator().manual_seed(0))


def test_zscore_has_mean_0_and_deviation_1() -> None:
    values = normalise(image(), "zscore")
    assert values.mean().abs() < 1e-5
    assert abs(values.std(correction=0) - 1) < 1e-4


def test_zscore_leaves_white_wedges_out_of_the_statistics() -> None:
    plain = image()
    wedged = torch.cat([plain, torch.ones(1, 20, 15)], dim=2)
    assert torch.allclose(
        normalise(wedged, "zscore")[..., :30], normalise(plain, "zscore"), atol=1e-5
    )


def test_zscore_does_not_stretch_what_has_no_contrast() -> None:
    wedge = torch.ones(1, 20, 30)
    wedge[0, 19, :3] = torch.tensor([0.1, 0.1, 0.101])
    assert normalise(wedge, "zscore").abs().max() < 50
    assert not normalise(torch.full((1, 20, 30), 0.3), "zscore").any()


def test_column_l2_gives_every_column_the_same_norm() -> None:
    norms = normalise(image(), "column_l2").square().sum(-2).sqrt()
    assert torch.allclose(norms, torch.full_like(norms, 20**0.5), atol=1e-3)


def test_centred_is_128_subtracted_and_divided() -> None:
    grey = torch.tensor([0.0, 64, 128, 255])
    centred = normalise((grey / 255)[None, None], "centred")[0, 0]
    assert torch.allclose(centred, (grey - 128) / 128, atol=1e-6)


def test_local_contrast_is_that_of_the_65_px_around_a_pixel() -> None:
    plain = image(90, 100) * 0.9 + 0.1
    found = normalise(plain, "local_contrast")[0]
    for row, column in ((0, 0), (45, 50), (89, 3)):
        near = plain[0, max(row - 32, 0) : row + 33, max(column - 32, 0) : column + 33]
        expected = (plain[0, row, column] - near.mean()) / near.std(correction=0)
        assert found[row, column] == pytest.approx(expected.item(), abs=1e-3)


def test_local_contrast_is_the_same_in_dim_and_faint_images() -> None:
    plain = image(40, 50) * 0.8 + 0.1
    faint = normalise(plain * 0.4 + 0.2, "local_contrast")
    assert torch.allclose(faint, normalise(plain, "local_contrast"), atol=1e-3)


def test_black_around_a_field_of_view_takes_no_part_in_local_contrast() -> None:
    plain = image(40, 50) * 0.8 + 0.1
    framed = torch.nn.functional.pad(plain, (20, 0))
    found = normalise(framed, "local_contrast")
    assert torch.all(found[..., :20] == 0)
    alone = normalise(plain, "local_contrast")
    assert torch.allclose(found[..., 20:], alone, atol=1e-3)


def test_an_all_black_image_stays_finite() -> None:
    for name in ("unit", "zscore", "column_l2", "centred", "local_contrast"):
        assert normalise(torch.zeros(1, 4, 4), name).isfinite().all()


def test_an_unknown_normalisation_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match="column_l2"):
        normalise(image(), "minmax")


def test_a_native_size_is_padded_with_its_edge_to_the_divisor() -> None:
    spec = Input(divisor=16, intensity="unit")
    prepared = prepare_image(image(20, 30), spec)
    assert prepared.shape == (1, 32, 32)
    assert torch.equal(prepared[:, :20, :30], image(20, 30))
    assert torch.equal(prepared[:, 31, :30], image(20, 30)[:, 19])


def test_an_image_smaller_than_a_tile_is_padded_to_one() -> None:
    spec = Input(divisor=4, tiling=Tiling(size=(64, 32), overlap=(8, 8)))
    assert network_size((20, 50), spec) == (64, 52)


def test_a_fixed_size_is_reached_from_any_size() -> None:
    spec = Input(size=(64, 48), divisor=16)
    assert prepare_image(image(20, 30), spec).shape == (1, 64, 48)
    assert prepare_image(image(200, 300), spec).shape == (1, 64, 48)


def test_thin_layers_survive_being_made_smaller() -> None:
    thin = torch.zeros(1, 1, 90, 8)
    thin[:, :, 31] = 1
    assert resize(thin, (30, 8)).sum() == pytest.approx(8 / 3, rel=0.02)


def test_neighbours_become_channels_and_the_ends_are_repeated() -> None:
    levels = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    volume = OCTVolume(levels)
    spec = Input(n_neighbours=1, intensity="unit")

    def shown(index: int) -> list[int]:
        prepared = prepare_bscan(volume, index, spec)
        return [round(float(channel.mean()) * 255) for channel in prepared]

    assert shown(0) == [0, 0, 1]
    assert shown(2) == [1, 2, 3]
    assert shown(4) == [3, 4, 4]
