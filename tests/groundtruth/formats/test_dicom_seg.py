"""DICOM SEG: highdicom and pydicom read what is written, and it comes back."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import highdicom
import numpy as np
import pydicom
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.dicom_seg import read, read_labels_for, write
from napari_octseg.groundtruth.formats.png_masks import as_integers
from napari_octseg.io import read_volume
from napari_octseg.labels import IGNORE
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))


# Making a smaller example of a failure would take many minutes.
@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_what_is_written_is_read_back(
    data: st.DataObject, any_scans: Any, same: Callable[..., None]
) -> None:
    scans = data.draw(any_scans)
    with tempfile.TemporaryDirectory() as folder:
        write(scans, Path(folder) / "out")
        found = read(Path(folder) / "out")
        for one, wanted in zip(found, scans, strict=True):
            same(one, as_integers(wanted))
            labels = Path(folder) / "out" / wanted.name
            again = read_labels_for(labels, as_integers(wanted).volume)
            np.testing.assert_array_equal(again.labels, wanted.labels)


@pytest.mark.parametrize("kind", ["labelmap", "binary"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_highdicom_finds_every_segment_frame_by_frame(tmp_path, scan_of, kind, dtype):
    scan = scan_of(shape=(4, 12, 10), dtype=dtype)
    write([scan], tmp_path / "out")
    image = pydicom.dcmread(tmp_path / "out" / "S-1" / "image.dcm")
    seg = highdicom.seg.segread(tmp_path / "out" / "S-1" / f"{kind}.dcm")

    assert np.array_equal(image.pixel_array, scan.volume.data)
    assert seg.segmentation_type.value == kind.upper()
    described = [seg.get_segment_description(n) for n in seg.segment_numbers]
    labels = [one.segment_label for one in described]
    assert labels == [*scan.label_set.names[1:], "not graded"]
    found = seg.get_pixels_by_source_frame(
        image.SOPInstanceUID, [1, 2, 3, 4], combine_segments=True
    )
    expected = np.where(scan.labels == IGNORE, len(labels), scan.labels)
    assert np.array_equal(found, expected)
    categories = [one.segmented_property_category for one in described]
    assert categories[0] == codes.SCT.AnatomicalStructure
    assert categories[3] == codes.SCT.MorphologicallyAbnormalStructure


def test_segments_lie_where_the_bscans_lie(tmp_path, scan_of):
    scan = scan_of(shape=(4, 12, 10), spacing=(120.0, 3.87, 11.5))
    for device, sign in (("Heidelberg Spectralis", 1), ("Cirrus", -1)):
        volume = replace(scan.volume, device=device)
        folder = tmp_path / device
        write([replace(scan, volume=volume)], folder)
        image = highdicom.imread(folder / "S-1" / "image.dcm")
        seg = highdicom.seg.segread(folder / "S-1" / "labelmap.dcm")
        geometry = image.get_volume_geometry()
        assert geometry.spacing == pytest.approx((0.12, 0.00387, 0.0115))
        assert seg.get_volume_geometry().geometry_equal(geometry)
        # Rows run backwards (+y), B-scans up or down (+z or -z).
        positions = [
            group.PlanePositionSequence[0].ImagePositionPatient
            for group in image.PerFrameFunctionalGroupsSequence
        ]
        steps = np.diff(np.array(positions, float), axis=0)
        assert steps[:, 2] == pytest.approx(sign * 0.12)
        assert read_volume(folder / "S-1" / "image.dcm").spacing_um == (
            120.0,
            3.87,
            11.5,
        )


def test_without_spacing_no_place_is_invented(tmp_path, scan_of, same):
    scan = scan_of(shape=(3, 12, 10), spacing=(None, 3.87, 11.5))
    write([scan], tmp_path / "out")
    images = sorted((tmp_path / "out" / "S-1").glob("image_*.dcm"))
    assert len(images) == 3
    for bscan, path in enumerate(images):
        image = pydicom.dcmread(path)
        assert "FrameOfReferenceUID" not in image
        assert "ImagePositionPatient" not in image
        assert np.array_equal(image.pixel_array, scan.volume.data[bscan])
    (tmp_path / "out" / "provenance.json").unlink()
    (found,) = read(tmp_path / "out")
    assert np.array_equal(found.labels, scan.labels)
    assert found.volume.spacing_um == (None, 3.87, 11.5)
    assert found.volume.laterality == "OS"


def test_nothing_but_the_pseudonym_tells_of_the_person(tmp_path, scan_of):
    scan = scan_of(patient="P-0a1b2c3d")
    write([scan], tmp_path / "out")
    for path in (tmp_path / "out" / "S-1").glob("*.dcm"):
        header = pydicom.dcmread(path)
        assert header.PatientID == "P-0a1b2c3d"
        assert str(header.PatientName) in ("P-0a1b2c3d", "")
        assert header.PatientIdentityRemoved == "YES"
        assert not header.StudyDate
        assert not header.PatientBirthDate


def test_the_same_labels_are_the_same_instance_and_others_are_not(tmp_path, scan_of):
    scan = scan_of()
    changed = replace(scan, labels=np.where(scan.labels == 1, 2, scan.labels))
    uids = []
    for number, one in enumerate((scan, scan, changed)):
        write([one], tmp_path / str(number))
        folder = tmp_path / str(number) / "S-1"
        names = "image.dcm", "labelmap.dcm", "binary.dcm"
        uids.append([pydicom.dcmread(folder / n).SOPInstanceUID for n in names])
    assert uids[0] == uids[1]
    assert uids[0][0] == uids[2][0]
    assert uids[0][1] != uids[2][1]
    assert len(set(uids[0])) == 3


def test_who_made_the_labels_is_told(tmp_path, scan_of):
    scan = scan_of()
    told = scan.provenance
    by_hand = replace(told, origins=np.zeros_like(told.origins))
    for name, provenance, kind in (
        ("hand", by_hand, "MANUAL"),
        ("both", told, "SEMIAUTOMATIC"),
        ("others", None, "MANUAL"),
    ):
        write([replace(scan, provenance=provenance)], tmp_path / name)
        seg = highdicom.seg.segread(tmp_path / name / "S-1" / "labelmap.dcm")
        described = seg.get_segment_description(1)
        assert described.algorithm_type.value == kind
        if name == "both":
            assert "duke-unet" in described.algorithm_identification.name


@pytest.fixture
def foreign(tmp_path: Path, scan_of: Callable[..., GradedScan]) -> Path:
    """A hospital's OPT with frames stored from the last to the first, and lesions."""
    scan = scan_of(shape=(3, 12, 10))
    write([scan], tmp_path / "made")
    folder = tmp_path / "hospital"
    folder.mkdir()
    image = pydicom.dcmread(tmp_path / "made" / "S-1" / "image.dcm")
    del image.DeidentificationMethod
    image.PatientID, image.PatientName = "4711", "Doe^Jane"
    stored = scan.volume.data[::-1]
    image.PixelData = np.ascontiguousarray(stored).tobytes()
    for place, group in enumerate(image.PerFrameFunctionalGroupsSequence):
        content = group.FrameContentSequence[0]
        content.InStackPositionNumber = 3 - place
        content.DimensionIndexValues = [3 - place]
    image.save_as(folder / "IM0001")
    first, second = np.zeros((2, 3, 12, 10), bool)
    first[0, 2:6, 2:6] = True  # on the frame that is stored first
    second[0, 4:8, 4:8] = True
    for name, number in (("SEG1", 1), ("SEG2", 2)):
        mask = np.stack([first, second], -1) if number == 1 else first[::-1]
        described = [
            highdicom.seg.SegmentDescription(
                i + 1,
                label,
                codes.SCT.MorphologicallyAbnormalStructure,
                codes.SCT.Edema,
                "MANUAL",
            )
            for i, label in enumerate(("cyst", "fluid") if number == 1 else ("cyst",))
        ]
        highdicom.seg.Segmentation(
            [image],
            mask.astype(np.uint8),
            "BINARY",
            described,
            highdicom.UID(),
            number,
            highdicom.UID(),
            1,
            "maker",
            "model",
            "1",
            "1",
        ).save_as(folder / name)
    return folder


def test_segments_of_others_overlap_and_follow_the_order_of_the_stack(foreign):
    (found,) = read(foreign)

    assert found.label_set.names == ("background", "cyst", "fluid")
    # Stored first is last in the stack, which is how the scan is opened.
    expected = np.zeros((3, 12, 10), np.uint8)
    expected[2, 2:6, 2:6] = 1
    expected[2, 4:8, 4:8] = 2
    expected[0, 2:6, 2:6] = 1  # of the second file
    assert np.array_equal(found.labels, expected)
    opened = read_volume(foreign / "IM0001")
    assert np.array_equal(found.volume.data, opened.data)
    assert np.array_equal(read_labels_for(foreign, opened).labels, expected)


@pytest.mark.parametrize("name", ["SEG1", "SEG2"])
def test_automatic_segments_are_a_machines_until_somebody_accepts_them(foreign, name):
    (by_hand,) = read(foreign)
    assert by_hand.unanswered_bscans == ()
    seg = pydicom.dcmread(foreign / name)
    # The last segment: of the first file one that covers the other in part.
    seg.SegmentSequence[-1].SegmentAlgorithmType = "AUTOMATIC"
    seg.SegmentSequence[-1].SegmentAlgorithmName = "FluidNet"
    seg.save_as(foreign / name)
    (found,) = read(foreign)
    again = read_labels_for(foreign, read_volume(foreign / "IM0001"))
    for scan in (found, again):
        assert scan.unanswered_bscans == (0, 1, 2)
        assert scan.provenance.origin_names == ("FluidNet",)
        assert np.array_equal(scan.labels, by_hand.labels)


def test_what_we_exported_keeps_its_provenance_whatever_its_segments_say(
    tmp_path, scan_of
):
    scan = scan_of()
    write([scan], tmp_path / "out")
    folder = tmp_path / "out" / "S-1"
    seg = pydicom.dcmread(folder / "labelmap.dcm")
    for segment in seg.SegmentSequence:
        segment.SegmentAlgorithmType = "AUTOMATIC"
    seg.save_as(folder / "labelmap.dcm")
    (found,) = read(tmp_path / "out")
    assert found.provenance.states == scan.provenance.states
    (tmp_path / "out" / "provenance.json").unlink()
    (found,) = read(tmp_path / "out")
    assert set(found.provenance.states) == {"predicted"}


def test_a_hospitals_numbers_and_names_do_not_get_in(foreign):
    (found,) = read(foreign)
    assert found.patient.startswith("P-")
    for told in (found.patient, found.name):
        assert "4711" not in told
        assert "Doe" not in told
        assert "hospital" not in told


def test_a_segmentation_is_read_for_the_scan_it_was_made_on(foreign, tmp_path):
    opened = read_volume(foreign / "IM0001")
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(foreign / "SEG1", alone)
    found = read_labels_for(alone / "SEG1", opened)
    assert (found.labels[2] == 2).sum() == 16
    # Without the file, frames are taken as they are stored.
    unknown = OCTVolume(np.zeros((3, 12, 10), np.uint8))
    assert (read_labels_for(alone / "SEG1", unknown).labels[0] == 2).sum() == 16
    other = OCTVolume(np.zeros((3, 12, 10), np.uint8), source=str(foreign / "SEG2"))
    with pytest.raises(ReadError, match="not those of the scan"):
        read_labels_for(alone, other)
    with pytest.raises(ReadError, match="without their images"):
        read(alone)


def test_other_folders_and_damaged_files_are_refused(tmp_path, foreign):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.dcm").write_text(json.dumps({}))
    with pytest.raises(ReadError, match="no DICOM segmentation"):
        read(tmp_path / "text")
    content = (foreign / "SEG1").read_bytes()
    (foreign / "SEG1").write_bytes(content[: len(content) - 40])
    with pytest.raises(ReadError, match="SEG1 cannot be read"):
        read(foreign)


def test_probabilities_are_no_labels(foreign):
    image = pydicom.dcmread(foreign / "IM0001")
    for name in ("SEG1", "SEG2"):
        (foreign / name).unlink()
    highdicom.seg.Segmentation(
        [image],
        np.full((3, 12, 10), 0.3),
        "FRACTIONAL",
        [
            highdicom.seg.SegmentDescription(
                1,
                "cyst",
                codes.SCT.MorphologicallyAbnormalStructure,
                codes.SCT.Edema,
                "MANUAL",
            )
        ],
        highdicom.UID(),
        1,
        highdicom.UID(),
        1,
        "maker",
        "model",
        "1",
        "1",
    ).save_as(foreign / "SEG3")
    with pytest.raises(ReadError, match="FRACTIONAL") as raised:
        read(foreign)
    assert "not probabilities" in raised.value.allowed


def test_without_highdicom_the_extra_is_named(tmp_path, scan_of, monkeypatch, foreign):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(WriteError, match="highdicom") as raised:
        write([scan_of()], tmp_path / "out")
    assert "napari-octseg[dicom]" in raised.value.todo
    assert not (tmp_path / "out").exists()
    with pytest.raises(ReadError, match="highdicom"):
        read(foreign)
