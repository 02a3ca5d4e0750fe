"""The image instances to which a DICOM segmentation refers.

Written as secondary captures, because ophthalmic tomography (OPT) requires what is
removed from ground truth or was never known: time of acquisition, serial number of the
device, wavelength (PS3.3 A.52). With known spacing a scan is one instance with many
frames and a place for each; without, it is one instance per B-scan.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.groundtruth.scan_hash import scan_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

DEIDENTIFIED = "napari-octseg: pseudonym"
"""De-identification method of the instances that are written here."""

_UM_PER_MM = 1000.0
_EYES = {"OD": "R", "OS": "L"}
# Rows run from the vitreous backwards, columns from the patient's right to the left,
# in the right eye as in the left one (PS3.3 C.7.6.2.1.1: +x left, +y back, +z up).
_ORIENTATION = [1, 0, 0, 0, 1, 0]


def source_instances(scan: GradedScan, *, upwards: bool) -> list[Any]:
    """Instances (pydicom datasets) of the pixels of a scan, in the order of B-scans.

    Parameters
    ----------
    scan
        With uint8 or uint16 pixels. Its patient's pseudonym is all that is told of the
        person. The same scan gives the same UIDs.
    upwards
        Whether its B-scans begin at the bottom of the fundus.
    """
    volume = scan.volume
    if volume.spacing.axial and volume.spacing.lateral and _is_placed(volume):
        return [_many_frames(scan, upwards=upwards)]
    return [_one_frame(scan, bscan) for bscan in range(volume.n_bscans)]


def _is_placed(volume: OCTVolume) -> bool:
    return volume.n_bscans == 1 or volume.spacing.between_bscans is not None


def uid(*known_by: str) -> str:
    """A UID that is the same for the same words."""
    from pydicom.uid import generate_uid

    digest = hashlib.sha256("\n".join(known_by).encode()).hexdigest()
    return str(generate_uid(entropy_srcs=["napari-octseg", digest]))


def save(dataset: Any, path: Any) -> None:
    """Write an instance as a DICOM file."""
    dataset.save_as(path, enforce_file_format=True)


def _many_frames(scan: GradedScan, *, upwards: bool) -> Any:
    """Multi-frame secondary capture of bytes or words, with a place per frame."""
    from pydicom.dataset import Dataset
    from pydicom.uid import (
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    )

    pixels = np.asarray(scan.volume.data)
    known_by = _known_by(scan)
    is_byte = pixels.dtype == np.uint8
    dataset = _dataset(
        scan,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage
        if is_byte
        else MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        uid("image", *known_by),
        pixels,
    )
    dataset.InstanceNumber = 1
    dataset.NumberOfFrames = len(pixels)
    dataset.FrameIncrementPointer = (0x5200, 0x9230)  # the groups below
    dataset.FrameOfReferenceUID = uid("frame of reference", *known_by)
    dataset.PositionReferenceIndicator = ""
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.ContentDate, dataset.ContentTime = "", ""
    organization = uid("dimensions", *known_by)
    dataset.DimensionOrganizationSequence = [
        _item(DimensionOrganizationUID=organization)
    ]
    dataset.DimensionIndexSequence = [
        _item(
            DimensionIndexPointer=0x00209057,  # In-Stack Position Number
            FunctionalGroupPointer=0x00209111,  # Frame Content
            DimensionOrganizationUID=organization,
        )
    ]
    between = scan.volume.spacing.between_bscans
    spacing = _pixel_spacing(scan.volume)
    # Required, though a B-scan has none: as far as its neighbours, which is what
    # viewers fill, or as wide as an A-scan.
    thickness = spacing[1] if between is None else _mm(between)
    measures = _item(PixelSpacing=spacing, SliceThickness=thickness)
    if between is not None:
        measures.SpacingBetweenSlices = _mm(between)
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=_ORIENTATION)]
    dataset.SharedFunctionalGroupsSequence = [shared]
    step = _mm(between or 0) * (1 if upwards else -1)
    dataset.PerFrameFunctionalGroupsSequence = [
        _item(
            FrameContentSequence=[
                _item(
                    StackID="1",
                    InStackPositionNumber=bscan + 1,
                    DimensionIndexValues=[bscan + 1],
                )
            ],
            PlanePositionSequence=[
                _item(ImagePositionPatient=[0, 0, round(bscan * step, 9)])
            ],
        )
        for bscan in range(len(pixels))
    ]
    return dataset


def _one_frame(scan: GradedScan, bscan: int) -> Any:
    """Secondary capture of one B-scan, in no frame of reference."""
    from pydicom.uid import SecondaryCaptureImageStorage

    pixels = scan.volume.bscan(bscan)
    sop = uid("image", *_known_by(scan), str(bscan))
    dataset = _dataset(scan, SecondaryCaptureImageStorage, sop, pixels)
    dataset.InstanceNumber = bscan + 1
    if scan.volume.spacing.axial and scan.volume.spacing.lateral:
        dataset.PixelSpacing = spacing = _pixel_spacing(scan.volume)
        dataset.SliceThickness = spacing[1]  # as of a single B-scan with a place
    return dataset


def _dataset(scan: GradedScan, sop_class: str, sop: str, pixels: Any) -> Any:
    """What both kinds of secondary capture have in common."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(sop)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, sop
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = dataset.PatientID = scan.patient
    for keyword in (
        *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
        *("AccessionNumber", "ReferringPhysicianName", "StudyID"),
    ):
        setattr(dataset, keyword, "")
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = DEIDENTIFIED
    dataset.StudyInstanceUID = uid("study", *_known_by(scan))
    dataset.SeriesInstanceUID = uid("series", *_known_by(scan))
    dataset.SeriesNumber = 1
    dataset.SeriesDescription = scan.name
    dataset.Modality = "OPT"
    dataset.ConversionType = "WSD"
    dataset.Manufacturer = scan.volume.device or ""
    if scan.volume.laterality:
        dataset.Laterality = _EYES[scan.volume.laterality]
    bits = 8 * pixels.dtype.itemsize
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    dataset.BurnedInAnnotation = "NO"
    dataset.PixelData = _even(np.ascontiguousarray(pixels, f"<u{bits // 8}").tobytes())
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


def _known_by(scan: GradedScan) -> tuple[str, str, str]:
    """What makes the instances of a scan others than those of another one."""
    return scan.patient, scan.name, scan_hash(scan.volume)


def _even(content: bytes) -> bytes:
    return content + b"\0" * (len(content) % 2)


def _item(**elements: Any) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item


def _pixel_spacing(volume: OCTVolume) -> Sequence[float]:
    """(between rows, between columns) in mm."""
    return [_mm(volume.spacing.axial or 0), _mm(volume.spacing.lateral or 0)]


def _mm(um: float) -> float:
    return float(f"{um / _UM_PER_MM:.10g}")  # a decimal string has 16 characters
