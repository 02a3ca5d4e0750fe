"""Formats are found by name, and none is imported before it is used."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.boundaries import Boundaries, boundaries_to_labels, boundary_names
from napari_octseg.errors import LabelError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.formats.registry import FORMATS, exchange_format
from napari_octseg.labels import LabelSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan

READ_ONLY = {"polygons", "device-boundaries"}
PAGE = Path(__file__).resolve().parents[3] / "docs" / "exchange-formats.md"


def test_the_names_are_those_that_people_choose_from() -> None:
    assert tuple(FORMATS) == (
        "png",
        "tiff",
        "retouch",
        "nifti",
        "nnunet",
        "eye",
        "boundary-csv",
        "duke-mat",
        "coco",
        "dicom-seg",
        "octexplorer",
        "polygons",
        "device-boundaries",
    )
    assert "nnunet" in FORMATS
    assert "bmp" not in FORMATS


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(LabelError, match="boundary-csv") as raised:
        exchange_format("bmp")
    assert "'bmp'" in raised.value.got


def test_listing_the_names_imports_no_format() -> None:
    code = (
        "import sys\n"
        "from napari_octseg.groundtruth.formats.registry import FORMATS\n"
        "assert len(FORMATS) == len(list(FORMATS))\n"
        "room = 'napari_octseg.groundtruth.formats.'\n"
        "assert [m for m in sys.modules if m.startswith(room)] == [room + 'registry']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_what_its_name_says(name: str) -> None:
    found = exchange_format(name)
    assert found.name == name
    assert found.title
    assert found.what.endswith(".")
    assert found.loses == "" or found.loses.endswith(".")
    assert found.read or found.read_labels_for
    assert found.write or name in READ_ONLY


@pytest.mark.parametrize("name", FORMATS)
def test_the_page_tells_what_a_format_loses(name: str) -> None:
    rows = [
        row.split(" | ")
        for row in PAGE.read_text(encoding="utf-8").splitlines()
        if row.startswith(f"| `{name}` ")
    ]
    assert len(rows) == 1, f"{PAGE.name} needs one row for {name}"
    found = exchange_format(name)
    if found.write is None:
        assert rows[0][3] == "nothing: it is never written"
    else:
        assert rows[0][3] == (found.loses or "nothing")


LAYERS = ("RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE")


@pytest.fixture
def eye(scan_of: Callable[..., GradedScan]) -> GradedScan:
    """Whole layers with a pocket of fluid in one of them; two columns nobody graded."""
    scan = scan_of(
        shape=(2, 48, 20),
        label_set=LabelSet.of("background", *LAYERS, "SRF"),
        layers=(),
    )
    heights = np.arange(4.0, 44.0, 5.0, np.float32)[:, None, None]
    heights = np.broadcast_to(heights, (8, 2, 20)).astype(np.float32)
    heights[:, :, 18:] = np.nan
    labels = boundaries_to_labels(heights, 48)
    labels[1, 26:28, 4:9] = 8
    boundaries = Boundaries(boundary_names(LAYERS), heights)
    return replace(scan, labels=labels, layers=LAYERS, boundaries=boundaries)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - READ_ONLY))
def test_what_comes_back_is_right_wherever_it_is_graded(
    name: str, tmp_path: Path, eye: GradedScan
) -> None:
    """Whatever a format loses, it never gives a pixel another class than it had."""
    found = exchange_format(name)
    assert found.write is not None
    files = found.write([eye], tmp_path / "out")
    assert tmp_path / "out" / "provenance.json" in files
    if found.read is not None:
        (back,) = found.read(tmp_path / "out")
    else:
        assert found.read_labels_for is not None
        back = found.read_labels_for(tmp_path / "out", eye.volume)
    assert (back.name, back.patient) == ("S-1", "P-1")
    np.testing.assert_array_equal(back.volume.data, eye.volume.data)
    assert tuple(back.volume.spacing) == tuple(eye.volume.spacing)
    assert (back.labels[:, :, 18:] == 255).all()
    assert (back.labels[:, :, :18] != 255).all()
    names = np.array(back.label_set.names)[back.labels[:, :, :18]]
    wanted = np.array(eye.label_set.names)[eye.labels[:, :, :18]]
    for layer in set(back.label_set.names) & set(LAYERS):
        there = wanted != "SRF"  # what holds boundaries only has no hole there
        np.testing.assert_array_equal((names == layer)[there], (wanted == layer)[there])
    assert ((names == "SRF") == (wanted == "SRF")).all() or "SRF" not in names


@pytest.mark.parametrize("name", sorted(set(FORMATS) - READ_ONLY))
def test_pixels_that_stay_on_disk_are_written_alike(
    name: str, tmp_path: Path, eye: GradedScan
) -> None:
    truth = DataSet.create(tmp_path / "truth", "Mine", eye.label_set, eye.layers)
    truth.add(eye)
    found = exchange_format(name)
    assert found.write
    on_disk = truth.read("S-1", lazy_bytes=0)
    assert not isinstance(on_disk.volume.data, np.ndarray)
    written = {}
    for place, scan in (("memory", truth.read("S-1")), ("disk", on_disk)):
        files = found.write([scan], tmp_path / place)
        told = json.loads((tmp_path / place / "provenance.json").read_text())
        names = sorted(path.relative_to(tmp_path / place) for path in files)
        written[place] = names, told["scans"]
    assert written["disk"] == written["memory"]
    back = [
        found.read(tmp_path / place)
        if found.read
        else [found.read_labels_for(tmp_path / place, eye.volume)]
        for place in written
    ]
    np.testing.assert_array_equal(back[0][0].labels, back[1][0].labels)
    np.testing.assert_array_equal(back[0][0].volume.data, back[1][0].volume.data)


READ_AS_FILES = [
    name
    for name in sorted(set(FORMATS) - READ_ONLY)
    if FORMATS[name].read and FORMATS[name].suffixes
]


@pytest.mark.parametrize("name", READ_AS_FILES)
def test_a_format_with_endings_reads_each_file_that_has_one(
    name: str, tmp_path: Path, eye: GradedScan
) -> None:
    """The window lets a person choose a file with one of these endings."""
    found = exchange_format(name)
    assert found.write
    assert found.read
    other = replace(eye.volume, data=eye.volume.data.copy() + 1)
    scans = [eye, replace(eye, name="S-2", patient="P-2", volume=other)]
    files = found.write(scans, tmp_path / "out")
    (whole, _) = sorted(found.read(tmp_path / "out"), key=lambda scan: scan.name)
    chosen = [
        file
        for file in files
        if file.name.endswith(found.suffixes)
        and file.name not in ("provenance.json", "image.dcm")
    ]
    assert chosen
    for file in chosen:
        read = found.read(file)
        assert len(read) == (2 if name == "coco" else 1), file
        if "S-1" in str(file.relative_to(tmp_path)):
            assert (read[0].name, read[0].patient) == ("S-1", "P-1")
            np.testing.assert_array_equal(read[0].labels, whole.labels)


def test_the_script_of_the_page_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    eye: GradedScan,
) -> None:
    monkeypatch.chdir(tmp_path)
    truth = DataSet.create(Path("my-truth"), "Mine", eye.label_set, eye.layers)
    truth.add(eye)
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    exec(compile(script, PAGE.name, "exec"), {})
    told = capsys.readouterr().out.splitlines()
    assert told[0] == exchange_format("nifti").loses
    assert told[1] == f"S-1 P-1 {eye.label_set.names} (0, 1)"
