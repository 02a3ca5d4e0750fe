"""What napari gets from the readers and writers."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from napari.layers import Layer
from npe2 import PluginManager, PluginManifest
from PIL import Image

import napari_octseg
from napari_octseg.errors import ReadError, WriteError
from napari_octseg.io import read_volume
from napari_octseg.io.napari_hooks import get_reader, read_layers, write_labels
from napari_octseg.io.registry import all_suffixes
from napari_octseg.io.save import save_labels, save_volume
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume

LABEL_SET = LabelSet.of("background", "IRF", "SRF", "PED")


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    folder = next(iter(napari_octseg.__path__))
    return PluginManifest.from_file(f"{folder}/napari.yaml")


@pytest.fixture
def volume(scan):
    return OCTVolume(scan, spacing_um=(60.0, 3.87, 11.5))


def layer_of(path) -> list[Layer]:
    return [Layer.create(*data) for data in get_reader(str(path))(str(path))]


def test_an_image_layer_is_scaled_in_micrometres(tmp_path, volume):
    save_volume(volume, tmp_path / "patient.nii.gz")
    (layer,) = layer_of(tmp_path / "patient.nii.gz")
    assert isinstance(layer, ImageLayer)
    assert layer.name == "patient"
    assert layer.scale == pytest.approx((60, 3.87, 11.5), abs=1e-4)
    assert [str(u) for u in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("B-scan", "depth", "A-scan")
    assert layer.contrast_limits == [0, 255]
    assert layer.metadata["octseg"]["volume"].shape == volume.shape


def test_unknown_spacing_is_shown_in_pixels(tmp_path, scan):
    np.save(tmp_path / "a.npy", scan)
    (layer,) = layer_of(tmp_path / "a.npy")
    assert tuple(layer.scale) == (1, 1, 1)
    assert [str(u) for u in layer.units] == ["pixel"] * 3


def test_a_narrow_scan_is_not_taken_for_colour(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((6, 20, 3), np.uint8))
    (layer,) = layer_of(tmp_path / "a.npy")
    assert not layer.rgb
    assert layer.ndim == 3


def test_labels_in_the_file_become_a_coloured_layer(tmp_path, volume, scan):
    labels = np.where(scan > 240, 255, scan % 4).astype(np.uint8)
    save_labels(labels, tmp_path / "a.eye", volume=volume, label_set=LABEL_SET)

    image, layer = layer_of(tmp_path / "a.eye")

    assert isinstance(layer, LabelsLayer)
    assert np.array_equal(layer.data, labels)
    assert np.array_equal(layer.scale, image.scale)
    assert layer.colormap.map(1)[:3] == pytest.approx(
        (0, 197 / 255, 205 / 255), abs=0.01
    )
    assert layer.colormap.map(0)[3] == layer.colormap.map(255)[3] == 0
    assert layer.metadata["octseg"]["label_set"] == LABEL_SET
    assert list(layer.features["class"])[1] == "intraretinal fluid"


def test_labels_saved_as_tiff_come_back_as_labels(tmp_path, volume, scan):
    labels = (scan % 4).astype(np.uint8)
    save_labels(labels, tmp_path / "a.tif", volume=volume, label_set=LABEL_SET)
    (layer,) = layer_of(tmp_path / "a.tif")
    assert isinstance(layer, LabelsLayer)
    assert layer.metadata["octseg"]["label_set"] == LABEL_SET
    assert layer.scale == pytest.approx((60, 3.87, 11.5))


def test_a_big_file_is_not_loaded_to_find_its_contrast(tmp_path, monkeypatch):
    path = tmp_path / "big.tif"
    values = np.arange(8 * 16 * 16, dtype=np.uint16).reshape(8, 16, 16)
    tifffile.imwrite(path, values, compression="deflate")
    lazy = read_volume(path, lazy_bytes=1)
    read = []
    monkeypatch.setattr(OCTVolume, "bscan", lambda self, i: read.append(i) or values[i])
    monkeypatch.setattr("napari_octseg.io.napari_hooks.read_volume", lambda path: lazy)
    (layer,) = layer_of(path)
    assert read == [4]
    assert layer.contrast_limits[0] == values[4].min()


def test_what_is_not_ours_is_left_to_others(tmp_path):
    (tmp_path / "letter.txt").write_text("hello")
    assert get_reader(str(tmp_path / "letter.txt")) is None
    assert get_reader(str(tmp_path / "nothing.xyz")) is None
    assert get_reader(str(tmp_path)) is None
    assert get_reader([str(tmp_path / "letter.txt")]) is None
    assert get_reader([]) is None


def test_content_counts_where_the_ending_tells_nothing(tmp_path, scan):
    tifffile.imwrite(tmp_path / "a.dat", scan, photometric="minisblack")
    assert layer_of(tmp_path / "a.dat")[0].data.shape == scan.shape


def test_a_broken_file_says_why(tmp_path):
    path = tmp_path / "a.vol"
    path.write_bytes(b"HSF-OCT-103 and no more")
    with pytest.raises(ReadError, match="truncated"):
        get_reader(str(path))(str(path))


def test_several_pictures_are_one_volume_in_natural_order(tmp_path, scan):
    paths = [str(tmp_path / f"b{n}.png") for n in (10, 9, 1, 2)]
    for path, bscan in zip(paths, scan[[3, 2, 0, 1]], strict=True):
        Image.fromarray(bscan).save(path)
    ((data, attributes, kind),) = get_reader(paths)(paths)
    assert np.array_equal(data, scan)
    assert kind == "image"
    assert attributes["name"] == tmp_path.name


@pytest.mark.parametrize("name", ["a.tif", "a.nii.gz", "a.eye"])
@pytest.mark.parametrize("is_2d", [False, True])
def test_a_labels_layer_is_saved_with_what_is_known(
    tmp_path, volume, scan, name, is_2d
):
    labels = (scan % 4).astype(np.uint8)
    if is_2d:
        labels = labels[0]
        volume = OCTVolume(scan[0], spacing_um=(None, 3.87, 11.5))
    known = {"octseg": {"volume": volume, "label_set": LABEL_SET}}
    path = str(tmp_path / name)

    assert write_labels(path, labels, {"metadata": known}) == [path]

    back = read_volume(path)
    stored = back.labels if name.endswith("eye") else back.data
    assert np.array_equal(stored.reshape(labels.shape), labels)
    assert back.spacing.axial == pytest.approx(3.87, abs=1e-4)


def test_labels_that_nothing_is_known_of_are_saved_too(tmp_path, scan):
    path = str(tmp_path / "a.tif")
    assert write_labels(path, scan.astype(np.int64), {}) == [path]
    assert np.array_equal(read_volume(path).data, scan)


def test_labels_that_are_none_are_refused(tmp_path):
    with pytest.raises(WriteError):
        write_labels(str(tmp_path / "a.tif"), np.zeros((2, 3, 4)), {})


def test_the_manifest_is_valid_and_names_every_ending(manifest):
    manifest.validate_imports()
    reader = manifest.contributions.readers[0]
    assert reader.accepts_directories
    assert {p.lstrip("*") for p in reader.filename_patterns} == set(all_suffixes())


def test_napari_finds_reader_and_writers(manifest, tmp_path, volume):
    manager = PluginManager()
    manager.register(manifest)
    save_volume(volume, tmp_path / "a.eye")
    found = list(manager.iter_compatible_readers([str(tmp_path / "a.eye")]))
    assert [r.command for r in found] == ["napari-octseg.get_reader"]
    assert list(manager.iter_compatible_readers([str(tmp_path)]))
    extensions = {
        extension
        for writer in manager.iter_compatible_writers(["labels"])
        for extension in writer.filename_extensions
    }
    assert {".tif", ".nii.gz", ".eye"} <= extensions


def test_read_layers_takes_a_folder(tmp_path, scan):
    for number, bscan in enumerate(scan):
        Image.fromarray(bscan).save(tmp_path / f"{number}.png")
    ((data, _, _),) = read_layers(str(tmp_path))
    assert np.array_equal(data, scan)
