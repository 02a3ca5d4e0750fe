"""nnU-Net data sets: a round trip, nnU-Net's own check, and data sets of others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.errors import LabelError, ReadError, WriteError
from napari_octseg.groundtruth.formats.nnunet import folds_by_patient, read, write
from napari_octseg.labels import LabelSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_octseg.groundtruth.graded_scan import GradedScan


@pytest.mark.parametrize("spacing", [(60.0, 3.87, 11.5), (None, None, None)])
def test_nnunet_finds_the_data_set_sound(
    spacing: Any,
    tmp_path: Path,
    scan_of: Callable[..., GradedScan],
    capfd: pytest.CaptureFixture[str],
) -> None:
    checks = pytest.importorskip(
        "nnunetv2.experiment_planning.verify_dataset_integrity",
        reason="nnU-Net (extra 'test') is absent",
    )
    floats = scan_of("S-2", (1, 17, 9), "float32", (None, 3.87, 12.0), patient="P-2")
    pixels = floats.volume.data.copy()
    pixels[0, :2] = [[np.nan], [3.4e38]]
    floats = replace(floats, volume=replace(floats.volume, data=pixels))
    scans = [scan_of(dtype="uint16", spacing=spacing), floats, scan_of("S.3")]
    folder = tmp_path / "Dataset501_OCT"
    write(scans, folder)
    checks.verify_dataset_integrity(str(folder), num_processes=1)
    told = capfd.readouterr().out
    assert "verify_dataset_integrity Done" in told
    assert "Error" not in told
    assert "Warning" not in told


def test_what_nobody_graded_has_the_ignore_label(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    write([scan], tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert facts["labels"] == {
        "background": 0,
        "RNFL": 1,
        "GCIPL": 2,
        "RPE": 3,
        "IRF": 4,
        "SRF": 5,
        "PED": 6,
        "ignore": 7,
    }
    image = sitk.ReadImage(str(tmp_path / "out" / "labelsTr" / "S-1.nii.gz"))
    codes = sitk.GetArrayFromImage(image)
    np.testing.assert_array_equal(codes == 7, scan.labels == 255)


def test_without_ungraded_pixels_there_is_no_ignore_label(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    scan = replace(scan, labels=np.where(scan.labels == 255, 0, scan.labels))
    write([replace(scan, labels=scan.labels.astype(np.uint8))], tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert "ignore" not in facts["labels"]


def _written_spacings(folder: Path) -> dict[str, tuple[float, ...]]:
    files = (folder / "imagesTr").iterdir()
    return {
        p.name.removesuffix("_0000.nii.gz"): tuple(
            mm * 1000 for mm in sitk.ReadImage(str(p)).GetSpacing()[::-1]
        )
        for p in files
    }


def test_one_bscan_takes_its_distance_from_the_other_scans(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    single = scan_of("S-2", (1, 9, 8), spacing=(None, 3.9, 12.0))
    write([scan_of(), single], tmp_path / "out")
    spacings = _written_spacings(tmp_path / "out")
    assert spacings["S-1"] == pytest.approx((60, 3.87, 11.5))
    assert spacings["S-2"] == pytest.approx((60, 3.9, 12))


def test_an_unknown_spacing_is_no_reason_to_blow_scans_up(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    unknown = scan_of("S-2", spacing=(None, None, 11.5))
    write([scan_of(), unknown], tmp_path / "out")
    assert set(_written_spacings(tmp_path / "out").values()) == {(1000, 1000, 1000)}
    found = {scan.name: scan for scan in read(tmp_path / "out")}
    assert tuple(found["S-1"].volume.spacing) == (60, 3.87, 11.5)
    notes = json.loads((tmp_path / "out" / "provenance.json").read_text())["notes"]
    assert "1 mm" in notes[0]


@given(st.lists(st.integers(0, 7), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_no_patient_is_on_both_sides_of_a_fold(
    scan_of: Callable[..., GradedScan], patients: Sequence[int]
) -> None:
    scans = [
        scan_of(f"S-{i}", (1, 3, 2), patient=f"P-{patient}")
        for i, patient in enumerate(patients)
    ]
    patient_of = {scan.name: scan.patient for scan in scans}
    folds = folds_by_patient(scans)
    assert len(folds) == (min(5, len(set(patients))) if len(set(patients)) > 1 else 0)
    held_out: list[str] = []
    for fold in folds:
        train, val = ({patient_of[name] for name in fold[k]} for k in ("train", "val"))
        assert train
        assert val
        assert not train & val
        assert set(fold["train"]) | set(fold["val"]) == set(patient_of)
        held_out += fold["val"]
    if folds:
        assert sorted(held_out) == sorted(patient_of)


def test_scans_without_graded_pixels_are_left_out(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    empty = replace(scan, name="S-2", labels=np.full_like(scan.labels, 255))
    write([scan, empty], tmp_path / "out")
    assert [one.name for one in read(tmp_path / "out")] == ["S-1"]
    with pytest.raises(WriteError, match="graded"):
        write([empty], tmp_path / "none")


def test_names_that_nnunet_keeps_for_itself_are_refused(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(label_set=LabelSet.of("background", "ignore"), layers=())
    with pytest.raises(WriteError, match="'ignore'"):
        write([scan], tmp_path / "out")


def _of_others(folder: Path, labels: Any, **further: Any) -> None:
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for case in ("BScan_1", "BScan_2"):
        iio.imwrite(
            folder / "imagesTr" / f"{case}_0000.png", np.full((6, 5), 9, np.uint8)
        )
        codes = np.zeros((6, 5), np.uint8)
        codes[2], codes[3] = 1, 2
        iio.imwrite(folder / "labelsTr" / f"{case}.png", codes)
    facts = {
        "channel_names": {"0": "OCT"},
        "labels": labels,
        "numTraining": 2,
        "file_ending": ".png",
        **further,
    }
    (folder / "dataset.json").write_text(json.dumps(facts))


def test_data_sets_of_others_are_read(tmp_path: Path) -> None:
    _of_others(tmp_path / "Dataset7", {"background": 0, "ignore": 2, "NFL": 1})
    first, second = read(tmp_path / "Dataset7")
    assert (first.name, second.name) == ("BScan_1", "BScan_2")
    assert first.patient == second.patient == "Dataset7"
    assert first.label_set.names == ("background", "NFL")
    assert first.layers == ("NFL",)
    assert list(first.labels[0, :, 0]) == [0, 0, 1, 255, 0, 0]


def test_cases_may_lie_anywhere(tmp_path: Path) -> None:
    cases = {
        "one": {
            "images": ["imagesTr/BScan_1_0000.png"],
            "label": "labelsTr/BScan_1.png",
        }
    }
    _of_others(tmp_path / "set", {"background": 0, "a": 1, "b": 2}, dataset=cases)
    (scan,) = read(tmp_path / "set")
    assert scan.name == "one"
    assert scan.label_set.names == ("background", "a", "b")


def test_regions_are_refused(tmp_path: Path) -> None:
    _of_others(tmp_path / "set", {"background": 0, "all": [1, 2], "b": 2})
    with pytest.raises(LabelError, match="regions"):
        read(tmp_path / "set")


def test_several_channels_are_refused(tmp_path: Path) -> None:
    channels = {"channel_names": {"0": "OCT", "1": "OCTA"}}
    _of_others(tmp_path / "set", {"background": 0}, **channels)
    with pytest.raises(ReadError, match="2 channels"):
        read(tmp_path / "set")


def test_a_case_without_labels_is_refused(tmp_path: Path) -> None:
    _of_others(tmp_path / "set", {"background": 0, "a": 1, "b": 2})
    (tmp_path / "set" / "labelsTr" / "BScan_2.png").unlink()
    with pytest.raises(ReadError, match=r"lacks BScan_2\.png"):
        read(tmp_path / "set")
