from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.measure import surfaces
from napari_octseg.measure.surfaces import ClassSurface, iter_surfaces

CLASSES = LabelSet.of("background", "H", "IRF", "SRF")


def surfaces_of(labels) -> tuple[ClassSurface, ...]:
    steps = iter_surfaces(labels, CLASSES)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def volume_of(surface: ClassSurface) -> float:
    """Signed volume within a closed surface, by the divergence theorem."""
    a, b, c = (surface.vertices[surface.faces[:, i]].astype(float) for i in range(3))
    return abs(float((np.cross(a, b) * c).sum()) / 6)


def is_closed(surface: ClassSurface) -> bool:
    """Whether every edge belongs to an even number of triangles."""
    sides = [surface.faces[:, [i, (i + 1) % 3]] for i in range(3)]
    edges = np.sort(np.concatenate(sides), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return bool((counts % 2 == 0).all())


@pytest.fixture
def labels() -> np.ndarray:
    made = np.zeros((6, 40, 50), np.uint8)
    made[:, 10:34] = 1
    made[2:5, 15:25, 20:40] = 2
    return made


def test_every_class_that_occurs_has_a_closed_surface_and_no_other(labels):
    found = surfaces_of(labels)
    assert [one.class_index for one in found] == [1, 2]
    assert all(is_closed(one) for one in found)
    assert [one.n_voxels for one in found] == [6 * 24 * 50 - 600, 3 * 10 * 20]


def test_a_box_is_where_it_was_drawn(labels):
    irf = surfaces_of(labels)[1]
    # From half a voxel before its first voxel to half a voxel behind its last.
    np.testing.assert_allclose(irf.vertices.min(axis=0), [1.5, 14.5, 19.5], atol=0.3)
    np.testing.assert_allclose(irf.vertices.max(axis=0), [4.5, 24.5, 39.5], atol=0.3)
    # Its edges towards the neighbouring B-scans are bevelled.
    assert volume_of(irf) == pytest.approx(3 * 10 * 20, rel=0.25)


def test_many_bscans_of_one_outline_hold_the_volume_drawn():
    labels = np.zeros((40, 60, 60), np.uint8)
    labels[:, 10:50, 5:55] = 3
    assert volume_of(surfaces_of(labels)[0]) == pytest.approx(
        np.count_nonzero(labels), rel=0.03
    )


def test_between_bscans_the_outline_moves_from_one_to_the_other():
    labels = np.zeros((2, 60, 40), np.uint8)
    labels[0, 10:40] = 1
    labels[1, 20:50] = 1
    surface = surfaces_of(labels)[0]
    x = surface.vertices
    middle = np.abs(x[:, 0] - 0.5) < 0.1
    # Half way between the B-scans, the top lies half way between 9.5 and 19.5.
    assert x[middle, 1].min() == pytest.approx(14.5, abs=1.0)
    assert x[middle, 1].max() == pytest.approx(44.5, abs=1.0)


def test_large_classes_are_made_of_fewer_triangles(monkeypatch):
    rows = np.arange(120)[:, None, None]
    waves = 60 + 12 * np.sin(np.arange(160) / 6)
    waves = waves + 6 * np.cos(np.arange(9) / 2)[:, None]
    labels = ((rows > waves) & (rows < waves + 20)).astype(np.uint8).swapaxes(0, 1)
    fine = surfaces_of(labels)[0]
    limit = len(fine.faces) // 5
    monkeypatch.setattr(surfaces, "_MOST_FACES", limit)
    coarse = surfaces_of(labels)[0]
    assert len(coarse.faces) < 1.3 * limit
    assert is_closed(coarse)
    assert volume_of(coarse) == pytest.approx(volume_of(fine), rel=0.1)
    for side in (np.min, np.max):
        np.testing.assert_allclose(
            side(coarse.vertices, axis=0), side(fine.vertices, axis=0), atol=4
        )


def test_thin_and_tiny_things_are_not_lost(monkeypatch):
    labels = np.zeros((5, 40, 60), np.uint8)
    labels[2, 20, 30] = 2  # a single voxel
    labels[:, 5] = 1  # a membrane of one row
    assert [one.class_index for one in surfaces_of(labels)] == [1, 2]
    monkeypatch.setattr(surfaces, "_MOST_FACES", 1)
    found = surfaces_of(labels)
    assert [one.class_index for one in found] == [1, 2]
    assert all(len(one.faces) for one in found)


def test_one_bscan_and_ungraded_pixels():
    labels = np.full((20, 30), IGNORE, np.uint8)
    assert surfaces_of(labels) == ()
    labels[5:15, 5:25] = 2
    [surface] = surfaces_of(labels)
    assert surface.vertices[:, 0].min() == pytest.approx(-0.5, abs=0.1)
    assert surface.vertices[:, 0].max() == pytest.approx(0.5, abs=0.1)


def test_what_cannot_be_labels_is_refused():
    with pytest.raises(LabelError, match="integers"):
        surfaces_of(np.zeros((3, 4, 5)))
