"""NIfTI: a scan and its labels, as ITK-SNAP, 3D Slicer and most of Python open them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.code_table import (
    highest_code,
    read_code_table,
    write_code_table,
)
from napari_octseg.groundtruth.formats.exporting import (
    became_numbers,
    export_folder,
    numbers_only,
    one_label_set,
)
from napari_octseg.groundtruth.formats.importing import (
    existing_folder,
    scan_of_others,
    shared_patient,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.io import read_volume
from napari_octseg.io.label_files import read_labels
from napari_octseg.io.save import save_labels, save_volume
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.labels import LabelSet

_SUFFIXES = (".nii.gz", ".nii")
_ENDING = "_labels"
# What others append to the name of a scan for its labels.
_ENDINGS = (_ENDING, "_label", "_seg", "_segmentation", "-labels", "-label", "-seg")
_SNAP = "itk-snap-labels.txt"


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write ``SCAN.nii.gz`` and ``SCAN_labels.nii.gz`` into a new folder.

    Axes are x = A-scan, y = depth, z = B-scan, spacing in mm (1 where unknown), labels
    uint8 with 255 = not graded. Pixels that are no numbers become 0. ``classes.json``
    and ``itk-snap-labels.txt`` name the classes.

    Raises
    ------
    WriteError
        As `export_folder`; or if the scans have several label sets, or one is named
        like the labels of another.
    """
    label_set = one_label_set(scans)
    names = {scan.name.casefold() for scan in scans}
    for scan in scans:
        if f"{scan.name}{_ENDING}".casefold() in names:
            raise WriteError(
                f"A scan is called {scan.name + _ENDING!r}, as the labels of another",
                allowed=f"names that do not end with {_ENDING}",
                todo="rename the scan",
            )

    def finish(draft: Path) -> None:
        write_code_table(label_set, draft)
        (draft / _SNAP).write_text(_snap_table(label_set), encoding="utf-8")

    # ITK, which reads them here and in many programs, makes 0 of what is no number.
    numbers = [numbers_only(scan) for scan in scans]
    pairs = zip(scans, numbers, strict=True)
    notes = [became_numbers(one.name) for scan, one in pairs if one is not scan]
    return export_folder(target, "nifti", numbers, _write_scan, finish, notes)


def _write_scan(scan: GradedScan, folder: Path) -> None:
    save_volume(scan.volume, folder / f"{scan.name}.nii.gz")
    labels = folder / f"{scan.name}{_ENDING}.nii.gz"
    save_labels(scan.labels, labels, scan.volume, scan.label_set)


def _snap_table(label_set: LabelSet) -> str:
    """Label descriptions of ITK-SNAP: index, R, G, B, opacity, shown, in 3-D, name."""
    rows = [
        (index, *(round(c * 255) for c in one.rgba[:3]), int(index > 0), one.name)
        for index, one in enumerate(label_set.classes)
    ]
    rows.append((IGNORE, 128, 128, 128, 1, "not graded"))
    return "".join(
        f'{index:5d} {red:5d} {green:4d} {blue:4d} {alpha:4d} {alpha:3d} {alpha:3d}  "'
        + str(name).replace('"', "'")
        + '"\n'
        for index, red, green, blue, alpha, name in rows
    )


def read(path: Path) -> list[GradedScan]:
    """Read NIfTI scans with their labels.

    Parameters
    ----------
    path
        Folder with ``NAME.nii`` or ``NAME.nii.gz`` and, for each, the labels under the
        same name with ``_labels``, ``_label``, ``_seg``, ``_segmentation`` or one of
        these with ``-``; ``classes.json`` (code → name) if there is one. Or one of
        these files: that scan alone.

    Raises
    ------
    ReadError, LabelError
        If something is missing, of another size, or has a code without a name.
    """
    folder = existing_folder(path.parent if path.is_file() else path)
    files = {stem: file for file in folder.iterdir() if (stem := _stem(file))}
    pairs = {
        stem: stem + ending
        for stem in sorted(files)
        for ending in reversed(_ENDINGS)
        if stem + ending in files
    }
    if path.is_file():
        pairs = {s: labels for s, labels in pairs.items() if _stem(path) in (s, labels)}
    if not pairs:
        raise ReadError(
            f"{path} has no NIfTI scans with labels",
            allowed=f"NAME.nii.gz and NAME{_ENDING}.nii.gz",
        )
    codes = {stem: read_labels(files[pairs[stem]]).codes for stem in pairs}
    volumes = {stem: read_volume(files[stem], lazy_bytes=sys.maxsize) for stem in pairs}
    table = read_code_table(folder, max(highest_code(one) for one in codes.values()))
    sidecar = read_sidecar(folder)
    patient = shared_patient(folder, list(volumes.values()))
    scans = []
    for stem, volume in volumes.items():
        labels = table.indices(codes[stem], stem)
        scan = scan_of_others(stem, volume, labels, table.label_set, patient=patient)
        scans.append(sidecar.completed(scan))
    return scans


def _stem(path: Path) -> str:
    """Name of a NIfTI file without its ending; empty for other files."""
    name = path.name.lower()
    ending = next((s for s in _SUFFIXES if name.endswith(s)), "")
    return path.name[: -len(ending)] if ending and name[0] != "." else ""


FORMAT = ExchangeFormat(
    name="nifti",
    title="NIfTI",
    what="A volume of pixels and one of labels per scan, with spacing: for ITK-SNAP, "
    "3D Slicer, nibabel, MONAI.",
    write=write,
    read=read,
    read_labels_for=None,
    suffixes=_SUFFIXES,
    loses="Boundaries are not kept, only the labels made from them (half a pixel); "
    "pixels that are no numbers become 0.",
)
