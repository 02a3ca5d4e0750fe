"""How good the signal of a B-scan is."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.editing.signal_quality import signal_quality
from napari_octseg.phantom import PhantomSettings, make_phantom


@pytest.fixture(scope="module")
def bscan():
    made = make_phantom(PhantomSettings(shape=(1, 256, 160), seed=4))
    return made.volume.data[0].astype(np.float32)


def test_more_noise_is_less_quality(bscan) -> None:
    noise = np.random.default_rng(0).normal(0, 1, bscan.shape)
    found = [signal_quality(bscan + size * noise) for size in (0, 10, 30, 100)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 3 > 1.5 > found[-1]


def test_a_dim_scan_is_worse(bscan) -> None:
    noise = np.random.default_rng(0).normal(0, 10, bscan.shape)
    assert signal_quality(bscan * 0.3 + noise) < signal_quality(bscan + noise)


def test_a_shadow_is_worse(bscan) -> None:
    shadowed = bscan.copy()
    noise = np.random.default_rng(0).normal(20, 5, (256, 60))
    shadowed[:, 40:100] = noise
    assert signal_quality(shadowed) < 0.8 * signal_quality(bscan)


def test_gain_and_offset_do_not_count(bscan) -> None:
    usual = signal_quality(bscan)
    assert signal_quality(bscan * 100 + 700) == pytest.approx(usual, rel=0.02)
    assert signal_quality((bscan * 100).astype(np.uint16)) == pytest.approx(usual)


def test_white_wedges_do_not_count(bscan) -> None:
    wedged = bscan.copy()
    wedged[:30, :80] = 255
    wedged[:, 150:] = 255
    assert signal_quality(wedged) == pytest.approx(signal_quality(bscan), rel=0.15)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_an_empty_bscan_has_no_quality(value) -> None:
    assert signal_quality(np.full((40, 30), value, np.uint8)) == 0


def test_pixels_that_are_not_numbers_do_no_harm(bscan) -> None:
    broken = bscan.copy()
    broken[5, :] = np.nan
    assert signal_quality(broken) > 3
