"""TIFF stacks: a round trip, tifffile, and folders of other people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_octseg.errors import LabelError, ReadError
from napari_octseg.groundtruth.formats.tiff_masks import read, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


def test_tifffile_sees_unchanged_pixels_and_the_spacing(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(dtype="uint16", spacing=(None, 3.87, 11.5))
    write([scan], tmp_path / "out")
    with tifffile.TiffFile(tmp_path / "out" / "images" / "S-1.tif") as file:
        np.testing.assert_array_equal(file.asarray(), scan.volume.data)
        assert 'PhysicalSizeY="3.87"' in file.ome_metadata
        assert 'PhysicalSizeX="11.5"' in file.ome_metadata
        assert "PhysicalSizeZ" not in file.ome_metadata
    labels = tifffile.imread(tmp_path / "out" / "labels" / "S-1.tif")
    np.testing.assert_array_equal(labels, scan.labels)


def _others(folder: Path, labels: np.ndarray) -> None:
    for part, stack in (("images", np.full_like(labels, 80)), ("labels", labels)):
        (folder / part).mkdir(parents=True)
        tifffile.imwrite(
            folder / part / "Eye of J.tif", stack, photometric="minisblack"
        )
    named = {"0": "background", "4": "IRF"}
    (folder / "classes.json").write_text(json.dumps(named))


def test_stacks_of_others_are_read_with_their_code_table(tmp_path: Path) -> None:
    labels = np.zeros((2, 6, 5), np.uint8)
    labels[1, 2], labels[1, 3] = 4, 255
    _others(tmp_path / "set", labels)
    (scan,) = read(tmp_path / "set")
    assert (scan.name, scan.patient) == ("Eye_of_J-3dca7f41",) * 2
    assert scan.label_set.names == ("background", "IRF")
    assert list(scan.labels[1, :, 0]) == [0, 0, 1, 255, 0, 0]


def test_a_code_without_a_name_is_refused(tmp_path: Path) -> None:
    _others(tmp_path / "set", np.full((2, 6, 5), 3, np.uint8))
    with pytest.raises(LabelError, match="the code 3"):
        read(tmp_path / "set")


def test_an_image_without_labels_is_refused(tmp_path: Path) -> None:
    _others(tmp_path / "set", np.zeros((2, 6, 5), np.uint8))
    (tmp_path / "set" / "labels" / "Eye of J.tif").unlink()
    with pytest.raises(ReadError, match="no labels"):
        read(tmp_path / "set")


def test_a_folder_without_stacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="images/"):
        read(tmp_path)
