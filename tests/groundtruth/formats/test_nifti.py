"""NIfTI: a round trip, SimpleITK, nibabel, and folders of other people."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.nifti import read, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


def test_simpleitk_sees_axes_and_spacing(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(shape=(4, 21, 13), dtype="uint16", spacing=(60.0, 3.87, 11.5))
    write([scan], tmp_path / "out")
    for name, wanted in (("S-1", scan.volume.data), ("S-1_labels", scan.labels)):
        image = sitk.ReadImage(str(tmp_path / "out" / f"{name}.nii.gz"))
        assert image.GetSpacing() == pytest.approx((0.0115, 0.00387, 0.06))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), wanted)


def test_nibabel_sees_the_same_pixels_and_the_same_grid(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    nibabel = pytest.importorskip("nibabel", reason="nibabel (extra 'test') is absent")
    scan = scan_of(shape=(4, 21, 13), dtype="uint16", spacing=(60.0, 3.87, 11.5))
    write([scan], tmp_path / "out")
    image = nibabel.load(tmp_path / "out" / "S-1.nii.gz")
    labels = nibabel.load(tmp_path / "out" / "S-1_labels.nii.gz")
    assert image.header.get_zooms() == pytest.approx((0.0115, 0.00387, 0.06))
    assert labels.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(image.affine, labels.affine)
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, scan.volume.data)
    np.testing.assert_array_equal(np.asarray(labels.dataobj).T, scan.labels)


def test_itk_snap_gets_a_line_for_each_class(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    write([scan], tmp_path / "out")
    text = (tmp_path / "out" / "itk-snap-labels.txt").read_text()
    # index, red, green, blue, opacity, visible, visible in 3-D, "name"
    row = re.compile(r'^\s*(\d+)((?:\s+\d+){3})\s+([01])\s+[01]\s+[01]\s+"([^"]*)"$')
    rows = [row.match(line) for line in text.splitlines()]
    named = {int(r[1]): r[4] for r in rows if r}
    assert named == {**dict(enumerate(scan.label_set.names)), 255: "not graded"}
    assert rows[1] is not None
    assert rows[1][2].split() == ["230", "85", "13"]  # RNFL is #e6550d


def test_a_scan_with_pixels_that_are_no_numbers_is_known_again(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(shape=(2, 21, 13), dtype="float32", spacing=(60.0, 3.87, 11.5))
    pixels = scan.volume.data.copy()
    pixels[0, 0, :4] = np.nan, np.inf, -np.inf, 3.4e38
    scan = replace(scan, volume=replace(scan.volume, data=pixels))
    write([scan, scan_of("S-2")], tmp_path / "out")
    found, _ = read(tmp_path / "out")
    assert found.volume.data[0, 0, :4].tolist() == [0, 0, 0, np.float32(3.4e38)]
    np.testing.assert_array_equal(found.volume.data[:, 1:], pixels[:, 1:])
    assert found.provenance is not None
    assert scan.provenance is not None
    assert found.provenance.states == scan.provenance.states
    told = json.loads((tmp_path / "out" / "provenance.json").read_text())["notes"]
    assert told == ["Pixels of S-1 that are no numbers became 0."]


def _of_others(folder: Path, labels: np.ndarray) -> None:
    folder.mkdir()
    image = sitk.GetImageFromArray(np.full(labels.shape, 70, np.int16))
    image.SetSpacing((0.012, 0.004, 0.12))
    sitk.WriteImage(image, str(folder / "case 7.nii"))
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(folder / "case 7_seg.nii.gz"))


def test_people_whose_names_have_other_letters_stay_apart(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((2, 5, 4), np.uint8))
    for name in ("王秀英", "李娜", "Мария", "M\u00fcller", "M\u00f6ller"):
        for ending in ("", "_seg"):
            sitk.WriteImage(image, str(tmp_path / f"{name}{ending}.nii"))
    found = read(tmp_path)
    assert len({scan.patient for scan in found}) == len(found) == 5
    assert len({scan.name for scan in found}) == 5


def test_scans_of_others_are_read_with_their_code_table(tmp_path: Path) -> None:
    labels = np.zeros((2, 6, 5), np.float32)
    labels[1, 2], labels[1, 3] = 2, 255
    _of_others(tmp_path / "set", labels)
    (tmp_path / "set" / "classes.json").write_text(
        json.dumps({"0": "background", "2": "SRF"})
    )
    (scan,) = read(tmp_path / "set")
    assert (scan.name, scan.patient) == ("case_7-a3750357",) * 2
    assert scan.label_set.names == ("background", "SRF")
    assert list(scan.labels[1, :, 0]) == [0, 0, 1, 255, 0, 0]
    assert tuple(scan.volume.spacing) == pytest.approx((120, 4, 12))


def test_labels_of_another_size_are_refused(tmp_path: Path) -> None:
    _of_others(tmp_path / "set", np.zeros((2, 6, 5), np.uint8))
    other = sitk.GetImageFromArray(np.zeros((1, 6, 5), np.uint8))
    sitk.WriteImage(other, str(tmp_path / "set" / "case 7_seg.nii.gz"))
    with pytest.raises(ReadError, match="native size"):
        read(tmp_path / "set")


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="NAME_labels"):
        read(tmp_path)


def test_a_scan_is_never_written_over_by_the_labels_of_another(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    with pytest.raises(WriteError, match="labels of another"):
        write([scan_of("a"), scan_of("A_Labels")], tmp_path / "out")
    assert not list(tmp_path.iterdir())
