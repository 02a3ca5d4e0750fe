"""Which DICOM files a folder holds: segmentations, and the images of each scan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.scan_hash import is_another_scan
from napari_octseg.io import read_volume
from napari_octseg.io.dicom_geometry import frame_order, laterality_of, spacing_of
from napari_octseg.io.format import broken_file
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Sequence

DAMAGE = (
    *(AttributeError, ValueError, RuntimeError, LookupError, TypeError),
    *(NotImplementedError, EOFError, OSError),
)
"""What pydicom and highdicom raise for damaged content."""

Place = tuple[str, int]
"""Where a B-scan is stored: UID of the instance, and number of the frame from 1."""

_PREAMBLE_BYTES = 128
# Segmentation Storage, and Label Map Segmentation Storage of DICOM 2024c.
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")


@dataclass(frozen=True, eq=False)
class DicomFile:
    """A file and what is in it beside pixels (a pydicom dataset)."""

    path: Path
    header: Any

    @property
    def uid(self) -> str:
        """UID of the instance."""
        return str(self.header.SOPInstanceUID)

    @property
    def sources(self) -> set[str]:
        """UIDs of the images to which a segmentation refers."""
        series = self.header.get("ReferencedSeriesSequence") or []
        return {
            str(one.ReferencedSOPInstanceUID)
            for item in series
            for one in item.get("ReferencedInstanceSequence") or []
        }


@dataclass(frozen=True, eq=False)
class DicomFiles:
    """The segmentations in a folder, and the series of images to which they refer."""

    segmentations: list[DicomFile]
    series: list[list[DicomFile]]


def find_files(path: Path, *, with_images: bool = False) -> DicomFiles:
    """What a file or folder holds, in any depth and under any names.

    Parameters
    ----------
    path
        A segmentation, or a folder.
    with_images
        Whether images are looked for beside a segmentation that is a file.

    Raises
    ------
    ReadError
        If it holds no segmentation, or a file is damaged.
    """
    from pydicom import dcmread

    files = [path]
    if path.is_dir() or with_images:
        inside = path.rglob("*") if path.is_dir() else path.parent.iterdir()
        files = sorted(p for p in inside if p.is_file())
    found = []
    for file in files:
        if _is_dicom(file):
            with broken_file(file, "DICOM", *DAMAGE):
                header = dcmread(file, stop_before_pixels=True)
                found.append(DicomFile(file, header))
    segmentations = [
        one
        for one in found
        if one.header.get("SOPClassUID") in _SEGMENTATIONS
        and (path.is_dir() or one.path == path)
    ]
    if not segmentations:
        raise ReadError(
            f"{path.name} holds no DICOM segmentation",
            allowed="DICOM SEG: label map or binary",
            todo="choose the SEG file, or the folder that it lies in",
        )
    wanted = {uid for one in segmentations for uid in one.sources}
    series: dict[str, list[DicomFile]] = {}
    for one in found:
        if one.header.get("SOPInstanceUID") in wanted and one not in segmentations:
            series.setdefault(str(one.header.SeriesInstanceUID), []).append(one)
    return DicomFiles(
        segmentations,
        [
            sorted(images, key=lambda one: int(one.header.get("InstanceNumber") or 0))
            for images in series.values()
        ],
    )


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_PREAMBLE_BYTES + 4)[_PREAMBLE_BYTES:] == b"DICM"


def places_in(images: Sequence[DicomFile]) -> list[Place]:
    """Where each B-scan of a series lies, in the order in which scans are opened.

    Raises
    ------
    ReadError
        If it has several instances with many frames each.
    """
    many = [one for one in images if int(one.header.get("NumberOfFrames") or 1) > 1]
    if many and len(images) > 1:
        raise ReadError(
            f"{many[0].path.parent} holds several volumes in one series",
            allowed="one volume, or single B-scans, per series",
            todo="put each volume with its segmentation into a folder of its own",
        )
    if not many:
        return [(one.uid, 1) for one in images]
    n_frames = int(many[0].header.NumberOfFrames)
    order, _ = frame_order(many[0].header, n_frames)
    return [(many[0].uid, frame + 1) for frame in order]


def volume_in(images: Sequence[DicomFile]) -> OCTVolume:
    """The scan of a series: one instance with many frames, or one per B-scan.

    Raises
    ------
    ReadError
        If B-scans are damaged or of unequal size.
    """
    import numpy as np

    bscans = [read_volume(one.path) for one in images]
    if len(bscans) == 1:
        return bscans[0]
    shapes = {bscan.shape for bscan in bscans}
    if len(shapes) > 1:
        raise ReadError(
            f"{images[0].path.parent} holds B-scans of different sizes in one series",
            allowed="B-scans of one size",
        )
    header = images[0].header
    spacing, _ = spacing_of(header, [0])
    return OCTVolume(
        np.concatenate([np.asarray(bscan.data) for bscan in bscans]),
        spacing=spacing,
        laterality=laterality_of(header),
        device=bscans[0].device,
    )


def places_of(volume: OCTVolume, files: DicomFiles) -> list[Place]:
    """Where the B-scans of an open scan are stored, as segmentations refer to them.

    By the DICOM file that it was opened from; else by the images that lie beside the
    segmentation, unless their pixels are others, of the same type; else it is the one
    instance to which that refers.

    Raises
    ------
    ReadError
        If the segmentation refers to another scan.
    """
    from pydicom import dcmread

    source = Path(volume.source) if volume.source else None
    wanted = {uid for one in files.segmentations for uid in one.sources}
    candidates = [
        one for one in files.series if not is_another_scan(volume_in(one), volume)
    ]
    has_images = bool(files.series)
    if source is not None and source.is_file() and _is_dicom(source):
        candidates.insert(
            0, [DicomFile(source, dcmread(source, stop_before_pixels=True))]
        )
    for images in candidates:
        places = places_in(images)
        if len(places) == volume.n_bscans and {uid for uid, _ in places} <= wanted:
            return places
    if len(wanted) == 1 and not candidates and not has_images:
        (uid,) = wanted
        return [(uid, bscan + 1) for bscan in range(volume.n_bscans)]
    raise ReadError(
        f"{files.segmentations[0].path.name} refers to images that are not those of "
        f"the scan, which has {volume.n_bscans} B-scans",
        allowed="the segmentation of the scan that is open",
        todo="open the DICOM images to which it belongs",
    )
