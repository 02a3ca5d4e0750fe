"""The sidecar: what it tells people, and what it gives back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import napari_octseg
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.sidecar import read_sidecar, write_sidecar
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan


def test_people_find_hashes_spacing_graders_and_the_version(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(spacing=(None, 3.87, 11.5))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.bin").write_bytes(b"abc")
    told = json.loads(
        write_sidecar(tmp_path, "png", [scan], ["Note."]).read_text("utf-8")
    )
    assert told["format"] == "png"
    assert told["program"] == f"napari-octseg {napari_octseg.__version__}"
    assert told["notes"] == ["Note."]
    assert told["files"] == {"sub/a.bin": hashlib.sha256(b"abc").hexdigest()}
    (entry,) = told["scans"]
    assert entry["patient"] == "P-1"
    assert entry["spacing_um"] == [None, 3.87, 11.5]
    assert entry["spacing_origins"] == ["unknown", "derived", "derived"]
    assert scan.provenance is not None
    bscans = entry["provenance"]["bscans"]
    assert [one["grader"] for one in bscans] == list(scan.provenance.graders)
    assert [one["state"] for one in bscans] == list(scan.provenance.states)
    assert [one["n_graded_columns"] for one in bscans] == list(
        scan.graded_columns.sum(axis=1)
    )


def test_nothing_personal_of_the_source_is_told(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    volume = replace(scan.volume, source="/home/x/Doe_Jane.vol", notes=("Doe, Jane",))
    text = write_sidecar(
        tmp_path, "png", [replace(scan, volume=volume)], []
    ).read_text()
    assert "Jane" not in text


def _read_back(
    folder: Path, scan: GradedScan, as_found: GradedScan | None = None
) -> GradedScan:
    write_sidecar(folder, "png", [scan], [])
    plain = as_found or replace(
        scan,
        patient="file",
        volume=OCTVolume(scan.volume.data),
        label_set=LabelSet.numbered(len(scan.label_set) - 1),
        layers=(),
        provenance=None,
    )
    return read_sidecar(folder).completed(plain)


def test_what_a_format_cannot_hold_comes_back(
    tmp_path: Path,
    scan_of: Callable[..., GradedScan],
    same: Callable[..., None],
) -> None:
    scan = scan_of()
    same(_read_back(tmp_path, scan), scan)


def test_other_pixels_get_neither_the_spacing_nor_the_provenance(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    other = replace(scan, volume=OCTVolume(np.zeros(scan.volume.shape, np.uint8)))
    found = _read_back(tmp_path, scan, replace(other, provenance=None))
    assert tuple(found.volume.spacing) == (None, None, None)
    assert found.provenance is None


def test_other_labels_do_not_get_the_provenance(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    labels = scan.labels.copy()
    labels[0, 0, 0] = 1
    found = _read_back(tmp_path, scan, replace(scan, labels=labels, provenance=None))
    assert found.provenance is None
    np.testing.assert_array_equal(found.labels, labels)


def test_other_classes_stay_those_of_the_file(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    other = LabelSet.of("background", "a", "b", "c", "d", "e", "f")
    found = _read_back(
        tmp_path, scan, replace(scan, label_set=other, layers=(), provenance=None)
    )
    assert found.label_set == other
    assert found.layers == ()
    assert found.provenance is None


def test_without_sidecar_a_scan_stays_as_it_is(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    assert read_sidecar(tmp_path).completed(scan) is scan


@pytest.mark.parametrize("text", ["{}", '{"scans": [3]}', "[]", "{"])
def test_something_else_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "provenance.json").write_text(text)
    with pytest.raises(ReadError, match=r"provenance\.json"):
        read_sidecar(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", None),
        ("spacing_um", [1, 2]),
        ("provenance", {"bscans": []}),
        ("patient", ""),
    ],
)
def test_a_damaged_entry_is_refused_and_named(
    key: str, value: object, tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    path = write_sidecar(tmp_path, "png", [scan], [])
    told = json.loads(path.read_text())
    told["scans"][0][key] = value
    path.write_text(json.dumps(told))
    with pytest.raises(ReadError, match="S-1"):
        read_sidecar(tmp_path).completed(scan)
