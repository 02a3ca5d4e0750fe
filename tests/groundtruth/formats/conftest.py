"""Graded scans of any kind, and what it means that two of them are the same."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import strategies as st

from napari_octseg.boundaries import Boundaries, boundary_names
from napari_octseg.groundtruth.graded_scan import STATES, GradedScan, Provenance
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume, Origin, ScanPattern, Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LAYERS = ("RNFL", "GCIPL", "RPE")
CLASSES = LabelSet.of("background", *LAYERS, "IRF", "SRF", "PED")
ORIGINS = ("human", "duke-unet 1.0", "propagated")


def make_scan(
    name: str = "S-1",
    shape: tuple[int, int, int] = (3, 21, 13),
    dtype: str = "uint8",
    spacing: tuple[float | None, float | None, float | None] = (60.0, 3.87, 11.5),
    *,
    patient: str = "P-1",
    label_set: LabelSet = CLASSES,
    layers: Sequence[str] = LAYERS,
    seed: int = 0,
) -> GradedScan:
    """A scan with random pixels, labels, heights and provenance, partly ungraded."""
    random = np.random.default_rng(seed)
    n_bscans, depth, width = shape
    top = {"uint8": 256, "uint16": 65536, "float32": 1}[dtype]
    pixels = (random.random(shape) * top).astype(dtype)
    graded = random.random((n_bscans, width)) < 0.7
    graded[0, 0] = True
    labels = random.integers(0, len(label_set), shape).astype(np.uint8)
    labels[random.random(shape) < 0.1] = IGNORE
    labels[0, 0, 0] = 0
    labels = np.where(graded[:, None, :], labels, IGNORE).astype(np.uint8)
    boundaries = None
    if layers:
        n_boundaries = len(layers) + 1
        heights = np.sort(random.random((n_boundaries, n_bscans, width)) * depth, 0)
        heights[:, ~graded] = np.nan
        heights[random.random(heights.shape) < 0.1] = np.nan
        heights[:, 0, 0] = np.arange(n_boundaries) + 0.25
        boundaries = Boundaries(boundary_names(layers), heights.astype(np.float32))
    provenance = Provenance(
        states=tuple(random.choice(STATES) for _ in range(n_bscans)),
        accepted=tuple(bool(random.integers(2)) for _ in range(n_bscans)),
        graders=tuple(random.choice(["", "G-1", "G-2"]) for _ in range(n_bscans)),
        seconds=tuple(float(s) for s in random.random(n_bscans) * 100),
        edit_um=(None, *(float(um) for um in random.random(n_bscans - 1))),
        origins=random.integers(0, len(ORIGINS), (n_bscans, width)).astype(np.uint8),
        origin_names=ORIGINS,
    )
    origins = [Origin.UNKNOWN if um is None else Origin.DERIVED for um in spacing]
    return GradedScan(
        name=name,
        patient=patient,
        volume=OCTVolume(
            pixels,
            spacing=Spacing(*spacing, (origins[0], origins[1], origins[2])),
            laterality="OS",
            scan_pattern=ScanPattern.RASTER,
            device="Maker Model 3",
            display_gamma=0.25 if dtype == "float32" else 1.0,
        ),
        labels=labels,
        label_set=label_set,
        layers=tuple(layers),
        boundaries=boundaries,
        provenance=provenance,
    )


def assert_same(found: GradedScan, wanted: GradedScan) -> None:
    """All of a scan, pixel by pixel and word by word."""
    assert (found.name, found.patient) == (wanted.name, wanted.patient)
    for field in fields(OCTVolume):
        if field.name not in ("data", "source", "notes"):
            told = getattr(wanted.volume, field.name)
            assert getattr(found.volume, field.name) == told, field.name
    assert found.volume.data.dtype == wanted.volume.data.dtype
    np.testing.assert_array_equal(found.volume.data, wanted.volume.data)
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, wanted.labels)
    assert (found.label_set, found.layers) == (wanted.label_set, wanted.layers)
    assert (found.boundaries is None) == (wanted.boundaries is None)
    if found.boundaries is not None and wanted.boundaries is not None:
        assert found.boundaries.names == wanted.boundaries.names
        assert found.boundaries.heights.dtype == np.float32
        np.testing.assert_array_equal(
            found.boundaries.heights, wanted.boundaries.heights
        )
    assert (found.provenance is None) == (wanted.provenance is None)
    for field in fields(Provenance) if found.provenance is not None else ():
        told, read = (getattr(one.provenance, field.name) for one in (wanted, found))
        if field.name == "origins":
            assert read.dtype == np.uint8
            np.testing.assert_array_equal(read, told)
        else:
            assert read == told, field.name


def any_scan(name: str = "S-1", patient: str = "P-1", min_size: int = 1) -> Any:
    """Strategy of scans of odd sizes, any pixel type, known and unknown spacing."""
    um = st.one_of(st.none(), st.floats(0.5, 500))
    return st.builds(
        make_scan,
        name=st.just(name),
        patient=st.just(patient),
        shape=st.tuples(
            st.integers(1, 4), st.integers(min_size, 19), st.integers(min_size, 17)
        ),
        dtype=st.sampled_from(["uint8", "uint16", "float32"]),
        spacing=st.tuples(um, um, um),
        layers=st.sampled_from([LAYERS, ()]),
        seed=st.integers(0, 2**32 - 1),
    )


@pytest.fixture(scope="session")
def scan_of() -> Callable[..., GradedScan]:
    """See `make_scan`."""
    return make_scan


@pytest.fixture(scope="session")
def same() -> Callable[[GradedScan, GradedScan], None]:
    """See `assert_same`."""
    return assert_same


@pytest.fixture(scope="session")
def any_scans() -> Any:
    """Strategy: two scans, of two patients, in one export."""
    return st.tuples(any_scan("S-1", "P-1"), any_scan("s.2_b", "P-2"))
