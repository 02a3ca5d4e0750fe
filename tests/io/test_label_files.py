from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from napari_octseg.errors import LabelError, ReadError
from napari_octseg.io.label_files import LabelFile, class_indices, read_labels
from napari_octseg.io.save import save_labels
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume, Spacing

CLASSES = LabelSet.of("background", "IRF", "SRF")


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, (3, 8, 9), np.uint8)


def file_of(codes, label_set=None) -> LabelFile:
    return LabelFile("file", np.asarray(codes), label_set, Spacing())


@pytest.mark.parametrize("ending", ["tif", "nii.gz", "nrrd", "mha", "eye"])
def test_labels_come_back_from_the_formats_they_are_saved_in(ending, labels, tmp_path):
    path = tmp_path / f"labels.{ending}"
    scan = OCTVolume(np.zeros(labels.shape, np.uint8), spacing_um=(120.0, 4.0, 10.0))
    save_labels(labels, path, volume=scan, label_set=CLASSES)
    file = read_labels(path)
    np.testing.assert_array_equal(file.codes, labels)
    assert file.spacing.axial == pytest.approx(4.0)
    np.testing.assert_array_equal(class_indices(file, CLASSES), labels)
    if ending in ("tif", "eye"):
        assert file.label_set is not None
        assert file.label_set.names == CLASSES.names


def test_of_an_indexed_picture_the_index_is_the_label(labels, tmp_path):
    path = tmp_path / "labels.png"
    save_labels(labels[0], path, label_set=CLASSES)
    assert Image.open(path).mode == "P"
    np.testing.assert_array_equal(read_labels(path).codes, labels[:1])


def test_a_folder_of_pictures_is_a_stack_in_natural_order(labels, tmp_path):
    for number, bscan in zip((1, 2, 10), labels, strict=True):
        Image.fromarray(bscan).save(tmp_path / f"B{number}.png")
    np.testing.assert_array_equal(read_labels(tmp_path).codes, labels)
    Image.fromarray(np.zeros((8, 10), np.uint8)).save(tmp_path / "B11.png")
    with pytest.raises(ReadError, match=r"B11\.png is 8 × 10 px but B1\.png is 8 × 9"):
        read_labels(tmp_path)


def test_colours_and_fractions_are_no_labels(tmp_path):
    path = tmp_path / "labels.png"
    colours = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    Image.fromarray(colours).save(path)
    with pytest.raises(ReadError, match="in colours"):
        read_labels(path)
    np.save(tmp_path / "labels.npy", np.full((2, 3), 0.5))
    with pytest.raises(ReadError, match="fractions"):
        read_labels(tmp_path / "labels.npy")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    with pytest.raises(ReadError, match=r"broken\.png"):
        read_labels(tmp_path / "broken.png")


def test_whole_numbers_kept_as_floats_are_labels(labels, tmp_path):
    np.save(tmp_path / "labels.npy", labels.astype(np.float64))
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.npy").codes, labels)


@given(st.integers(0, 3), st.lists(st.integers(0, 2), min_size=1))
def test_codes_are_counted_from_the_first(first_code, indices):
    codes = np.array(indices, np.int32).reshape(1, 1, -1) + first_code
    found = class_indices(file_of(codes), CLASSES, first_code)
    assert found.dtype == np.uint8
    assert found.ravel().tolist() == indices


def test_what_stands_for_no_class_is_not_graded():
    found = class_indices(file_of([[[0, 1, 3, IGNORE]]]), CLASSES, 1)
    assert found.ravel().tolist() == [IGNORE, 0, 2, IGNORE]


def test_codes_of_no_class_are_refused_with_those_allowed():
    with pytest.raises(LabelError, match=r"code 3.*0 \(background\) to 2 \(SRF\)"):
        class_indices(file_of([[[0, 3]]]), CLASSES)
    with pytest.raises(LabelError, match="code -1"):
        class_indices(file_of([[[-1]]]), CLASSES)


def test_classes_that_a_file_names_are_found_by_name(tmp_path):
    other = LabelSet.of("background", "SRF", "RNFL", "IRF")
    found = class_indices(file_of([[[0, 1, 2, 3]]], other), CLASSES, first_code=1)
    assert found.ravel().tolist() == [0, 2, IGNORE, 1]


def test_a_tiff_of_another_program_names_no_classes(labels, tmp_path):
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, labels, photometric="minisblack")
    assert read_labels(path).label_set is None
