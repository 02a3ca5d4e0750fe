from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    OphthalmicTomographyImageStorage,
    RLELossless,
    generate_uid,
)

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume
from napari_octseg.volume import Origin


def group(**values) -> Dataset:
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset


def opt(scan, *, distance="SpacingBetweenSlices", eye="R", order=None) -> FileDataset:
    """An OPT image by PS3.3 A.52.4.3; frames stored in `order`."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = OphthalmicTomographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = OphthalmicTomographyImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "SECRET-ID"
    dataset.PatientBirthDate = "19500101"
    dataset.Manufacturer, dataset.ManufacturerModelName = "ACME", "OCT-1"
    dataset.Rows, dataset.Columns = scan.shape[1:]
    dataset.NumberOfFrames = len(scan)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * scan.dtype.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    measures = group(PixelSpacing=[0.00387, 0.0115])
    if distance in ("SpacingBetweenSlices", "SliceThickness"):
        setattr(measures, distance, 0.06)
    shared = group(
        PixelMeasuresSequence=[measures],
        FrameAnatomySequence=[group(FrameLaterality=eye)],
    )
    dataset.SharedFunctionalGroupsSequence = [shared]
    order = range(len(scan)) if order is None else order
    dataset.PerFrameFunctionalGroupsSequence = [
        group(
            FrameContentSequence=[group(InStackPositionNumber=i + 1, StackID="1")],
            PlanePositionSequence=[group(ImagePositionPatient=[0, 0, 0.06 * i])],
        )
        for i in order
    ]
    dataset.PixelData = scan[list(order)].tobytes()
    return dataset


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_opt_volume_is_read_with_its_geometry(tmp_path, scan, dtype):
    path = tmp_path / "scan.dcm"
    opt(scan.astype(dtype)).save_as(path)

    volume = read_volume(path)

    assert volume.data.dtype == dtype
    assert np.array_equal(volume.data, scan)
    assert volume.spacing_um == pytest.approx((60, 3.87, 11.5))
    assert set(volume.spacing.origins) == {Origin.FILE}
    assert volume.laterality == "OD"
    assert volume.device == "ACME OCT-1"
    assert "SECRET" not in repr(volume.__dict__)
    assert "Doe" not in repr(volume.__dict__)


@pytest.mark.parametrize("distance", ["SliceThickness", "positions"])
def test_a_distance_that_is_not_stated_is_derived(tmp_path, scan, distance):
    dataset = opt(scan, distance=distance)
    if distance == "SliceThickness":
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            del frame.PlanePositionSequence
    dataset.save_as(tmp_path / "scan.dcm")
    volume = read_volume(tmp_path / "scan.dcm")
    assert volume.spacing.between_bscans == pytest.approx(60)
    assert volume.spacing.origins[0] is Origin.DERIVED
    assert volume.notes


def test_frames_are_put_in_the_order_of_the_stack(tmp_path, scan):
    opt(scan, order=[2, 0, 3, 1], eye="L").save_as(tmp_path / "scan.dcm")
    volume = read_volume(tmp_path / "scan.dcm")
    assert np.array_equal(volume.data, scan)
    assert volume.laterality == "OS"
    assert any("order" in note for note in volume.notes)


def test_compressed_frames_are_read(tmp_path, scan):
    dataset = opt(scan)
    dataset.compress(RLELossless)
    dataset.save_as(tmp_path / "scan.dcm")
    assert np.array_equal(read_volume(tmp_path / "scan.dcm").data, scan)


def test_a_big_file_stays_on_disk(tmp_path, scan):
    opt(scan, order=[1, 0, 2, 3]).save_as(tmp_path / "scan.dcm")
    volume = read_volume(tmp_path / "scan.dcm", lazy_bytes=scan.nbytes - 1)
    assert not isinstance(volume.data, np.ndarray)
    assert np.array_equal(volume.data.compute(), scan)


def test_scrambled_zeiss_pixels_ask_for_another_export(tmp_path, scan):
    dataset = opt(scan)
    dataset.Manufacturer = "Carl Zeiss Meditec"
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([b"\x13\x37" * 40] * len(scan))
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "scan.dcm")
    with pytest.raises(ReadError, match=r"scrambled.*export the scan again"):
        read_volume(tmp_path / "scan.dcm")


def test_a_plain_zeiss_file_is_read(tmp_path, scan):
    dataset = opt(scan)
    dataset.Manufacturer = "Carl Zeiss Meditec"
    dataset.save_as(tmp_path / "scan.dcm")
    assert np.array_equal(read_volume(tmp_path / "scan.dcm").data, scan)


def test_another_modality_is_noted(tmp_path, scan):
    dataset = opt(scan)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.save_as(tmp_path / "scan.dcm")
    assert any("CT Image" in n for n in read_volume(tmp_path / "scan.dcm").notes)


def test_a_file_without_pixels_is_refused(tmp_path, scan):
    dataset = opt(scan)
    del dataset.PixelData
    dataset.save_as(tmp_path / "scan.dcm")
    with pytest.raises(ReadError, match="without complete pixels"):
        read_volume(tmp_path / "scan.dcm")


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_dicom_is_refused(
    tmp_path, scan, compressed, outcomes_of_truncation
):
    folder = tmp_path / "whole"
    folder.mkdir()
    dataset = opt(scan)
    if compressed:
        dataset.compress(RLELossless)
    dataset.save_as(folder / "scan.dcm")
    assert pydicom.dcmread(folder / "scan.dcm").NumberOfFrames == 4
    assert outcomes_of_truncation(folder / "scan.dcm", scan)["refused"] > 30
