"""PNG pictures: a round trip, Pillow and pandas, and folders of other people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_octseg.errors import LabelError, ReadError, WriteError
from napari_octseg.groundtruth.formats.png_masks import read, write
from napari_octseg.labels import LabelSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


def test_pillow_sees_class_indices_and_colours(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(dtype="uint16")
    written = write([scan], tmp_path / "out")
    with Image.open(tmp_path / "out" / "labels" / "S-1" / "000.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), scan.labels[0])
        palette = np.asarray(picture.getpalette()).reshape(-1, 3)
    assert tuple(palette[1]) == tuple(
        bytes.fromhex(scan.label_set.classes[1].colour[1:])
    )
    with Image.open(tmp_path / "out" / "images" / "S-1" / "002.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), scan.volume.data[2])
    assert all(path.is_file() for path in written)
    assert tmp_path / "out" / "provenance.json" == written[-1]


def test_the_index_names_the_pictures_of_every_bscan(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    labels = scan.labels.copy()
    labels[1] = 255
    scan = replace(scan, labels=labels)
    write([scan, replace(scan, name="S-2")], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "index.csv", keep_default_na=False)
    assert list(table["scan"]) == ["S-1"] * 3 + ["S-2"] * 3
    assert list(table["patient"].unique()) == ["P-1"]
    for row in table.to_dict("records"):
        assert (tmp_path / "out" / row["image"]).is_file()
        assert bool(row["label"]) == (row["bscan"] != 1)
        if row["label"]:
            assert (tmp_path / "out" / row["label"]).is_file()


def test_labels_changed_elsewhere_lose_their_provenance_and_heights(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    write([scan], tmp_path / "out")
    changed = scan.labels[0].copy()
    changed[0, 0] = 3
    iio.imwrite(tmp_path / "out" / "labels" / "S-1" / "000.png", changed)
    (found,) = read(tmp_path / "out")
    np.testing.assert_array_equal(found.labels[0], changed)
    assert found.provenance is None
    assert found.boundaries is None
    assert found.patient == "P-1"
    assert found.volume.spacing == scan.volume.spacing
    assert found.label_set == scan.label_set


def _others(folder: Path, label: Any, classes: dict[str, str] | None = None) -> None:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name in ("eye 1", "eye 2"):
        iio.imwrite(folder / "images" / f"{name}.jpg", np.full((6, 8), 90, np.uint8))
        iio.imwrite(folder / "labels" / f"{name}.png", np.asarray(label, np.uint8))
    if classes is not None:
        (folder / "classes.json").write_text(json.dumps(classes))


def test_pictures_of_others_are_read_with_their_code_table(tmp_path: Path) -> None:
    label = np.full((6, 8), 1)
    label[2], label[3], label[4] = 7, 3, 255
    _others(tmp_path / "set", label, {"1": "BG", "3": "RPE complex", "7": "RNFL"})
    first, second = read(tmp_path / "set")
    assert (first.name, second.name) == ("eye_1-db19aef2", "eye_2-ae5a396d")
    assert first.patient == second.patient == "set"
    assert first.label_set.names == ("BG", "RPE complex", "RNFL")
    assert first.layers == ("RNFL", "RPE complex")
    assert list(first.labels[0, :, 0]) == [0, 0, 2, 1, 255, 0]
    assert first.provenance is None


def test_classes_that_nobody_named_are_numbered(tmp_path: Path) -> None:
    _others(tmp_path / "set", np.full((6, 8), 2))
    assert read(tmp_path / "set")[0].label_set == LabelSet.numbered(2)


def test_a_code_without_a_name_is_refused(tmp_path: Path) -> None:
    _others(tmp_path / "set", np.full((6, 8), 9), {"0": "background", "1": "IRF"})
    with pytest.raises(LabelError, match="the code 9") as raised:
        read(tmp_path / "set")
    assert "0, 1" in raised.value.allowed


def test_label_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    _others(tmp_path / "set", np.zeros((3, 4)))
    with pytest.raises(ReadError, match="size of the images"):
        read(tmp_path / "set")


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="images/"):
        read(tmp_path)


def test_two_label_sets_do_not_go_into_one_table(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    other = scan_of("S-2", label_set=LabelSet.of("background", "IRF"), layers=())
    with pytest.raises(WriteError, match="one label set"):
        write([scan_of(), other], tmp_path / "out")
    assert not list(tmp_path.iterdir())
