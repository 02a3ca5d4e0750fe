"""Filters against speckle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.steps.denoise import adaptive_wiener, atmed, enhance


def atmed_by_definition(levels: np.ndarray, window: int) -> np.ndarray:
    """Pixel by pixel, in the words of the definition."""
    half = window // 2
    padded = np.pad(levels.astype(float), half, mode="symmetric")
    result = np.empty(levels.shape)
    for row, column in np.ndindex(levels.shape):
        values = padded[row : row + window, column : column + window].ravel()
        low, middle, high = values.min(), np.median(values), values.max()
        weights = np.ones(len(values))
        below, above = values < middle, values > middle
        weights[below] = 1 - (middle - values[below]) / max(middle - low, 1)
        weights[above] = 1 - (values[above] - middle) / max(high - middle, 1)
        result[row, column] = (weights * values).sum() / weights.sum()
    return result


def test_atmed_of_a_window_worked_out_by_hand() -> None:
    window = np.array([[0, 10, 20], [30, 40, 50], [60, 80, 120]], np.uint8)
    # Median 40, lowest 0, highest 120: 10 weighs 1/4, 20 1/2, 30 3/4, 40 1,
    # 50 7/8, 60 3/4, 80 1/2, and 0 and 120 nothing.
    total = 10 / 4 + 20 / 2 + 30 * 3 / 4 + 40 + 50 * 7 / 8 + 60 * 3 / 4 + 80 / 2
    weights = 1 / 4 + 1 / 2 + 3 / 4 + 1 + 7 / 8 + 3 / 4 + 1 / 2
    assert atmed(window, 3)[1, 1] == pytest.approx(total / weights, rel=1e-6)


def test_where_the_median_is_the_smallest_value_it_keeps_its_weight() -> None:
    window = np.array([[7, 7, 7], [7, 7, 7], [9, 11, 15]], np.uint8)
    expected = (6 * 7 + 0.75 * 9 + 0.5 * 11) / 7.25
    assert atmed(window, 3)[1, 1] == pytest.approx(expected, rel=1e-6)


def test_a_flat_window_gives_its_mean() -> None:
    assert (atmed(np.full((5, 6), 93, np.uint8), 13) == 93).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 5, 13]))
def test_atmed_is_its_definition_also_at_the_edges(seed: int, window: int) -> None:
    random = np.random.default_rng(seed)
    levels = random.integers(0, 256, (40, 9)).astype(np.uint8)
    assert np.allclose(
        atmed(levels, window), atmed_by_definition(levels, window), atol=1e-2
    )


@pytest.mark.parametrize("window", [1, 4])
def test_atmed_needs_a_window_with_a_middle(window: int) -> None:
    with pytest.raises(ValueError, match="odd"):
        atmed(np.zeros((5, 5), np.uint8), window)


def test_wiener_smooths_noise_and_leaves_an_edge() -> None:
    random = np.random.default_rng(0)
    step = np.zeros((60, 60), np.float32)
    step[30:] = 1
    noisy = (step + 0.05 * random.standard_normal(step.shape)).astype(np.float32)
    smooth = adaptive_wiener(noisy, (5, 5))
    assert np.abs(smooth - step)[5:20].std() < 0.4 * np.abs(noisy - step)[5:20].std()
    assert np.abs(smooth - step).max() < 0.3


def test_wiener_leaves_a_constant_image() -> None:
    flat = np.full((9, 9), 0.25, np.float32)
    assert np.allclose(adaptive_wiener(flat, (3, 3)), flat)


def test_enhance_raises_contrast_and_keeps_black_areas() -> None:
    random = np.random.default_rng(0)
    image = np.full((64, 64), 0.4, np.float32)
    image[20:40] = 0.5
    image += 0.01 * random.standard_normal(image.shape).astype(np.float32)
    image[50:] = 0
    enhanced = enhance(image)
    assert (enhanced[50:] == 0).all()
    gain = enhanced[22:38].mean() - enhanced[2:18].mean()
    assert gain > 1.5 * (image[22:38].mean() - image[2:18].mean())
    assert ((enhanced >= 0) & (enhanced <= 1)).all()


def test_enhance_of_a_black_image_is_black() -> None:
    assert (enhance(np.zeros((32, 32), np.float32)) == 0).all()
