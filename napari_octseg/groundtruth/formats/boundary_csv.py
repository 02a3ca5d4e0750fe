"""Boundaries as tables: the height of each at each A-scan, in px and in µm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.drawn_boundaries import (
    boundaries_of,
    scan_of_boundaries,
)
from napari_octseg.groundtruth.formats.exporting import export_folder
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.io.boundary_names import canonical_boundary, named_boundaries
from napari_octseg.io.format import broken_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

_NAME = "boundary-csv"
_SUFFIX = ".csv"
_BSCAN, _ASCAN = "bscan", "ascan"
_PX, _UM = "_px", "_um"
_EXACT = "%.9g"  # digits that tell every float32 from its neighbours
_ALLOWED = f"a table with the columns {_BSCAN}, {_ASCAN} (from 0) and NAME{_PX}"


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write ``SCAN.csv`` per scan into a new folder: one row per A-scan.

    Columns are ``bscan`` and ``ascan`` from 0, then ``NAME_px`` for each boundary, from
    the top of the B-scan with the centre of the first row at 0, and ``NAME_um`` where
    the axial spacing is known; cells are empty where nobody answers for the height.

    Raises
    ------
    WriteError
        As `export_folder`; or if a scan has no layers.
    """
    return export_folder(target, _NAME, [as_layers(s) for s in scans], _write_scan)


def as_layers(scan: GradedScan) -> GradedScan:
    """The scan as boundaries tell it: labels are the layers between them, no others.

    Raises
    ------
    WriteError
        If it has no layers.
    """
    drawn = scan_of_boundaries(
        scan.name, scan.volume, boundaries_of(scan, _NAME), patient=scan.patient
    )
    return replace(drawn, volume=scan.volume, provenance=scan.provenance)


def _write_scan(scan: GradedScan, folder: Path) -> None:
    table = table_of(boundaries_of(scan, _NAME), scan.volume.spacing.axial)
    table.to_csv(folder / f"{scan.name}{_SUFFIX}", index=False, float_format=_EXACT)


def table_of(boundaries: Boundaries, axial_um: float | None) -> pd.DataFrame:
    """Heights with one row per A-scan.

    Parameters
    ----------
    boundaries
        Heights in px.
    axial_um
        µm per px; without it there are no columns in µm.

    Returns
    -------
    Columns ``bscan``, ``ascan``, ``NAME_px`` …, ``NAME_um`` …; NaN = absent.
    """
    import pandas as pd

    _, n_bscans, width = boundaries.heights.shape
    bscans, ascans = np.indices((n_bscans, width))
    columns = {_BSCAN: bscans.ravel(), _ASCAN: ascans.ravel()}
    named = dict(zip(boundaries.names, boundaries.heights, strict=True))
    columns |= {f"{name}{_PX}": heights.ravel() for name, heights in named.items()}
    if axial_um is not None:
        columns |= {
            f"{name}{_UM}": heights.ravel().astype(np.float64) * axial_um
            for name, heights in named.items()
        }
    return pd.DataFrame(columns)


def read_labels_for(path: Path, volume: OCTVolume) -> GradedScan:
    """Read the boundaries of a scan.

    Parameters
    ----------
    path
        Table as `write` makes it, or an export with that of this scan. Of boundaries
        without ``NAME_px`` those in µm are used. A-scans without a row are not graded.
    volume
        The scan.

    Raises
    ------
    ReadError
        If it is no such table, or of another scan.
    """
    file = _table_for(path, volume) if path.is_dir() else path
    sidecar = read_sidecar(file.parent)
    sidecar.check_is_of(file.stem, volume)
    table = _read_table(file)
    boundaries = _boundaries(table, volume, file)
    scan = scan_of_boundaries(file.stem, volume, boundaries)
    return sidecar.completed(scan)


def _read_table(file: Path) -> pd.DataFrame:
    """A table with commas, or as spreadsheets write it where the comma is decimal."""
    import pandas as pd

    damage = (ValueError, OSError)  # parser and Unicode errors are ValueErrors
    with broken_file(file, "a table", *damage):
        with file.open(encoding="utf-8-sig") as stream:
            header, row = stream.readline(), stream.readline()
        separator = max(",;\t", key=header.count)
        decimal = "," if separator != "," and "," in row else "."
        return pd.read_csv(file, sep=separator, decimal=decimal, encoding="utf-8-sig")


def _table_for(folder: Path, volume: OCTVolume) -> Path:
    name = read_sidecar(folder).name_of(volume)
    tables = sorted(folder.glob(f"*{_SUFFIX}"))
    if name is not None:
        tables = [file for file in tables if file.stem == name]
    if len(tables) != 1:
        raise ReadError(
            f"{folder} has {len(tables) or 'no'} tables, and none is known to belong "
            "to this scan",
            allowed="the table of the scan",
            todo=f"choose one {_SUFFIX} file instead of the folder",
        )
    return tables[0]


def _boundaries(table: pd.DataFrame, volume: OCTVolume, file: Path) -> Boundaries:
    where = _places(table, volume, file)
    axial = volume.spacing.axial
    heights: dict[str, NDArray[np.float32]] = {}
    for suffix, divisor in ((_PX, 1.0), (_UM, axial)):
        for column in table.columns:
            name = str(column).removesuffix(suffix)
            if name == column or name in heights:
                continue
            if divisor is None:
                raise ReadError(
                    f"{file.name} has {name} in µm only, and the axial spacing of the "
                    "scan is not known",
                    todo=f"state the spacing of the scan, or add a column {name}{_PX}",
                )
            with broken_file(file, "a table", ValueError, TypeError):
                values = table[column].to_numpy(np.float64) / divisor
            heights[name] = np.full((volume.n_bscans, volume.width), np.nan, np.float32)
            heights[name][where] = values
    if not heights:
        raise ReadError(f"{file.name} has no boundary", allowed=_ALLOWED)
    return _top_to_bottom(heights)


def _top_to_bottom(heights: dict[str, NDArray[np.float32]]) -> Boundaries:
    """Boundaries under our names in the order of the columns if that goes downwards.

    Else in that of anatomy, as far as their names are known.
    """
    stack = np.stack(list(heights.values()))
    downwards = all(
        _median(lower - upper) >= 0 for upper, lower in pairwise(heights.values())
    )
    sorted_ = None if downwards else named_boundaries(tuple(heights), stack)
    if sorted_ is not None:
        return sorted_
    ours = [canonical_boundary(name) for name in heights]
    return Boundaries(tuple(ours if len(set(ours)) == len(ours) else heights), stack)


def _median(values: NDArray[np.float32]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else 0.0


def _places(
    table: pd.DataFrame, volume: OCTVolume, file: Path
) -> tuple[NDArray[Any], NDArray[Any]]:
    """B-scan and A-scan of each row."""
    places = []
    for column, length in ((_BSCAN, volume.n_bscans), (_ASCAN, volume.width)):
        if column not in table.columns:
            raise ReadError(f"{file.name} has no column {column}", allowed=_ALLOWED)
        with broken_file(file, "a table", ValueError, TypeError):
            index = table[column].to_numpy(np.float64)
        wrong = index[(index != np.rint(index)) | (index < 0) | (index >= length)]
        if wrong.size or not index.size:
            raise ReadError(
                f"{file.name} has {column} {wrong[0] if wrong.size else '(none)'}",
                allowed=f"whole numbers from 0 to {length - 1}, as the scan has",
                todo="choose the table that belongs to the scan",
            )
        places.append(index.astype(np.intp))
    return places[0], places[1]


FORMAT = ExchangeFormat(
    name=_NAME,
    title="Boundary tables (CSV)",
    what="The height of each boundary at each A-scan in px and µm: for statistics, "
    "Excel, R, MATLAB.",
    write=write,
    read=None,
    read_labels_for=read_labels_for,
    suffixes=(_SUFFIX,),
    loses="Pixels, and classes that are no layers.",
)
