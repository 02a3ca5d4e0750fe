"""What all writers share: a new folder that appears whole, with its sidecar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import WriteError
from napari_octseg.groundtruth.formats.sidecar import write_sidecar
from napari_octseg.groundtruth.volume_facts import anonymous
from napari_octseg.io.atomic import folder_written_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.labels import LabelSet


def export_folder(
    target: Path,
    format_name: str,
    scans: Sequence[GradedScan],
    write: Callable[[GradedScan, Path], None],
    finish: Callable[[Path], None] | None = None,
    notes: Sequence[str] = (),
    sources: Sequence[GradedScan] = (),
) -> list[Path]:
    """Write an export as a new folder with sidecar: all of it, or nothing.

    Parameters
    ----------
    target
        A folder that is new or empty.
    format_name
        As in the registry.
    scans
        As they are to be written; their names become names of files. What could tell
        whose eye it is (place on the fundus, localizer) is left out.
    write
        Writes one scan into the folder that it is given.
    finish
        Writes what belongs to the whole folder.
    notes
        What was changed to fit the format, for the sidecar.
    sources
        The scans before their pixels were changed to fit; empty if they were not.

    Returns
    -------
    Files written, the sidecar last.

    Raises
    ------
    WriteError
        If there are no scans, two have one name, the folder holds something, or the
        disk refuses.
    """
    check_names(scans)
    scans, sources = (
        [replace(scan, volume=anonymous(scan.volume)) for scan in some]
        for some in (scans, sources)
    )
    with folder_written_whole(target) as draft:
        for scan in scans:
            write(scan, draft)
        if finish is not None:
            finish(draft)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        files.append(write_sidecar(draft, format_name, scans, notes, sources))
        written = [target / path.relative_to(draft) for path in files]
    return written


def numbers_only(scan: GradedScan, below: float = np.inf) -> GradedScan:
    """The scan with 0 where pixels are no numbers; the same object if all are.

    Parameters
    ----------
    scan
        Of any pixel type.
    below
        Larger values and this one are markers of the device, which become 0, too.
    """
    if scan.volume.data.dtype.kind != "f":
        return scan
    pixels = np.asarray(scan.volume.data)
    usable = np.isfinite(pixels) & (pixels < below)
    if usable.all():
        return scan
    pixels = np.where(usable, pixels, np.float32(0))
    return replace(scan, volume=replace(scan.volume, data=pixels))


def became_numbers(name: str) -> str:
    """What the sidecar says of a scan that `numbers_only` has changed."""
    return f"Pixels of {name} that are no numbers became 0."


def check_names(scans: Sequence[GradedScan]) -> None:
    """Raise `WriteError` unless there are scans, each with a file name of its own."""
    if not scans:
        raise WriteError(
            "There is no scan to export",
            todo="add scans with corrected or reviewed B-scans to the data set first",
        )
    seen: dict[str, str] = {}
    for scan in scans:
        key = scan.name.casefold()  # names that are one file on some disks are equal
        if key in seen:
            raise WriteError(
                f"Two scans are called {seen[key]!r} and {scan.name!r}",
                allowed="every scan has its own name, whatever its capitals",
                todo="rename one of them",
            )
        seen[key] = scan.name


def one_label_set(scans: Sequence[GradedScan]) -> LabelSet:
    """The label set that all scans have.

    Raises
    ------
    WriteError
        If there are no scans, or they have several.
    """
    check_names(scans)
    first = scans[0]
    for scan in scans:
        if scan.label_set.names != first.label_set.names:
            raise WriteError(
                f"{first.name} has the classes {', '.join(first.label_set.names)}, "
                f"{scan.name} has {', '.join(scan.label_set.names)}",
                allowed="one label set for all scans of an export",
                todo="map the classes of one onto those of the other, or export them "
                "to two folders",
            )
    return first.label_set
