"""Copy a B-scan, interpolate between two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.editing.propagate import (
    copy_from,
    interpolate_corrections,
    interpolate_heights,
    interpolate_labels,
)
from napari_octseg.errors import EditError
from napari_octseg.labels import IGNORE

DEPTH, WIDTH = 64, 60
NAN = np.float32(np.nan)


def flat(*rows: float, width: int = WIDTH) -> np.ndarray:
    return np.repeat(np.array(rows, np.float32)[:, None], width, axis=1)


def test_a_copy_follows_the_retina_down() -> None:
    heights = flat(10.5, 20.25)
    labels = boundaries_to_labels(heights[:, None], DEPTH)[0]
    labels[14:17, 30:40] = 7
    copied, moved = copy_from(labels, heights, rows=4)
    assert np.array_equal(moved, heights + 4)
    assert np.array_equal(copied[4:], labels[:-4])
    assert not copied[:4].any()
    assert moved.dtype == np.float32
    same, unmoved = copy_from(labels, heights)
    assert np.array_equal(same, labels)
    assert not np.shares_memory(same, labels)
    assert not np.shares_memory(unmoved, heights)


@given(share=st.floats(0, 1))
def test_heights_go_straight_from_one_to_the_other(share) -> None:
    a, b = flat(10, 20), flat(30, 32)
    a[1, 5], b[0, 9] = NAN, NAN
    between = interpolate_heights(a, b, share)
    assert np.isnan(between[1, 5])
    assert np.isnan(between[0, 9])
    assert np.isfinite(between).sum() == 2 * WIDTH - 2
    assert np.allclose(between[0, 0], 10 + 20 * share, atol=1e-4)
    assert np.allclose(between[1, 0], 20 + 12 * share, atol=1e-4)


def test_the_ends_are_the_corrected_bscans_themselves() -> None:
    rng = np.random.default_rng(0)
    a, b = np.sort(rng.uniform(0, 60, (2, 4, WIDTH)).astype(np.float32), axis=1)
    assert np.array_equal(interpolate_heights(a, b, 0), a)
    assert np.array_equal(interpolate_heights(a, b, 1), b)


def test_an_eye_that_moved_is_followed() -> None:
    a, b = flat(10, 20), flat(30, 44)  # the eye sank by 20, the layer grew by 4
    between = interpolate_heights(a, b, 0.5, rows=(2, -18))
    assert np.allclose(between, flat(12, 24))


def test_only_the_error_of_a_model_is_interpolated() -> None:
    hills = 30 + 5 * np.sin(np.arange(WIDTH) / 4).astype(np.float32)[None]
    corrected = interpolate_corrections(hills + 3, flat(-2), flat(-4), 0.5)
    assert np.allclose(corrected, hills, atol=1e-4)
    missing = interpolate_corrections(hills, flat(1), flat(NAN), 0.5)
    assert np.isnan(missing).all()


def test_a_corrected_stretch_is_carried_whole_and_nothing_beside_it() -> None:
    own = flat(20)
    stretch = np.s_[:, 20:30]
    wavering = np.zeros_like(own)
    wavering[stretch] = 3 + np.float32(0.4) * (-1) ** np.arange(10)
    between = interpolate_corrections(own, wavering, wavering, 0.5)
    assert np.allclose(between[stretch], 23, atol=0.05)
    between[stretch] = own[stretch]
    assert np.array_equal(between, own)


def test_labels_between_have_layers_and_findings() -> None:
    a, b = flat(10.5, 30.5), flat(14.5, 34.5)
    labels_a = boundaries_to_labels(a[:, None], DEPTH)[0]
    labels_b = boundaries_to_labels(b[:, None], DEPTH)[0]
    labels_a[18:26, 20:30] = 2
    labels_b[18:26, 20:30] = 2
    labels_a[:, 50:55] = IGNORE
    heights = interpolate_heights(a, b, 0.5)
    between = interpolate_labels(
        labels_a, labels_b, heights, 0.5, layers=[1], findings=[2]
    )
    assert (between[18:26, 20:30] == 2).all()
    assert (between[:, 50:55] == IGNORE).all()
    column = between[:, 5]
    assert np.flatnonzero(column == 1).tolist() == list(range(13, 33))
    assert not column[:13].any()
    assert set(np.unique(between)) == {0, 1, 2, IGNORE}


def test_labels_without_layers_are_findings_only() -> None:
    labels = np.zeros((DEPTH, WIDTH), np.uint8)
    labels[20:30, 20:40] = 3
    none = np.empty((0, WIDTH), np.float32)
    between = interpolate_labels(labels, labels, none, 0.5, layers=[], findings=[3])
    assert np.array_equal(between, labels)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_place_outside_is_refused(share) -> None:
    with pytest.raises(EditError, match="0 to 1"):
        interpolate_heights(flat(1), flat(2), share)
    with pytest.raises(EditError, match="0 to 1"):
        interpolate_corrections(flat(1), flat(2), flat(2), share)
