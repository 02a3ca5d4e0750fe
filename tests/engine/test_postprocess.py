"""From probabilities to labels, boundaries and uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.bundles.card import (
    Architecture,
    Input,
    ModelCard,
    Step,
    Weights,
    class_entries,
)
from napari_octseg.engine.postprocess import (
    blank_pixels,
    column_uncertainty,
    finish,
)
from napari_octseg.errors import ModelError
from napari_octseg.labels import LabelSet

DEPTH, WIDTH = 40, 24


def card_of(
    *layers: str,
    steps: tuple[Step, ...] = (),
    classes: tuple[str, ...] = ("background", "RNFL", "GCIPL"),
) -> ModelCard:
    return ModelCard(
        name="some",
        version="1",
        title="Some",
        description="",
        architecture=Architecture(name="unet"),
        weights=Weights(sha256="0" * 64, n_parameters=1),
        classes=class_entries(LabelSet.of(*classes)),
        layers=layers,
        input=Input(),
        postprocess=steps,
        licence="none",
    )


def certain(labels: np.ndarray, n_classes: int = 3) -> torch.Tensor:
    """Probabilities (1, n_classes, H, W) that are sure of `labels` (H, W)."""
    one_hot = np.arange(n_classes)[:, None, None] == labels
    return torch.from_numpy(one_hot[None].astype(np.float32))


def two_layers() -> tuple[np.ndarray, np.ndarray]:
    """Heights (3, 1, WIDTH) and labels (DEPTH, WIDTH) of two wavy layers."""
    top = 10 + 3 * np.sin(np.arange(WIDTH) / 4)
    heights = np.stack([top, top + 6, top + 15])[:, None].astype(np.float32)
    return heights, boundaries_to_labels(heights, DEPTH)[0]


def test_uncertainty_is_0_where_sure_and_grows_with_doubt() -> None:
    labels = two_layers()[1]
    sure = column_uncertainty(certain(labels))
    doubtful = column_uncertainty(0.6 * certain(labels) + 0.4 / 3)
    assert (sure < 1e-6).all()
    assert ((doubtful > 0.2) & (doubtful <= 1)).all()


def test_finish_gives_labels_at_the_native_size() -> None:
    heights, labels = two_layers()
    (one,) = finish(certain(labels), (2 * DEPTH, 3 * WIDTH), card_of("RNFL", "GCIPL"))
    assert one.labels.shape == (2 * DEPTH, 3 * WIDTH)
    assert one.uncertainty.shape == (3 * WIDTH,)
    assert one.heights is not None
    # Row centres: row r of the network covers native rows 2 r and 2 r + 1.
    middle = one.heights[:, 1::3]
    assert np.abs(middle - (2 * heights[:, 0] + 0.5)).max() < 1.5


def test_findings_are_the_most_likely_pixels() -> None:
    labels = two_layers()[1]
    (one,) = finish(certain(labels), (DEPTH, WIDTH), card_of())
    assert one.heights is None
    assert np.array_equal(one.labels, labels)


@pytest.mark.parametrize("layers", [("RNFL", "GCIPL"), ()])
def test_columns_without_an_a_scan_stay_background(layers: tuple[str, ...]) -> None:
    labels = two_layers()[1]
    blank = np.zeros((1, *labels.shape), bool)
    blank[..., 20:] = True
    (one,) = finish(certain(labels), (DEPTH, 2 * WIDTH), card_of(*layers), blank)
    assert (one.labels[:, 40:] == 0).all()
    assert one.labels[:, :39].any(axis=0).all()
    assert (one.uncertainty[40:] == 0).all()
    if one.heights is not None:
        assert np.isnan(one.heights[:, 40:]).all()


def with_fluid(*layers: str) -> ModelCard:
    """Card of two layers and of fluid, which is class 3."""
    return card_of(*layers, classes=("background", "RNFL", "GCIPL", "IRF"))


@pytest.mark.parametrize(
    ("rows", "columns", "moved_px"),
    [
        ((20, 22), (2, 6), (0, 0, 0)),
        ((15, 20), (8, 12), (0, 2, 0)),
        ((2, 5), (6, 14), (0, 0, 0)),
    ],
    ids=["within GCIPL", "across its upper boundary", "in the vitreous"],
)
def test_findings_are_painted_over_layers_that_go_through(
    rows: tuple[int, int], columns: tuple[int, int], moved_px: tuple[float, ...]
) -> None:
    healthy = two_layers()[1]
    ill = healthy.copy()
    ill[slice(*rows), slice(*columns)] = 3
    layers = ("RNFL", "GCIPL")
    (plain,) = finish(certain(healthy), ill.shape, card_of(*layers))
    (one,) = finish(certain(ill, 4), ill.shape, with_fluid(*layers))
    assert np.array_equal(one.labels, ill)
    assert one.heights is not None
    assert plain.heights is not None
    assert (np.diff(one.heights, axis=0) >= 0).all()
    moved = np.abs(one.heights - plain.heights)
    assert (moved.max(axis=1) <= moved_px).all()
    assert (moved[:, : columns[0]] == 0).all()
    assert (moved[:, columns[1] :] == 0).all()


def test_findings_are_painted_where_the_scan_is_and_at_its_native_size() -> None:
    ill = two_layers()[1]
    ill[2:5, 4:12] = 3
    ill[:, 15:18] = 3  # no layer is left
    blank = np.zeros((1, *ill.shape), bool)
    blank[:, :4] = True
    card = with_fluid("RNFL", "GCIPL")
    doubtful = 0.6 * certain(ill, 4) + 0.1
    (one,) = finish(doubtful, (2 * DEPTH, WIDTH), card, blank)
    assert (one.labels[:8] == 0).all()
    assert (one.labels[9, 4:12] == 3).all()
    assert (one.labels[10:, 15:18] == 3).all()
    assert one.heights is not None
    assert np.isnan(one.heights[:, 15:18]).all()
    assert (one.uncertainty[15:18] > 0.2).all()


def test_a_model_of_layers_alone_is_not_changed_by_a_class_it_never_sees() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 3, DEPTH, WIDTH, generator=generator)
    three = (4 * (certain(two_layers()[1]) - 0.5) + noise).softmax(1)
    four = torch.cat([three, torch.zeros_like(three[:, :1])], 1)
    layers = ("RNFL", "GCIPL")
    without = finish(three, (DEPTH, WIDTH), card_of(*layers))
    unseen = finish(four, (DEPTH, WIDTH), with_fluid(*layers))
    for one, other in zip(without, unseen, strict=True):
        assert np.array_equal(one.labels, other.labels)
        assert one.heights is not None
        assert other.heights is not None
        np.testing.assert_array_equal(one.heights, other.heights)


@given(st.integers(0, 2**32 - 1))
def test_findings_never_make_boundaries_cross(seed: int) -> None:
    noise = torch.randn(1, 4, 12, 5, generator=torch.Generator().manual_seed(seed))
    shares = (3 * noise).softmax(1)
    (one,) = finish(shares, (12, 5), with_fluid("RNFL", "GCIPL"))
    assert np.array_equal(one.labels == 3, shares[0].argmax(0).numpy() == 3)
    assert one.heights is not None
    down = np.diff(one.heights, axis=0)
    assert (down[~np.isnan(down)] >= 0).all()


def test_white_and_black_wedges_are_blank_and_tissue_is_not() -> None:
    images = torch.rand(1, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    images[:, 1, :, 0] = 1
    images[:, 1, :, 5] = 0
    images[:, 0, :, 3] = 1  # a neighbour does not count
    images[:, 1, :5, 2] = 1  # a wedge above
    images[:, 1, 4:, 4] = 0  # and one below
    blank = blank_pixels(images)[0]
    assert blank.all(axis=0).tolist() == [True, *[False] * 4, True]
    assert blank[:, 2].tolist() == [True] * 5 + [False] * 3
    assert blank[:, 4].tolist() == [False] * 4 + [True] * 4


def test_a_white_band_above_the_scan_is_no_retina() -> None:
    labels = np.zeros((DEPTH, WIDTH), np.uint8)
    labels[0:9] = 1  # the network takes the band for tissue
    labels[15:18] = 1
    labels[18:21] = 2
    blank = np.zeros((1, *labels.shape), bool)
    blank[:, :9] = True
    layers = ("RNFL", "GCIPL")
    (one,) = finish(certain(labels), labels.shape, card_of(*layers), blank)
    assert (one.labels[:14] == 0).all()
    assert one.heights is not None
    assert np.allclose(one.heights[0], 14.5, atol=0.6)


def test_steps_of_the_card_are_applied() -> None:
    labels = np.zeros((DEPTH, WIDTH), np.uint8)
    labels[3, 3], labels[10:20, 10:20] = 1, 2
    step = Step(name="keep_large", arguments={"least_px": 5})
    (one,) = finish(certain(labels), (DEPTH, WIDTH), card_of(steps=(step,)))
    assert one.labels[3, 3] == 0
    assert (one.labels[10:20, 10:20] == 2).all()


def test_an_unknown_step_is_an_error_that_lists_the_known_ones() -> None:
    labels = two_layers()[1]
    with pytest.raises(ModelError, match="keep_large"):
        finish(certain(labels), (DEPTH, WIDTH), card_of(steps=(Step(name="smoothen"),)))
