from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_octseg.errors import ReadError
from napari_octseg.io import in_green, read_volume
from napari_octseg.volume import Origin


@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_stack_keeps_its_values(tmp_path, scan, compression, dtype):
    path = tmp_path / "scan.tif"
    values = scan.astype(dtype) * (1 if dtype == "uint8" else 3)
    tifffile.imwrite(path, values, compression=compression, photometric="minisblack")

    volume = read_volume(path)

    assert volume.data.dtype == dtype
    assert np.array_equal(volume.data, values)
    assert volume.spacing_um == (None, None, None)
    assert volume.source == str(path)


def test_imagej_calibration_is_read_in_our_order(tmp_path, scan):
    path = tmp_path / "imagej.tif"
    tifffile.imwrite(
        path,
        scan,
        imagej=True,
        resolution=(1 / 0.0115, 1 / 0.00387),
        metadata={"spacing": 0.06, "unit": "mm", "axes": "ZYX"},
    )

    volume = read_volume(path)

    assert np.array_equal(volume.data, scan)
    assert volume.spacing_um == pytest.approx((60, 3.87, 11.5), rel=1e-4)
    assert set(volume.spacing.origins) == {Origin.FILE}


@pytest.mark.parametrize("metadata", [{"axes": "ZYX"}, {}])
def test_imagej_without_unit_of_length_stays_unknown(tmp_path, scan, metadata):
    path = tmp_path / "imagej.tif"
    tifffile.imwrite(path, scan, imagej=True, metadata=metadata)
    volume = read_volume(path)
    assert np.array_equal(volume.data, scan)
    assert volume.spacing_um == (None, None, None)


def test_print_resolution_is_no_spacing(tmp_path, scan):
    path = tmp_path / "dpi.tif"
    tifffile.imwrite(path, scan, resolution=(72, 72), resolutionunit="INCH")
    assert read_volume(path).spacing_um == (None, None, None)


@pytest.mark.parametrize(("unit", "per_um"), [("µm", 1), ("mm", 1e-3), ("nm", 1e3)])
def test_ome_physical_sizes_are_read_in_our_order(tmp_path, scan, unit, per_um):
    path = tmp_path / "scan.ome.tif"
    sizes = {"Z": 60.0, "Y": 3.87, "X": 11.5}
    metadata = {f"PhysicalSize{axis}": um * per_um for axis, um in sizes.items()}
    metadata |= {f"PhysicalSize{axis}Unit": unit for axis in sizes}
    tifffile.imwrite(
        path, scan, ome=True, compression="lzw", metadata={"axes": "ZYX", **metadata}
    )

    assert read_volume(path).spacing_um == pytest.approx((60, 3.87, 11.5))


def test_one_page_is_one_bscan(tmp_path, scan):
    path = tmp_path / "one.tif"
    tifffile.imwrite(path, scan[0])
    assert read_volume(path).shape == (1, 24, 18)


def test_colour_with_equal_channels_is_its_channel(tmp_path, scan):
    path = tmp_path / "rgb.tif"
    rgba = np.stack([scan, scan, scan, np.full_like(scan, 255)], axis=-1)
    tifffile.imwrite(path, rgba, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_volume(path).data, scan)


def test_a_drawn_overlay_becomes_luminance_and_is_noted(tmp_path, scan):
    path = tmp_path / "rgb.tif"
    rgb = np.stack([scan] * 3, axis=-1)
    rgb[0, 3, 4] = (255, 0, 0)
    tifffile.imwrite(path, rgb, photometric="rgb")

    volume = read_volume(path)

    assert volume.data[0, 3, 4] == 76
    assert any("Colour" in note for note in volume.notes)


def test_white_is_zero_pixels_are_inverted(tmp_path, scan):
    path = tmp_path / "white.tif"
    tifffile.imwrite(path, scan, photometric="miniswhite")
    assert np.array_equal(read_volume(path).data, 255 - scan)


def test_a_time_series_of_volumes_is_refused(tmp_path, scan):
    path = tmp_path / "time.tif"
    tifffile.imwrite(
        path, np.stack([scan, scan]), imagej=True, metadata={"axes": "TZYX"}
    )
    with pytest.raises(ReadError, match="axes TZYX"):
        read_volume(path)


@pytest.mark.filterwarnings("ignore:.*photometric:DeprecationWarning")
def test_four_bscans_are_not_taken_for_colour(tmp_path, scan):
    path = tmp_path / "four.tif"
    tifffile.imwrite(path, scan)

    volume = read_volume(path)

    assert np.array_equal(volume.data, scan)
    assert any("planes" in note for note in volume.notes)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_big_stack_stays_on_disk(tmp_path, scan, compression, byteorder):
    path = tmp_path / "big.tif"
    values = scan.astype(np.uint16) * 200
    tifffile.imwrite(
        path,
        values,
        compression=compression,
        byteorder=byteorder,
        photometric="minisblack",
    )

    volume = read_volume(path, lazy_bytes=values.nbytes - 1)

    assert type(volume.data) is not np.ndarray
    assert volume.shape == scan.shape
    bscan = volume.bscan(2)
    assert bscan.dtype.isnative or isinstance(volume.data, np.memmap)
    assert np.array_equal(bscan, values[2])
    assert type(read_volume(path, lazy_bytes=values.nbytes).data) is np.ndarray


def test_a_sparse_stack_of_two_gigabytes_opens_at_once(tmp_path):
    path = tmp_path / "two_gb.tif"
    shape = (2048, 1024, 1024)
    tifffile.memmap(path, shape=shape, dtype="uint8", bigtiff=True)[7, 5, 3] = 9

    volume = read_volume(path)

    assert volume.shape == shape
    assert volume.bscan(7)[5, 3] == 9


@pytest.mark.parametrize("kind", ["plain", "lzw", "pages", "imagej", "ome"])
def test_a_truncated_tiff_is_refused(tmp_path, scan, kind, outcomes_of_truncation):
    folder = tmp_path / "whole"
    folder.mkdir()
    path = folder / "scan.tif"
    if kind == "pages":
        with tifffile.TiffWriter(path) as writer:
            for bscan in scan:
                writer.write(bscan, metadata=None, contiguous=False)
    else:
        tifffile.imwrite(
            path,
            scan,
            compression="lzw" if kind in ("lzw", "ome") else None,
            imagej=kind == "imagej",
            ome=kind == "ome",
            photometric="minisblack",
        )
    assert outcomes_of_truncation(path, scan)["refused"] > 30


def test_tiff_content_opens_under_any_name(tmp_path, scan):
    path = tmp_path / "scan.dat"
    tifffile.imwrite(path.with_suffix(".tif"), scan, photometric="minisblack")
    path.with_suffix(".tif").rename(path)
    assert read_volume(path).shape == scan.shape


def test_the_duke_volume_opens(shared_data):
    path = shared_data / "duke_dme_volumes" / "subject_02.tif"
    lazy = read_volume(path, lazy_bytes=1)
    volume = read_volume(path)
    assert volume.shape == lazy.shape == (61, 496, 768)
    assert np.array_equal(lazy.bscan(30), volume.bscan(30))


def test_of_a_picture_with_a_palette_green_can_be_seen(tmp_path):
    indices = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    # Green runs the other way than red, so that luminance shows neither.
    ramp = np.arange(256, dtype=np.uint16)
    palette = np.stack([ramp, 255 - ramp, np.zeros_like(ramp)]) << 8
    path = tmp_path / "fundus.tif"
    tifffile.imwrite(path, indices, photometric="palette", colormap=palette)

    picture = read_volume(path)
    green = in_green(picture)

    assert any("luminance" in note for note in picture.notes)
    assert np.array_equal(green.data[0], 255 - indices)
    assert in_green(green) is green
