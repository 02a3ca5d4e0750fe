"""Surfaces of OCTExplorer (Iowa Reference Algorithms), ``*_Surfaces_Iowa.xml``.

Its makers have published no description. This follows the files of versions 3 and 4 as
the readers of others document them (RETIMAT, the LONI converter, OCTAnnotate): values
are whole rows from 0, A-scans that cannot be trusted are listed as undefined regions,
and B-scans run from the top of the fundus downwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.bscan_order import (
    is_better_reversed,
    starts_at_the_bottom,
)
from napari_octseg.groundtruth.formats.drawn_boundaries import (
    boundaries_of,
    drawn_by_machine,
    scan_of_boundaries,
)
from napari_octseg.groundtruth.formats.exporting import export_folder
from napari_octseg.groundtruth.formats.iowa_xml import (
    IowaSurfaces,
    read_surfaces,
    write_surfaces,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

_ENDING = "_Surfaces_Iowa.xml"


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write one ``SCAN_Surfaces_Iowa.xml`` per scan into a new folder.

    Raises
    ------
    WriteError
        As `export_folder`; or if a scan has no layers, or no column with all of them.
    """
    # The place on the fundus is known only before the export makes it anonymous.
    reversed_order = {s.name: starts_at_the_bottom(s.volume) for s in scans}

    def write_scan(scan: GradedScan, folder: Path) -> None:
        assert scan.boundaries is not None
        surfaces = IowaSurfaces(
            scan.boundaries, scan.volume.depth, reversed_order[scan.name]
        )
        write_surfaces(surfaces, scan.volume, folder / f"{scan.name}{_ENDING}")

    return export_folder(
        target, FORMAT.name, [_as_read(scan) for scan in scans], write_scan
    )


def _as_read(scan: GradedScan) -> GradedScan:
    """The scan as its file will be read: whole rows, and whole columns or none."""
    boundaries = boundaries_of(scan, FORMAT.title)
    kept = [i for i, h in enumerate(boundaries.heights) if np.isfinite(h).any()]
    heights = boundaries.heights[kept]
    # The first row below a boundary, so that labels stay the same.
    rows = np.clip(np.ceil(heights), 0, scan.volume.depth - 1)
    rows[:, np.isnan(heights).any(axis=0)] = np.nan
    names = [boundaries.names[i] for i in kept]
    if len(names) < 2 or np.isnan(rows).all():
        raise WriteError(
            f"{scan.name} has no column in which all of its boundaries are there",
            allowed="at least one: OCTExplorer knows columns only as a whole",
            todo="export it as boundary CSV instead",
        )
    read = scan_of_boundaries(
        scan.name, scan.volume, Boundaries(tuple(names), rows), patient=scan.patient
    )
    return replace(read, volume=scan.volume, provenance=scan.provenance)


def read_labels_for(path: Path, volume: OCTVolume) -> GradedScan:
    """Read surfaces for the scan they belong to.

    The order of the B-scans in files of others is not written in them: it is the one
    in which the surfaces lie better on the edges of the image; where that is undecided,
    from the top of the fundus downwards. Nor do they tell whether a person has moved
    what the algorithms have drawn: without our sidecar it is a machine's.

    Parameters
    ----------
    path
        ``*_Surfaces_Iowa.xml``, or a folder that holds one.
    volume
        The scan.

    Raises
    ------
    ReadError
        If it is no such file, or its size is not that of the scan.
    """
    file = _file_in(path)
    found = read_surfaces(file)
    if found.depth != volume.depth:
        raise ReadError(
            f"{file.name} belongs to a scan of {found.depth} rows, this one has "
            f"{volume.depth}",
            allowed="surfaces of this scan at its native size",
            todo="choose the file that belongs to the scan",
        )
    boundaries = found.boundaries
    fits = boundaries.heights.shape[1:] == (volume.n_bscans, volume.width)
    is_reversed = found.is_reversed
    if is_reversed is None and fits:
        is_reversed = is_better_reversed(volume, boundaries.heights)
    if is_reversed is None:
        is_reversed = starts_at_the_bottom(volume)
    if is_reversed:
        boundaries = Boundaries(boundaries.names, boundaries.heights[:, ::-1])
    name = file.name.removesuffix(".xml").removesuffix(_ENDING.removesuffix(".xml"))
    scan = scan_of_boundaries(name, volume, boundaries)
    sidecar = read_sidecar(file.parent)
    if scan.name in sidecar.entries:
        sidecar.check_is_of(scan.name, volume)
        return sidecar.completed(scan)
    return drawn_by_machine(scan, "OCTExplorer")


def _file_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = sorted(p for p in path.glob("*.xml") if "_Surfaces_" in p.name)
    if len(files) != 1:
        raise ReadError(
            f"{path} holds {len(files)} files of surfaces",
            allowed=f"one file *{_ENDING}",
            todo="choose the file itself",
        )
    return files[0]


FORMAT = ExchangeFormat(
    name="octexplorer",
    title="OCTExplorer surfaces",
    what="Boundaries as OCTExplorer (Iowa Reference Algorithms) keeps them; RETIMAT "
    "and other readers of *_Surfaces_Iowa.xml open them.",
    write=write,
    read=None,
    read_labels_for=read_labels_for,
    suffixes=(".xml",),
    loses="Fractions of a row (boundaries lie on the first row below), columns in "
    "which not all boundaries are there, lesions and fluid.",
)
