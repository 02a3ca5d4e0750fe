"""DICOM segmentations (SEG) of OCT, with the images to which they refer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.bscan_order import starts_at_the_bottom
from napari_octseg.groundtruth.formats.dicom_files import (
    find_files,
    places_in,
    places_of,
    volume_in,
)
from napari_octseg.groundtruth.formats.dicom_segments import (
    BINARY,
    LABELMAP,
    labels_in,
    require_highdicom,
    write_segmentation,
)
from napari_octseg.groundtruth.formats.dicom_source import (
    DEIDENTIFIED,
    save,
    source_instances,
)
from napari_octseg.groundtruth.formats.drawn_boundaries import drawn_by_machine
from napari_octseg.groundtruth.formats.exporting import export_folder
from napari_octseg.groundtruth.formats.importing import scan_of_others
from napari_octseg.groundtruth.formats.png_masks import (
    as_integers,
    with_boundaries,
    write_boundaries,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import FILE_NAME as SIDECAR
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.groundtruth.pseudonyms import pseudonym_of
from napari_octseg.groundtruth.scan_hash import scan_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.formats.dicom_files import DicomFile, Place
    from napari_octseg.groundtruth.formats.sidecar import Sidecar
    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write one folder per scan with images and segmentations into a new folder.

    ``SCAN/image.dcm`` (secondary capture with a place for every B-scan),
    ``SCAN/labelmap.dcm`` (label map, DICOM 2024c) and ``SCAN/binary.dcm`` (the same
    for older programmes). Where the spacing is not known, there is one of each per
    B-scan, in no frame of reference. What nobody graded is a segment ``not graded``.

    Raises
    ------
    WriteError
        As `export_folder`; or if highdicom is not installed.
    """
    require_highdicom(WriteError)
    # The place on the fundus is known only before the export makes it anonymous.
    upwards = {scan.name: starts_at_the_bottom(scan.volume) for scan in scans}

    def write_scan(scan: GradedScan, draft: Path) -> None:
        folder = draft / scan.name
        folder.mkdir()
        sources = source_instances(scan, upwards=upwards[scan.name])
        for number, source in enumerate(sources):
            is_one = len(sources) == 1
            ending = ".dcm" if is_one else f"_{number:03d}.dcm"
            labels = scan.labels if is_one else scan.labels[[number]]
            save(source, folder / f"image{ending}")
            for series, kind in enumerate((LABELMAP, BINARY), start=2):
                path = folder / f"{kind.lower()}{ending}"
                write_segmentation(scan, labels, source, path, kind=kind, series=series)
        write_boundaries(scan, draft)

    return export_folder(
        target,
        FORMAT.name,
        [as_integers(scan) for scan in scans],
        write_scan,
        sources=scans,
    )


def read(path: Path) -> list[GradedScan]:
    """Read segmentations with the images to which they refer.

    Parameters
    ----------
    path
        Folder that holds both, in any depth and under any names, or a segmentation
        with its images beside it. Every series of images is a scan. Of files that are
        not ours neither names nor numbers of patients are kept: they become pseudonyms.
    Where a segment is AUTOMATIC, the labels are a machine's.

    Raises
    ------
    ReadError
        If there are no segmentations with images, or a file is damaged.
    """
    files = find_files(path, with_images=True)
    if not files.series:
        raise ReadError(
            f"{path} holds segmentations without their images",
            allowed="a folder with DICOM SEG and the images to which they refer",
            todo="copy the images there, or open the scan and read its labels",
        )
    scans = []
    for images in files.series:
        volume = volume_in(images)
        scans.append(
            _scan_of(files.segmentations, places_in(images), images[0], volume, path)
        )
    return sorted(scans, key=lambda scan: scan.name)


def read_labels_for(path: Path, volume: OCTVolume) -> GradedScan:
    """Read segmentations of a scan that is open (`dicom_files.places_of`); see `read`.

    Parameters
    ----------
    path
        SEG file, or a folder that holds some; of an export of ours with several scans,
        those of this scan are read.
    volume
        The scan.

    Raises
    ------
    ReadError
        If there are none, they refer to another scan, or a file is damaged.
    """
    _, sidecar = _beside(path)
    known_as = sidecar.name_of(volume)
    if known_as is not None and (path / known_as).is_dir():
        path = path / known_as
    files = find_files(path)
    first = files.segmentations[0]
    if _is_ours(first):
        sidecar.check_is_of(_our_name(first), volume)
    places = places_of(volume, files)
    return _scan_of(files.segmentations, places, first, volume, path)


def _scan_of(
    segmentations: Sequence[DicomFile],
    places: Sequence[Place],
    named_by: DicomFile,
    volume: OCTVolume,
    path: Path,
) -> GradedScan:
    """The scan at `places` with its labels, and what lies beside `path` about it."""
    labels, label_set, machine = labels_in(segmentations, places)
    name, patient = _identity(named_by, volume)
    scan = scan_of_others(name, volume, labels, label_set, patient=patient)
    # Ours are never AUTOMATIC: their sidecar tells who answers for what.
    return _completed(drawn_by_machine(scan, machine) if machine else scan, path)


def _identity(file: DicomFile, volume: OCTVolume) -> tuple[str, str]:
    """Name of the scan and pseudonym of the patient."""
    header = file.header
    patient = str(header.get("PatientID") or "")
    if _is_ours(file):
        return _our_name(file), patient
    name = scan_name(volume)
    return name, pseudonym_of(patient or name)


def _is_ours(file: DicomFile) -> bool:
    return str(file.header.get("DeidentificationMethod", "")) == DEIDENTIFIED


def _our_name(file: DicomFile) -> str:
    """Name of the scan in a file that `write` wrote: that of its folder."""
    return file.path.parent.name


def _beside(path: Path) -> tuple[Path, Sidecar]:
    """Folder of an export of ours, and its sidecar."""
    folder = path if path.is_dir() else path.parent
    if not (folder / SIDECAR).is_file():
        folder = folder.parent
    return folder, read_sidecar(folder)


def _completed(scan: GradedScan, path: Path) -> GradedScan:
    """With what lies beside an export of ours: heights and sidecar."""
    folder, sidecar = _beside(path)
    return sidecar.completed(with_boundaries(scan, folder, sidecar))


FORMAT = ExchangeFormat(
    name="dicom-seg",
    title="DICOM SEG",
    what="Labels as DICOM segmentation (label map and binary) with the B-scans as "
    "DICOM images: for 3D Slicer, OHIF and archives.",
    write=write,
    read=read,
    read_labels_for=read_labels_for,
    suffixes=(".dcm",),
    loses="Pixels of float32 scans become 16-bit grey as shown. Other programmes show "
    "what nobody graded as a segment of its own.",
)
