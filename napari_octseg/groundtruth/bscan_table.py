"""The review and provenance of a scan as a table: one row per B-scan, for people."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.graded_scan import Provenance

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan

COLUMNS = (
    "bscan",
    "state",
    "accepted_as_is",
    "grader",
    "seconds",
    "edit_um",
    "n_graded_columns",
    "n_human_columns",
    "origins",
)
"""Header of the table; the last three columns are for people, and are not read."""


def write_table(scan: GradedScan, path: Path) -> None:
    """Write the table of a scan as CSV; without provenance only the counts."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for bscan, n_graded in enumerate(scan.graded_columns.sum(axis=1)):
            told = _told(scan.provenance, bscan)
            writer.writerow([bscan, *told[:5], int(n_graded), *told[5:]])


def _told(provenance: Provenance | None, bscan: int) -> list[object]:
    if provenance is None:
        return [""] * 7
    edit = provenance.edit_um[bscan]
    codes, counts = np.unique(provenance.origins[bscan], return_counts=True)
    shares = (
        f"{provenance.origin_names[code]}: {count}"
        for code, count in zip(codes, counts, strict=True)
    )
    return [
        provenance.states[bscan],
        "yes" if provenance.accepted[bscan] else "no",
        provenance.graders[bscan],
        repr(float(provenance.seconds[bscan])),
        "" if edit is None else repr(float(edit)),
        int(provenance.human_columns[bscan].sum()),
        "; ".join(shares),
    ]


def read_provenance(
    path: Path, origins: NDArray[np.uint8], origin_names: tuple[str, ...]
) -> Provenance:
    """Provenance from a table, with the origins that are kept beside it.

    Parameters
    ----------
    path
        What `write_table` wrote.
    origins, origin_names
        As in `Provenance`.

    Raises
    ------
    ReadError
        If it is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return Provenance(
            states=tuple(row["state"] for row in rows),
            accepted=tuple(row["accepted_as_is"] == "yes" for row in rows),
            graders=tuple(row["grader"] for row in rows),
            seconds=tuple(float(row["seconds"]) for row in rows),
            edit_um=tuple(
                float(row["edit_um"]) if row["edit_um"] else None for row in rows
            ),
            origins=origins,
            origin_names=origin_names,
        )
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise ReadError(
            f"{path} is no table of B-scans ({error})",
            allowed=f"CSV with the columns {', '.join(COLUMNS[:6])}",
            todo="take this file from a copy of the data set",
        ) from error
