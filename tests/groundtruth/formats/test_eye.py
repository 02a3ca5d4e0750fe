"""``.eye`` files: a round trip, eyepy, and files of other people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from eyepy import EyeVolume

from napari_octseg.boundaries import Boundaries, boundaries_to_labels, boundary_names
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.eye import read, write
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


def test_eyepy_sees_pixels_masks_heights_and_spacing(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(dtype="uint16", spacing=(60.0, 3.87, 11.5))
    write([scan], tmp_path / "out")
    eye = EyeVolume.load(tmp_path / "out" / "S-1.eye")
    np.testing.assert_array_equal(eye.raw_data, scan.volume.data)
    assert (eye.scale_z, eye.scale_y, eye.scale_x) == pytest.approx(
        (0.06, 0.00387, 0.0115)
    )
    assert eye.laterality == "OS"
    masks = eye.volume_maps
    for index, name in enumerate(scan.label_set.names[1:], start=1):
        np.testing.assert_array_equal(masks[name].data, scan.labels == index)
    np.testing.assert_array_equal(masks["not graded"].data, scan.labels == IGNORE)
    assert scan.boundaries is not None
    for name, heights in zip(
        scan.boundaries.names, scan.boundaries.heights, strict=True
    ):
        np.testing.assert_array_equal(eye.layers[name].data, heights)


def test_a_boundary_moved_in_another_programme_moves_the_layers_with_it(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    heights = np.broadcast_to(np.float32([2, 5, 9, 12])[:, None, None], (4, 2, 3))
    heights = heights.copy()
    heights[:, 1, 2] = np.nan
    scan = scan_of(shape=(2, 16, 3))
    labels = boundaries_to_labels(heights, 16)
    labels[0, 6, 0] = scan.label_set.index("IRF")
    boundaries = Boundaries(boundary_names(scan.layers), heights)
    write([replace(scan, labels=labels, boundaries=boundaries)], tmp_path / "out")
    file = tmp_path / "out" / "S-1.eye"
    eye = EyeVolume.load(file)
    eye.layers["RNFL/GCL"].data[0, :2] = 8.0
    eye.save(file)
    (found,) = read(tmp_path / "out")
    assert found.boundaries is not None
    assert list(found.boundaries["RNFL/GCL"][0]) == [8, 8, 5]
    assert list(found.labels[0, :, 1]) == [0] * 2 + [1] * 6 + [2] + [3] * 3 + [0] * 4
    assert found.labels[0, 6, 0] == scan.label_set.index("IRF")
    np.testing.assert_array_equal(found.labels[:, :, 2], labels[:, :, 2])
    assert found.provenance is None
    assert found.patient == "P-1"


def test_layers_of_others_are_the_labels_where_there_are_no_masks(
    tmp_path: Path,
) -> None:
    eye = EyeVolume(data=np.full((2, 12, 9), 7, np.uint8))
    eye.add_layer_annotation(np.full((2, 9), 8.0), name="BM")
    eye.add_layer_annotation(np.full((2, 9), 3.0), name="ILM")
    eye.save(tmp_path / "Eye of J.eye")
    (scan,) = read(tmp_path / "Eye of J.eye")
    assert (scan.name, scan.patient) == ("Eye_of_J-3dca7f41",) * 2
    assert scan.layers == ("ILM to BM",)
    assert list(scan.labels[1, :, 4]) == [0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert scan.volume.spacing.axial is None
    assert scan.volume.localizer is None
    # eyepy keeps so what a device has segmented: nobody answers for it yet.
    assert scan.provenance is not None
    assert scan.provenance.states == ("predicted", "predicted")
    assert scan.provenance.origin_names == ("device",)


def test_a_file_without_masks_and_boundaries_is_refused(tmp_path: Path) -> None:
    EyeVolume(data=np.full((2, 12, 9), 7, np.uint8)).save(tmp_path / "a.eye")
    with pytest.raises(ReadError, match="neither masks nor boundaries"):
        read(tmp_path)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"no \.eye files"):
        read(tmp_path)
