"""How far the retina has moved along depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_octseg.editing.shifting import axial_offset, shift_rows
from napari_octseg.phantom import PhantomSettings, make_phantom


@pytest.fixture(scope="module")
def bscan():
    return make_phantom(PhantomSettings(shape=(1, 256, 160), seed=4)).volume.data[0]


@pytest.mark.parametrize("rows", [-17, 0, 5, 23])
def test_a_shift_is_found(bscan, rows) -> None:
    noisy = bscan + np.random.default_rng(0).normal(0, 20, bscan.shape)
    assert axial_offset(bscan, np.roll(noisy, rows, axis=0)) == rows


def test_a_shift_beyond_reach_is_not_made_up(bscan) -> None:
    assert abs(axial_offset(bscan, np.roll(bscan, 40, axis=0), reach=6)) <= 6


def test_white_wedges_do_not_count(bscan) -> None:
    first, second = bscan.copy(), np.roll(bscan, 6, axis=0)
    first[:25] = 255
    second[-30:] = 255
    assert axial_offset(first, second) == 6


def test_without_a_picture_there_is_no_shift(bscan) -> None:
    assert axial_offset(np.zeros_like(bscan), bscan) == 0
    assert axial_offset(np.full_like(bscan, 255), np.full_like(bscan, 255)) == 0


def test_the_phantom_retina_is_followed_from_bscan_to_bscan() -> None:
    phantom = make_phantom(PhantomSettings(shape=(17, 256, 160), seed=3))
    for b in range(0, 16, 5):
        here, there = (
            phantom.boundaries.heights[:, b],
            phantom.boundaries.heights[:, b + 1],
        )
        expected = float(np.nanmean(there - here))
        found = axial_offset(phantom.volume.data[b], phantom.volume.data[b + 1])
        assert abs(found - expected) < 1.5


def test_a_registered_volume_is_level(shared_data: Path) -> None:
    path = shared_data / "duke_dme_volumes" / "subject_02.tif"
    volume = tifffile.imread(path, key=range(54, 60))
    found = [axial_offset(volume[i], volume[i + 1]) for i in range(5)]
    assert max(np.abs(found)) <= 1


def test_edges_fill_what_a_shift_bares() -> None:
    labels = np.array([[1], [2], [3]], np.uint8)
    assert shift_rows(labels, 1)[:, 0].tolist() == [1, 1, 2]
    assert shift_rows(labels, -2)[:, 0].tolist() == [3, 3, 3]
    assert shift_rows(labels, 99)[:, 0].tolist() == [1, 1, 1]
    assert labels[:, 0].tolist() == [1, 2, 3]
