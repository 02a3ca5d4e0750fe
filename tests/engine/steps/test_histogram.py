"""Histogram matching."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.steps import histogram
from napari_octseg.engine.steps.histogram import (
    grey_shares,
    match_histogram,
    rounded,
    volume_shares,
)
from napari_octseg.errors import ModelError
from napari_octseg.volume import OCTVolume


def grey(seed: int, low: float = 0.0, high: float = 0.9) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = low + (high - low) * random.random((60, 50)) ** 2
    return (np.round(values * 255) / 255).astype(np.float32)


def test_shares_count_pixels_at_or_below_each_level() -> None:
    image = np.array([0, 0, 1 / 255, 128 / 255], np.float32)
    shares = grey_shares([image])
    assert shares[0] == 0.5
    assert shares[1] == shares[127] == 0.75
    assert shares[128] == shares[255] == 1


def test_white_wedges_do_not_count() -> None:
    image = grey(0)
    wedged = np.hstack([image, np.ones((60, 30), np.float32)])
    assert np.array_equal(grey_shares([image]), grey_shares([wedged]))


def test_the_result_has_the_histogram_of_the_reference() -> None:
    source, wanted = grey(1, 0.3, 0.6), grey(2)
    matched = match_histogram(source, grey_shares([source]), grey_shares([wanted]))
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        found, aim = np.quantile(matched, share), np.quantile(wanted, share)
        assert found == pytest.approx(aim, abs=0.02)  # the source has 77 levels
    assert matched.min() >= wanted.min() - 1e-6
    assert matched.max() <= wanted.max() + 1e-6


def test_matching_to_oneself_changes_nothing() -> None:
    image = grey(3, 0.1)
    shares = grey_shares([image])
    assert np.allclose(match_histogram(image, shares, shares), image, atol=1e-6)


def test_a_card_holds_the_reference_without_loss() -> None:
    image, shares = grey(4), grey_shares([grey(5)])
    exact = match_histogram(image, grey_shares([image]), shares)
    stored = match_histogram(image, grey_shares([image]), rounded(shares))
    assert np.abs(exact - stored).max() < 2 / 255


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_brighter_stays_brighter_and_white_stays_white(seed: int) -> None:
    source, wanted = grey(seed), grey(seed + 1, 0.2, 0.5)
    values = np.sort(np.append(source.ravel(), np.float32(1)))
    matched = match_histogram(values, grey_shares([source]), grey_shares([wanted]))
    assert (np.diff(matched) >= 0).all()
    assert matched[-1] == 1


@pytest.mark.parametrize("wrong", [[0.0, 1.0], [1.0] + [0.5] * 255, [-1.0] * 256])
def test_a_reference_that_is_no_histogram_is_refused(wrong: list[float]) -> None:
    with pytest.raises(ModelError, match="256 shares"):
        match_histogram(grey(0), grey_shares([grey(0)]), wrong)


def test_a_volume_is_sampled_once_and_never_read_as_a_whole() -> None:
    class Lazy:
        """An array that counts which B-scans were asked for."""

        shape, ndim, dtype = (200, 8, 9), 3, np.dtype(np.uint8)

        def __init__(self) -> None:
            self.read: list[int] = []

        def __getitem__(self, index: int) -> np.ndarray[Any, Any]:
            self.read.append(index)
            return np.full((8, 9), index % 250, np.uint8)

    lazy = Lazy()
    volume = OCTVolume(lazy)
    assert lazy.read == []
    shares = volume_shares(volume)
    assert len(lazy.read) == 16
    assert (lazy.read[0], lazy.read[-1]) == (0, 199)
    assert volume_shares(volume) is shares
    assert len(lazy.read) == 16


def test_a_volume_that_is_gone_leaves_nothing_behind() -> None:
    before = len(histogram._SHARES)
    volume = OCTVolume(np.zeros((2, 4, 4), np.uint8))
    volume_shares(volume)
    del volume
    gc.collect()
    assert len(histogram._SHARES) <= before
