"""TIFF stacks: pixels unchanged, labels with class names and spacing (OME)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.code_table import (
    CodeTable,
    highest_code,
    read_code_table,
    write_code_table,
)
from napari_octseg.groundtruth.formats.exporting import export_folder, one_label_set
from napari_octseg.groundtruth.formats.importing import (
    existing_folder,
    scan_of_others,
    shared_patient,
)
from napari_octseg.groundtruth.formats.png_masks import (
    IMAGES,
    LABELS,
    with_boundaries,
    write_boundaries,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.io import read_volume
from napari_octseg.io.label_files import LabelFile, read_labels
from napari_octseg.io.save import save_labels, save_volume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan

_SUFFIXES = (".tif", ".tiff")


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write TIFF stacks as a new folder.

    ``images/SCAN.tif`` (OME-TIFF, type unchanged), ``labels/SCAN.tif`` (uint8, 255 =
    not graded), ``boundaries/SCAN.npz``, ``classes.json``.

    Raises
    ------
    WriteError
        As `export_folder`; or if the scans have several label sets.
    """
    label_set = one_label_set(scans)
    return export_folder(
        target,
        "tiff",
        scans,
        _write_scan,
        lambda draft: write_code_table(label_set, draft),
    )


def _write_scan(scan: GradedScan, folder: Path) -> None:
    for part in (IMAGES, LABELS):
        (folder / part).mkdir(exist_ok=True)
    file = f"{scan.name}.tif"
    save_volume(scan.volume, folder / IMAGES / file)
    save_labels(scan.labels, folder / LABELS / file, scan.volume, scan.label_set)
    write_boundaries(scan, folder)


def read(path: Path) -> list[GradedScan]:
    """Read TIFF stacks with label stacks of the same names.

    Parameters
    ----------
    path
        Folder with ``images/`` and ``labels/``; ``classes.json`` (code → name) if the
        labels do not name their classes.

    Raises
    ------
    ReadError, LabelError
        If something is missing, of another size, or has a code without a name.
    """
    folder = existing_folder(path)
    images = sorted(p for p in (folder / IMAGES).glob("*") if p.suffix in _SUFFIXES)
    if not images:
        raise ReadError(
            f"{folder} has no TIFF files in {IMAGES}/",
            allowed=f"{IMAGES}/ and {LABELS}/ with TIFF stacks of the same names",
        )
    files = [_labels_of(image, folder) for image in images]
    volumes = [read_volume(image, lazy_bytes=sys.maxsize) for image in images]
    table = read_code_table(folder, max(highest_code(file.codes) for file in files))
    sidecar = read_sidecar(folder)
    patient = shared_patient(folder, volumes)
    scans = []
    for image, volume, file in zip(images, volumes, files, strict=True):
        own = table
        if file.label_set is not None:
            own = CodeTable(tuple(range(len(file.label_set))), file.label_set)
        labels = own.indices(file.codes, f"{LABELS}/{file.name}")
        scan = scan_of_others(
            image.stem, volume, labels, own.label_set, patient=patient
        )
        scans.append(sidecar.completed(with_boundaries(scan, folder, sidecar)))
    return scans


def _labels_of(image: Path, folder: Path) -> LabelFile:
    label = folder / LABELS / image.name
    if not label.is_file():
        raise ReadError(
            f"{image.name} has no labels in {folder / LABELS}",
            allowed="label stacks with the names of the images",
            todo="add its labels, or remove the image",
        )
    return read_labels(label)


FORMAT = ExchangeFormat(
    name="tiff",
    title="TIFF stacks",
    what="One stack of pixels, unchanged, and one of labels per scan, with spacing and "
    "class names (OME-TIFF): for Fiji, napari, Python, MATLAB.",
    write=write,
    read=read,
    read_labels_for=None,
    suffixes=(),
    loses="",
)
