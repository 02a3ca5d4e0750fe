from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import WriteError
from napari_octseg.io import read_volume
from napari_octseg.io.areas import class_areas, save_areas
from napari_octseg.io.atomic import written_whole
from napari_octseg.io.save import save_labels, save_volume
from napari_octseg.io.tiff import classes_in
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume, Origin, Spacing

LABEL_SET = LabelSet.of("background", "IRF", "SRF", "PED")
STACKS = ["a.tif", "a.tiff", "a.nii", "a.nii.gz", "a.nrrd", "a.mhd", "a.mha"]


@dataclass
class Result:
    labels: np.ndarray
    label_set: LabelSet
    boundaries: Boundaries | None
    volume: OCTVolume


@pytest.fixture
def volume(scan):
    return OCTVolume(scan, spacing_um=(60.0, 3.87, 11.5), laterality="OD")


@pytest.fixture
def labels(scan):
    return np.where(scan > 240, 255, scan % 4).astype(np.uint8)


@pytest.mark.parametrize("name", STACKS)
def test_labels_keep_values_and_spacing(tmp_path, volume, labels, name):
    save_labels(labels, tmp_path / name, volume=volume, label_set=LABEL_SET)
    back = read_volume(tmp_path / name)
    assert back.data.dtype == np.uint8
    assert np.array_equal(back.data, labels)
    assert back.spacing_um == pytest.approx((60, 3.87, 11.5), abs=1e-4)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("name", STACKS)
@given(
    spacing=st.tuples(*[st.none() | st.floats(1, 500)] * 3),
    values=arrays.arrays(
        st.sampled_from(["u1", "u2", "f4"]),
        arrays.array_shapes(min_dims=3, max_dims=3, max_side=5),
        elements=st.integers(0, 255),
    ),
)
@settings(max_examples=8, deadline=None)
def test_volumes_round_trip(tmp_path_factory, name, spacing, values):
    path = tmp_path_factory.mktemp("save") / name
    save_volume(OCTVolume(values, spacing_um=spacing), path)
    back = read_volume(path)
    assert np.array_equal(back.data, values)
    assert back.data.dtype == values.dtype
    between = None if len(values) == 1 and "tif" not in name else spacing[0]
    for got, um in zip(back.spacing_um, (between, *spacing[1:]), strict=True):
        assert got == (um if um is None else pytest.approx(um, rel=1e-5))


def test_a_result_brings_its_own_classes_and_volume(tmp_path, volume, labels):
    heights = np.full((2, 4, 18), 5, np.float32)
    result = Result(labels, LABEL_SET, Boundaries(("ILM", "BM"), heights), volume)
    save_labels(result, tmp_path / "a.eye")
    back = read_volume(tmp_path / "a.eye")
    assert np.array_equal(back.data, volume.data)
    assert np.array_equal(back.labels, labels)
    assert back.label_set == LABEL_SET
    assert back.boundaries.names == ("ILM", "BM")


def test_a_tiff_names_its_classes_for_everybody(tmp_path, volume, labels):
    path = tmp_path / "a.tif"
    save_labels(labels, path, volume=volume, label_set=LABEL_SET)
    assert classes_in(path) == LABEL_SET
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert 'PhysicalSizeY="3.87"' in tif.ome_metadata
        assert '<M K="class 3">PED</M>' in tif.ome_metadata
    tifffile.imwrite(path, labels, photometric="minisblack")
    assert classes_in(path) is None


def test_an_assumed_spacing_stays_assumed(tmp_path, scan):
    origins = (Origin.DEFAULT, Origin.FILE, Origin.USER)
    spacing = Spacing(60.0, 3.87, 11.5, origins)
    save_volume(OCTVolume(scan, spacing=spacing, laterality="OS"), tmp_path / "a.tif")
    back = read_volume(tmp_path / "a.tif")
    assert back.spacing == spacing
    assert back.laterality == "OS"


def test_one_bscan_as_png_keeps_indices_and_shows_colours(tmp_path, labels):
    save_labels(labels[0], tmp_path / "a.png", label_set=LABEL_SET)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), labels[0])
        assert image.getpalette()[3:6] == [0, 197, 205]  # IRF


def test_several_bscans_as_png_are_refused(tmp_path, labels):
    with pytest.raises(WriteError, match="one B-scan per PNG"):
        save_labels(labels, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.gz"])
def test_an_unknown_suffix_lists_the_known_ones(tmp_path, labels, name):
    with pytest.raises(WriteError, match=r"\.eye, .*\.nii\.gz.*\.tif"):
        save_labels(labels, tmp_path / name)


@pytest.mark.parametrize(
    "values",
    [np.zeros((2, 3)), np.full((2, 3), 256), np.full((2, 3), -1), np.zeros(4, int)],
)
def test_what_is_no_label_image_is_refused(tmp_path, values):
    with pytest.raises(WriteError):
        save_labels(values, tmp_path / "a.tif")


def test_labels_of_another_scan_are_refused(tmp_path, volume, labels):
    with pytest.raises(WriteError, match="labels of shape"):
        save_labels(labels[:2], tmp_path / "a.eye", volume=volume)


@pytest.mark.parametrize("name", ["a.tif", "a.mhd", "a.nii.gz", "a.eye"])
def test_a_failed_save_leaves_the_old_file(tmp_path, volume, labels, name, monkeypatch):
    save_labels(labels, tmp_path / name, volume=volume)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteError, match="No space left"):
        save_labels(labels * 0, tmp_path / name, volume=volume)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_an_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "a.txt") as target:
        target.write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path, labels):
    with pytest.raises(WriteError, match="There is no folder"):
        save_labels(labels, tmp_path / "no" / "a.tif")


def test_areas_are_pixels_times_axial_times_lateral():
    labels = np.zeros((2, 100, 50), np.uint8)
    labels[1, 10:30, 5:15] = 2
    labels[0, :5] = 255
    table = class_areas(labels, LABEL_SET, Spacing.of((None, 4.0, 10.0), Origin.FILE))
    assert len(table) == 6
    row = table[(table.bscan == 1) & (table["class"] == "SRF")].iloc[0]
    assert row.n_pixels == 200
    assert row.area_mm2 == pytest.approx(200 * 0.004 * 0.010)
    assert table.n_pixels.sum() == 200


def test_areas_are_empty_without_spacing(tmp_path, labels):
    table = class_areas(labels, LABEL_SET, Spacing())
    assert table.area_mm2.isna().all()
    save_areas(table, tmp_path / "areas.csv")
    back = pd.read_csv(tmp_path / "areas.csv")
    assert list(back.columns) == list(table.columns)
    assert back.area_mm2.isna().all()
    assert (back.n_pixels == table.n_pixels).all()
