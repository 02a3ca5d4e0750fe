"""The labels of many scans never meet in one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_octseg.errors import WriteError
from napari_octseg.io.naming import label_targets

OUT = Path("out")


def names(*scans: str) -> list[str]:
    pairs = label_targets([Path(s) for s in scans], OUT, "_net.tif")
    return [target.name for _, target in pairs]


def test_only_known_endings_are_cut() -> None:
    assert names("1.2.840.1.tif", "pat.2.vol", "brain.nii.gz", "1.2.840.1.3") == [
        "1.2.840.1_net.tif",
        "pat.2_net.tif",
        "brain_net.tif",
        "1.2.840.1.3_net.tif",
    ]


def test_scans_of_one_name_get_that_of_their_folder() -> None:
    assert names("left/scan.vol", "right/Scan.vol", "other.vol") == [
        "left_scan_net.tif",
        "right_Scan_net.tif",
        "other_net.tif",
    ]


def test_a_scan_that_is_given_twice_counts_once() -> None:
    assert names("a/scan.vol", "a/../a/scan.vol") == ["scan_net.tif"]


def test_the_folder_one_stands_in_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert names(".") == [f"{tmp_path.name}_net.tif"]


@pytest.mark.parametrize(
    "scans",
    [
        ("a/scan.vol", "a/scan.tif"),
        ("x/a/scan.vol", "y/a/scan.vol"),
        ("a/scan.vol", "b/scan.vol", "c/a_scan.vol"),
    ],
)
def test_names_that_still_meet_are_refused_with_both_scans(
    scans: tuple[str, ...],
) -> None:
    with pytest.raises(WriteError, match="would both be") as caught:
        names(*scans)
    assert str(Path(scans[0]).absolute()) in str(caught.value)
    assert str(Path(scans[-1]).absolute()) in str(caught.value)


def test_labels_never_replace_a_scan() -> None:
    with pytest.raises(WriteError, match="would replace the scan"):
        names("out/scan.tif", "out/scan_net.tif")
