"""Few windows give the mean of many."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_octseg.bundles.card import Tiling
from napari_octseg.engine.overlap import (
    all_windows,
    padding_to_fit,
    predict_averaged,
    spread_windows,
)
from napari_octseg.engine.runner import Runner
from napari_octseg.networks import build


def published(predict: object, images: Tensor, size: int, stride: int) -> Tensor:
    """The mean over all windows, written down as the paper says it."""
    rows, columns = images.shape[-2:]
    padded = torch.nn.functional.pad(
        images, (0, -(columns - size) % stride, 0, -(rows - size) % stride)
    )
    total, count = torch.zeros(padded.shape[-2:]), torch.zeros(padded.shape[-2:])
    for top in range(0, padded.shape[-2] - size + 1, stride):
        for left in range(0, padded.shape[-1] - size + 1, stride):
            area = (..., slice(top, top + size), slice(left, left + size))
            total[area] += predict(padded[area])[0, 1]
            count[area] += 1
    return (total / count)[:rows, :columns]


def place_in_window(images: Tensor) -> Tensor:
    """What a network does that sees borders and pools: two classes, no image."""
    rows, columns = images.shape[-2:]
    row = torch.arange(rows)[:, None].float()
    column = torch.arange(columns)[None].float()
    near = torch.exp(-row / 9) + torch.exp(-(columns - column) / 9)
    wave = torch.cos(row * torch.pi / 8) + torch.sin(column * torch.pi / 4)
    vessel = (0.4 + 0.2 * near + 0.05 * wave).clamp(0, 1).expand(len(images), 1, -1, -1)
    return torch.cat([1 - vessel, vessel], dim=1)


def test_of_the_22_801_windows_of_a_drive_image_a_43rd_is_taken() -> None:
    assert padding_to_fit(576, 128, 3) == 2
    assert len(all_windows((578, 578), (128, 128), 3)) == 22_801
    assert len(spread_windows((578, 578), (128, 128), 3)) < 22_801 / 41


def test_inside_the_image_every_px_has_each_row_and_column_of_windows_once() -> None:
    windows = spread_windows((578, 578), (128, 128), 3)
    for y, x in ((200, 300), (313, 222), (402, 170)):
        around = [w for w in windows if 0 <= y - w.top < 128 and 0 <= x - w.left < 128]
        tops, lefts = [w.top for w in around], [w.left for w in around]
        assert 41 <= len(around) <= 43
        assert len(set(tops)) == len(tops)
        assert len(set(lefts)) == len(lefts)


def test_all_windows_give_the_published_mean_exactly() -> None:
    torch.manual_seed(0)
    network = build("iternet", {"width": 2, "n_minis": 1})
    network.requires_grad_(False).eval()

    def predict(images: Tensor) -> Tensor:
        probabilities: Tensor = network(images).softmax(1)
        return probabilities

    image = torch.rand(1, 1, 44, 50)
    found = predict_averaged(predict, image, (32, 32), 3, choose=all_windows)
    torch.testing.assert_close(found[0, 1], published(predict, image, 32, 3))
    assert torch.allclose(found.sum(1), torch.ones(1, 44, 50))


def test_few_windows_give_nearly_the_published_mean() -> None:
    window = place_in_window(torch.zeros(1, 1, 48, 48))
    image = torch.zeros(1, 1, 150, 150)
    expected = published(lambda _: window, image, 48, 3)
    found = predict_averaged(lambda _: window, image, (48, 48), 3)[0, 1]
    assert len(spread_windows((150, 150), (48, 48), 3)) < 35**2 / 11
    alone = (window[0, 1] - expected[51:99, 51:99]).abs().mean()
    error = (found - expected).abs()
    assert error.mean() < alone / 3
    assert error[48:-48, 48:-48].mean() < alone / 50


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(8, 64), st.integers(1, 8))
def test_every_px_of_any_image_is_covered(
    rows: int, columns: int, size: int, stride: int
) -> None:
    image = torch.rand(1, 1, rows, columns)
    found = predict_averaged(lambda x: x, image, (size, size), stride)
    assert found.shape == image.shape
    assert torch.allclose(found, image, atol=1e-5)


def test_windows_of_several_images_go_through_the_network_together() -> None:
    images = torch.rand(2, 3, 40, 61)
    sizes: list[int] = []

    def note(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return place_in_window(x)

    one = predict_averaged(note, images, (32, 24), 4)
    assert set(sizes) == {2}
    several = predict_averaged(note, images, (32, 24), 4, at_once=5)
    assert max(sizes) == 10
    torch.testing.assert_close(one, several)


def test_a_card_asks_for_it_with_a_stride() -> None:
    network = build("unet", {"n_classes": 2, "widths": [2, 4]}).eval()
    tiling = Tiling(size=(32, 32), stride=3)
    runner = Runner(network, torch.device("cpu"), tiling=tiling)
    image = torch.rand(1, 1, 60, 50)
    expected = predict_averaged(runner._whole, image, (32, 32), 3)
    torch.testing.assert_close(runner(image), expected)


@pytest.mark.parametrize("wrong", [{"overlap": (8, 8)}, {"stride": 40}])
def test_a_stride_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="stride"):
        Tiling.model_validate({"size": (32, 32), "stride": 3, **wrong})
