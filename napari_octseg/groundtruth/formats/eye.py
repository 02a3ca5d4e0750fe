"""``.eye`` files of eyepy and EyeLab: pixels, heights and masks of a scan in one."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.drawn_boundaries import (
    drawn_by_machine,
    scan_of_boundaries,
)
from napari_octseg.groundtruth.formats.exporting import export_folder
from napari_octseg.groundtruth.formats.importing import scan_of_others
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.io import read_volume
from napari_octseg.io.save import save_volume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.formats.sidecar import Sidecar
    from napari_octseg.groundtruth.graded_scan import GradedScan

_SUFFIX = ".eye"


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write ``SCAN.eye`` per scan into a new folder: one mask per class.

    What is not graded is the mask ``not graded``.

    Raises
    ------
    WriteError
        As `export_folder`.
    """
    return export_folder(target, "eye", scans, _write_scan)


def _write_scan(scan: GradedScan, folder: Path) -> None:
    whole = replace(
        scan.volume,
        labels=scan.labels,
        label_set=scan.label_set,
        boundaries=scan.boundaries,
    )
    save_volume(whole, folder / f"{scan.name}{_SUFFIX}")


def read(path: Path) -> list[GradedScan]:
    """Read ``.eye`` files.

    Parameters
    ----------
    path
        One file, or a folder of them. Of files without masks the layers between the
        boundaries are the labels; so are those of an export whose boundaries, but not
        its masks, were edited since. Boundaries alone, in a file that is not ours, are
        a machine's: eyepy keeps so what the device has segmented.

    Raises
    ------
    ReadError
        If there is none, or one is broken or holds neither masks nor two boundaries.
    """
    files = sorted(path.glob(f"*{_SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise ReadError(
            f"{path} has no {_SUFFIX} files", todo="choose the folder they lie in"
        )
    sidecar = read_sidecar(files[0].parent)
    scans = [sidecar.completed(_read_scan(file, sidecar)) for file in files]
    return [_with_layers_as_drawn(scan, sidecar) for scan in scans]


def _read_scan(file: Path, sidecar: Sidecar) -> GradedScan:
    volume = read_volume(file, lazy_bytes=sys.maxsize)
    labels, label_set, boundaries = volume.labels, volume.label_set, volume.boundaries
    if labels is not None and label_set is not None:
        return scan_of_others(
            file.stem, volume, labels, label_set, boundaries=boundaries
        )
    if boundaries is None:
        raise ReadError(
            f"{file.name} holds neither masks nor boundaries",
            allowed="a scan that somebody has segmented",
        )
    scan = scan_of_boundaries(file.stem, volume, boundaries)
    if scan.name in sidecar.entries:
        return scan
    return drawn_by_machine(scan, volume.device or "device")


def _with_layers_as_drawn(scan: GradedScan, sidecar: Sidecar) -> GradedScan:
    """The scan with its layers drawn anew if only its boundaries were edited.

    EyeLab moves boundaries and leaves the masks of layers where they were. Pixels of
    lesions, and those that nobody graded, stay.
    """
    boundaries = scan.boundaries
    if (
        boundaries is None
        or len(boundaries.names) != len(scan.layers) + 1
        or sidecar.has_heights_of(scan)
        or not sidecar.has_labels_of(scan)
    ):
        return scan
    classes = [scan.label_set.index(layer) for layer in scan.layers]
    drawn = boundaries_to_labels(boundaries.heights, scan.volume.depth, classes)
    is_drawn = np.isin(scan.labels, (0, *classes))
    return replace(scan, labels=np.where(is_drawn, drawn, scan.labels))


FORMAT = ExchangeFormat(
    name="eye",
    title="eyepy .eye",
    what="Pixels, spacing, boundaries and one mask per class in one file per scan: for "
    "eyepy and EyeLab.",
    write=write,
    read=read,
    read_labels_for=None,
    suffixes=(_SUFFIX,),
    loses="",
)
