"""RETOUCH pairs: a round trip, SimpleITK, and the order of the spacing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.retouch import as_fluids, read, write
from napari_octseg.labels import LabelSet
from napari_octseg.volume import Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


def test_simpleitk_sees_the_axes_in_the_order_of_the_challenge(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(shape=(4, 21, 13), dtype="uint16", spacing=(60.0, 3.87, 11.5))
    write([scan], tmp_path / "out")
    folder = tmp_path / "out" / "S-1"
    image = sitk.ReadImage(str(folder / "oct.mhd"))
    reference = sitk.ReadImage(str(folder / "reference.mhd"))
    for one in (image, reference):
        assert one.GetSize() == (13, 21, 4)
        assert one.GetSpacing() == pytest.approx((0.0115, 0.00387, 0.06))
    assert image.GetPixelID() == sitk.sitkUInt16
    assert reference.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), scan.volume.data)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(reference), as_fluids(scan).labels
    )
    header = (folder / "oct.mhd").read_text()
    assert "ElementSpacing = 0.0115 0.00387" in header
    assert "ElementType = MET_USHORT" in header
    assert sorted(p.name for p in folder.iterdir()) == [
        "oct.mhd",
        "oct.raw",
        "reference.mhd",
        "reference.raw",
    ]


def test_layers_are_background_and_fluid_of_any_kind_is_not_graded(
    scan_of: Callable[..., GradedScan],
) -> None:
    classes = LabelSet.of("background", "RNFL", "SRF", "fluid", "PED", "drusen")
    scan = scan_of(shape=(1, 7, 1), label_set=classes, layers=("RNFL",))
    labels = np.array([0, 1, 2, 3, 4, 5, 255], np.uint8)[None, :, None]
    fluids = as_fluids(replace(scan, labels=labels))
    assert list(fluids.labels.ravel()) == [0, 0, 2, 255, 3, 0, 255]


def test_without_sidecar_the_file_alone_is_read(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(spacing=(None, 3.87, 11.5))
    write([scan], tmp_path / "out")
    (tmp_path / "out" / "provenance.json").unlink()
    (found,) = read(tmp_path / "out" / "S-1")
    assert tuple(found.volume.spacing) == (None, 3.87, 11.5)
    assert found.volume.spacing.axial == 3.87
    assert found.volume.spacing.origins[1] is Origin.FILE
    assert found.patient == "S-1"
    assert found.provenance is None
    np.testing.assert_array_equal(found.labels, as_fluids(scan).labels)


def test_a_label_set_without_fluid_is_refused_before_anything_is_written(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(label_set=LabelSet.of("background", "RNFL"), layers=("RNFL",))
    with pytest.raises(WriteError, match="IRF, SRF, PED"):
        write([scan], tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_scan_without_reference_is_refused(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    write([scan_of()], tmp_path / "out")
    (tmp_path / "out" / "S-1" / "reference.mhd").unlink()
    with pytest.raises(ReadError, match="no reference"):
        read(tmp_path / "out")


def test_a_folder_without_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"oct\.mhd"):
        read(tmp_path)
