"""Graded scans of every kind, for properties that hold for all of them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_octseg.boundaries import Boundaries, boundary_names
from napari_octseg.groundtruth.graded_scan import (
    STATES,
    GradedScan,
    Provenance,
    accepted_as_is,
)
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume, Origin, ScanPattern, Spacing

LABEL_SET = LabelSet.of("background", "RNFL", "GCIPL", "IRF")
LAYERS = ("RNFL", "GCIPL")
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,12}", fullmatch=True)
ORIGINS = ("nobody", "human", "propagated", 'net, "the best" 1.0 + x; ö')


def patient(number: int) -> str:
    return f"P-{number:08x}"


def plain_scan(
    seed: int = 0,
    *,
    name: str = "eye",
    patient: str = patient(1),
    shape: tuple[int, int, int] = (3, 12, 9),
    label: int = 1,
) -> GradedScan:
    """A scan whose pixels come from a seed, and whose labels are of one class."""
    n_bscans, depth, width = shape
    pixels = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
    labels = np.zeros(shape, np.uint8)
    labels[:, depth // 2 :] = label
    names = boundary_names(LAYERS)
    heights = np.full((len(names), n_bscans, width), depth / 2, np.float32)
    return GradedScan(
        name=name,
        patient=patient,
        volume=OCTVolume(pixels, spacing_um=(120.0, 3.87, 11.5)),
        labels=labels,
        label_set=LABEL_SET,
        layers=LAYERS,
        boundaries=Boundaries(names, heights),
        provenance=Provenance(
            states=("reviewed",) * n_bscans,
            accepted=(True, *[False] * (n_bscans - 1)),
            graders=("G-00000001",) * n_bscans,
            seconds=(1.5,) * n_bscans,
            edit_um=(None, *[0.25] * (n_bscans - 1)),
            origins=np.ones((n_bscans, width), np.uint8),
            origin_names=ORIGINS,
        ),
    )


def spacings() -> st.SearchStrategy[Spacing]:
    known = st.floats(1e-3, 1e5)
    origins = st.sampled_from([one for one in Origin if one is not Origin.UNKNOWN])
    axis = st.none() | st.tuples(known, origins)

    def made(axes: tuple[tuple[float, Origin] | None, ...]) -> Spacing:
        values = [None if one is None else one[0] for one in axes]
        told = [Origin.UNKNOWN if one is None else one[1] for one in axes]
        return Spacing(*values, tuple(told))

    return st.tuples(axis, axis, axis).map(made)


@st.composite
def pixels(draw: st.DrawFn, shape: tuple[int, int, int]) -> np.ndarray:
    dtype = draw(st.sampled_from([np.uint8, np.uint16, np.float32]))
    return draw(hnp.arrays(dtype, shape))


@st.composite
def provenances(draw: st.DrawFn, n_bscans: int, width: int) -> Provenance:
    def each(one: st.SearchStrategy) -> tuple:
        return draw(st.tuples(*[one] * n_bscans))

    finite = st.floats(0, 1e9)
    origins = hnp.arrays(
        np.uint8, (n_bscans, width), elements=st.integers(0, len(ORIGINS) - 1)
    )
    return Provenance(
        states=each(st.sampled_from(STATES)),
        accepted=each(st.booleans()),
        graders=each(st.sampled_from(["", "G-0a0b0c0d"])),
        seconds=each(finite),
        edit_um=each(st.none() | finite),
        origins=draw(origins),
        origin_names=ORIGINS,
    )


@st.composite
def graded_scans(draw: st.DrawFn) -> GradedScan:
    """Scans with at least one graded pixel, whose labels somebody answers for."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)))
    n_bscans, _, width = shape
    classes = st.sampled_from([*range(len(LABEL_SET)), IGNORE])
    labels = draw(hnp.arrays(np.uint8, shape, elements=classes))
    labels[0, 0, 0] = draw(st.integers(0, len(LABEL_SET) - 1))
    names = boundary_names(LAYERS)
    px = st.floats(-5, 20, width=32) | st.just(math.nan)
    heights = hnp.arrays(np.float32, (len(names), n_bscans, width), elements=px)
    boundaries = draw(st.none() | heights.map(lambda h: Boundaries(names, h)))
    volume = OCTVolume(
        draw(pixels(shape)),
        spacing=draw(spacings()),
        laterality=draw(st.sampled_from([None, "OD", "OS"])),
        scan_pattern=draw(st.sampled_from(ScanPattern)),
        device=draw(st.none() | st.text(max_size=20)),
        display_gamma=draw(st.floats(0.1, 2)),
    )
    scan = GradedScan(
        name=draw(NAMES),
        patient=draw(NAMES),
        volume=volume,
        labels=labels,
        label_set=LABEL_SET,
        layers=LAYERS,
        boundaries=boundaries,
        provenance=draw(st.none() | provenances(n_bscans, width)),
    )
    return accepted_as_is(scan, "G-00000001")


def assert_same(one: GradedScan, other: GradedScan) -> None:
    """Every value of two scans is equal, to the last bit; NaN equals NaN."""
    for name in ("name", "patient", "label_set", "layers"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("spacing", "laterality", "scan_pattern", "device", "display_gamma"):
        assert getattr(one.volume, name) == getattr(other.volume, name)
    _assert_equal(np.asarray(one.volume.data), np.asarray(other.volume.data))
    _assert_equal(one.labels, other.labels)
    assert (one.boundaries is None) == (other.boundaries is None)
    if one.boundaries is not None and other.boundaries is not None:
        assert one.boundaries.names == other.boundaries.names
        _assert_equal(one.boundaries.heights, other.boundaries.heights)
    assert (one.provenance is None) == (other.provenance is None)
    if one.provenance is not None and other.provenance is not None:
        for name in ("states", "accepted", "graders", "seconds", "edit_um"):
            assert getattr(one.provenance, name) == getattr(other.provenance, name)
        assert one.provenance.origin_names == other.provenance.origin_names
        _assert_equal(one.provenance.origins, other.provenance.origins)


def _assert_equal(one: np.ndarray, other: np.ndarray) -> None:
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.tobytes() == other.tobytes()
