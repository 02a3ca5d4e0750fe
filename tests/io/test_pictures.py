from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume
from napari_octseg.io.format import natural_key
from napari_octseg.volume import ScanPattern


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_lossless_picture_keeps_its_values(tmp_path, scan, suffix):
    path = tmp_path / f"scan{suffix}"
    Image.fromarray(scan[0]).save(path)
    volume = read_volume(path)
    assert np.array_equal(volume.data[0], scan[0])
    assert volume.scan_pattern is ScanPattern.LINE
    assert volume.spacing_um == (None, None, None)


def test_a_jpeg_is_close(tmp_path):
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None] * 3, (1, 80))
    path = tmp_path / "scan.jpeg"
    Image.fromarray(ramp).save(path, quality=95)
    assert np.abs(read_volume(path).data[0].astype(int) - ramp).max() < 8


def test_sixteen_bit_png_keeps_its_values(tmp_path, scan):
    path = tmp_path / "scan.png"
    deep = scan[0].astype(np.uint16) * 257
    Image.fromarray(deep).save(path)
    volume = read_volume(path)
    assert volume.data.dtype == np.uint16
    assert np.array_equal(volume.data[0], deep)


@pytest.mark.parametrize("lazy_bytes", [1 << 30, 0])
@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_of_a_photograph_green_can_be_taken(tmp_path, suffix, lazy_bytes):
    rgb = np.random.default_rng(0).integers(0, 255, (12, 9, 3), np.uint8)
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(rgb).save(path)
    for one in (path, tmp_path):  # a file, and a folder that holds it alone
        volume = read_volume(one, lazy_bytes=lazy_bytes, colour="green")
        assert np.array_equal(volume.bscan(0), rgb[..., 1])
        assert any("green" in note for note in volume.notes) or lazy_bytes == 0
        assert not np.array_equal(read_volume(one).bscan(0), rgb[..., 1])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_every_kind_of_picture_becomes_grey(tmp_path, mode):
    grey = np.where(np.eye(20, dtype=bool), 255, 0).astype(np.uint8)
    path = tmp_path / "scan.png"
    Image.fromarray(grey).convert(mode).save(path)
    volume = read_volume(path)
    assert volume.shape == (1, 20, 20)
    assert np.array_equal(volume.data[0], grey)


def test_a_folder_is_one_volume_in_natural_order(tmp_path, scan):
    for number, bscan in zip((1, 2, 10, 11), scan, strict=True):
        Image.fromarray(bscan).save(tmp_path / f"B{number}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".B3.png").write_bytes(b"hidden")

    volume = read_volume(tmp_path)

    assert np.array_equal(volume.data, scan)
    assert any("B1.png to B11.png" in note for note in volume.notes)


def test_a_folder_of_single_tiffs_is_one_volume(tmp_path, scan):
    for number, bscan in enumerate(scan):
        tifffile.imwrite(tmp_path / f"{number}.tiff", bscan)
    assert np.array_equal(read_volume(tmp_path).data, scan)


def test_a_big_folder_stays_on_disk(tmp_path, scan):
    for number, bscan in enumerate(scan):
        Image.fromarray(bscan).save(tmp_path / f"{number}.png")
    volume = read_volume(tmp_path, lazy_bytes=scan.nbytes - 1)
    assert not isinstance(volume.data, np.ndarray)
    assert np.array_equal(volume.bscan(3), scan[3])


def test_pictures_of_different_sizes_are_refused_by_name(tmp_path, scan):
    Image.fromarray(scan[0]).save(tmp_path / "1.png")
    Image.fromarray(scan[0, :-1]).save(tmp_path / "2.png")
    with pytest.raises(ReadError, match=r"2\.png is 23 × 18 px but 1\.png is 24 × 18"):
        read_volume(tmp_path)


def test_natural_order_counts():
    names = ["b10", "B2", "b1", "a20", "b1_3", "b1_12", "10", "9"]
    ordered = sorted(names, key=natural_key)
    assert ordered == ["9", "10", "a20", "b1", "b1_3", "b1_12", "B2", "b10"]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg"])
def test_a_truncated_picture_is_refused(tmp_path, scan, suffix, outcomes_of_truncation):
    folder = tmp_path / "whole"
    folder.mkdir()
    path = folder / f"scan{suffix}"
    Image.fromarray(scan[0]).save(path)
    pixels = read_volume(path).data
    assert outcomes_of_truncation(path, pixels)["refused"] > 20


def test_real_pictures_open(shared_data):
    files = sorted((shared_data / "kermany_raw_samples").glob("*.jpeg"))
    assert files
    for path in files:
        assert read_volume(path).depth in (496, 512)
