"""Boundaries that a device has drawn and its file holds, read only.

HEYEX ``.vol`` and ``.xml``, ``.eye``, and every other file that `io` opens with
boundaries. They are a machine's: the scan says so, and no B-scan is reviewed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.drawn_boundaries import (
    drawn_by_machine,
    scan_of_boundaries,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.pseudonyms import pseudonym_of
from napari_octseg.groundtruth.scan_hash import is_another_scan, scan_name
from napari_octseg.io import read_volume

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume


def read(path: Path) -> list[GradedScan]:
    """Read a scan with the boundaries of its device.

    Files of devices are often called as the patient is: name and patient come from the
    content and from a pseudonym of the file name.

    Raises
    ------
    ReadError
        If it cannot be opened, or holds no boundaries.
    """
    return [_scan_of(read_volume(path), path)]


def read_labels_for(path: Path, volume: OCTVolume) -> GradedScan:
    """Read the boundaries in a device's file for a scan that was opened elsewhere.

    Raises
    ------
    ReadError
        If it cannot be opened, holds no boundaries, or is of another scan.
    """
    of_device = read_volume(path)
    if of_device.shape != volume.shape:
        raise ReadError(
            f"{path.name} holds a scan of {_size(of_device)}, this one has "
            f"{_size(volume)}",
            allowed="boundaries of this scan at its native size",
            todo="choose the file from which this scan was exported",
        )
    if is_another_scan(of_device, volume):
        raise ReadError(
            f"{path.name} holds another scan than this one: its pixels are others",
            allowed="boundaries of this scan",
            todo="choose the file from which this scan was exported, or open "
            f"{path.name} itself",
        )
    return _scan_of(
        replace(volume, boundaries=of_device.boundaries, device=of_device.device),
        path,
    )


def _scan_of(volume: OCTVolume, path: Path) -> GradedScan:
    if volume.boundaries is None:
        raise ReadError(
            f"{path.name} holds no boundaries",
            allowed="files that a device has segmented: HEYEX .vol and .xml, .eye",
            todo="export it with layers (HEYEX: with segmentation), or segment it here",
        )
    scan = scan_of_boundaries(
        scan_name(volume), volume, volume.boundaries, patient=pseudonym_of(path.stem)
    )
    return drawn_by_machine(scan, volume.device or "device")


def _size(volume: OCTVolume) -> str:
    n_bscans, depth, width = volume.shape
    return f"{n_bscans} B-scans of {depth} × {width} px"


FORMAT = ExchangeFormat(
    name="device-boundaries",
    title="Boundaries of the device",
    what="What the device has segmented, from HEYEX .vol and .xml, .eye and other "
    "files that open with boundaries. They are a machine's: correct them first.",
    write=None,
    read=read,
    read_labels_for=read_labels_for,
    suffixes=(".vol", ".xml", ".eye"),
    loses="",
)
