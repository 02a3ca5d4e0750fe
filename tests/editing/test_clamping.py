"""Findings lie between the boundaries they belong to."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.boundaries import boundaries_to_labels, boundary_names
from napari_octseg.editing.clamping import CLAMP_OF, clamp, clamp_limits, outside
from napari_octseg.editing.columns import beneath

LAYERS = ("RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE")
NAMES = boundary_names(LAYERS)
HEIGHTS = np.repeat(np.arange(4.5, 44, 5, dtype=np.float32)[:, None], 30, axis=1)
IRF, PED = 8, 9


def height_of(name: str) -> float:
    return float(HEIGHTS[NAMES.index(name), 0])


@pytest.mark.parametrize(
    ("finding", "top", "bottom"),
    [
        ("IRF", "ILM", "EZ/RPE"),
        ("SRF", "ELM/EZ", "EZ/RPE"),
        ("PED", "EZ/RPE", "BM"),
        ("MNV", "ELM/EZ", "BM"),
    ],
)
def test_each_finding_has_its_place(finding: str, top: str, bottom: str) -> None:
    limits = clamp_limits(finding, NAMES, HEIGHTS)
    assert limits is not None
    assert (limits[0] == height_of(top)).all()
    assert (limits[1] == height_of(bottom)).all()


def test_every_place_is_right_side_up() -> None:
    for finding in CLAMP_OF:
        limits = clamp_limits(finding, NAMES, HEIGHTS)
        assert limits is not None
        assert (limits[0] < limits[1]).all()


def test_layers_without_the_preferred_boundary_take_the_next_one() -> None:
    names = boundary_names(("RNFL", "GCIPL", "ONL", "OS", "choroid"))
    heights = HEIGHTS[: len(names)]
    limits = clamp_limits("IRF", names, heights)
    assert limits is not None
    assert (limits[1] == heights[names.index("EZ/OS")]).all()


def test_findings_without_a_place_are_not_clamped() -> None:
    assert clamp_limits("VMT", NAMES, HEIGHTS) is None
    assert clamp_limits("PED", NAMES[:4], HEIGHTS[:4]) is None
    assert clamp_limits("IRF", (), HEIGHTS[:0]) is None


def test_a_clamped_class_shows_the_layers_it_leaves() -> None:
    bare = boundaries_to_labels(HEIGHTS[:, None], 50)[0]
    labels = bare.copy()
    labels[2:48, 10:20] = IRF
    labels[2, 25] = PED
    before = labels.copy()
    limits = clamp_limits("IRF", NAMES, HEIGHTS)
    assert limits is not None
    clamped = clamp(labels, IRF, *limits, beneath(labels, HEIGHTS, range(1, 8)))
    assert np.array_equal(labels, before)
    off = outside((50, 30), *limits)
    assert not (clamped == IRF)[off].any()
    assert ((clamped == IRF) == (labels == IRF))[~off].all()
    assert (clamped[off & (labels == IRF)] == bare[off & (labels == IRF)]).all()
    assert clamped[2, 25] == PED


def test_absent_boundaries_clamp_nothing() -> None:
    labels = np.full((50, 30), IRF, np.uint8)
    absent = np.full(30, np.nan, np.float32)
    assert (clamp(labels, IRF, absent, None) == IRF).all()
    absent[3] = 10
    clamped = clamp(labels, IRF, absent, None, 0)
    assert (clamped[:, 3] == np.where(np.arange(50) < 10, 0, IRF)).all()
