"""HEYEX .vol and XML."""

from __future__ import annotations

import shutil
import struct
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume
from napari_octseg.volume import Origin, ScanPattern

INVALID = np.float32(3.4028235e38)


def vol_bytes(bscans, heights, *, pattern=3, distance=0.06, eye=b"OD", dates=True):
    """A .vol file by the published layout (HSF-OCT-103)."""
    n_bscans, depth, width = bscans.shape
    bscan_header = 256 + heights.shape[0] * width * 4
    when = struct.pack("<d", 40000.0 if dates else float("nan"))
    head = struct.pack(
        "<12s3I3d2I2dId4sQiI16s16sI24s",
        b"HSF-OCT-103",
        *(width, n_bscans, depth),
        *(0.0115, distance, 0.00387),
        *(6, 5, 0.0117, 0.0118, 30, -1.5),
        eye,
        2**64 - 1 if not dates else 10**17,
        *(pattern, bscan_header, b"1.2", b"", 77, b"SECRET-ID"),
    )
    head += when + struct.pack("<I24s", 5, b"VISIT") + when
    content = head.ljust(2048, b"\0") + np.arange(30, dtype=np.uint8).tobytes()
    for index, bscan in enumerate(bscans):
        y = 5.0 - 0.06 * index
        content += struct.pack(
            "<12sI4d2If",
            b"HSF-BS-103",
            bscan_header,
            1.0,
            y,
            3.0,
            y,
            heights.shape[0],
            256,
            25.0,
        ).ljust(256, b"\0")
        content += heights[:, index].astype("<f4").tobytes()
        content += bscan.astype("<f4").tobytes()
    return content


@pytest.fixture
def raw(scan):
    values = (scan / np.float32(251)).astype(np.float32)
    values[0, :3] = INVALID
    return values


@pytest.fixture
def heights(scan):
    """(4, 4, 18): ILM, BM, RNFL and an empty GCL, in the order of the file."""
    rows = np.array([3.5, 20.25, 7.0, np.nan], np.float32)
    values = np.repeat(rows, 4 * 18).reshape(4, 4, 18)
    values[:, 1, :5] = np.nan
    return np.where(np.isnan(values), INVALID, values)


def test_a_raster_scan_is_read_whole(tmp_path, raw, heights):
    path = tmp_path / "scan.vol"
    path.write_bytes(vol_bytes(raw, heights))

    volume = read_volume(path)

    assert np.array_equal(volume.data, raw)
    assert volume.data.dtype == np.float32
    assert volume.spacing_um == pytest.approx((60, 3.87, 11.5))
    assert volume.laterality == "OD"
    assert volume.scan_pattern is ScanPattern.RASTER
    assert volume.display_gamma == 0.25
    assert volume.localizer.image.shape == (5, 6)
    assert volume.localizer.spacing_um == pytest.approx((11.8, 11.7))
    assert volume.positions[2] == pytest.approx(np.array([[1, 4.88], [3, 4.88]]))
    assert volume.bscan_as_shown(0)[:3].max() == 0


def test_boundaries_are_in_anatomical_order_with_nan_where_absent(
    tmp_path, raw, heights
):
    path = tmp_path / "scan.vol"
    path.write_bytes(vol_bytes(raw, heights))

    boundaries = read_volume(path).boundaries

    assert boundaries.names == ("ILM", "RNFL/GCL", "BM")
    assert (boundaries["BM"][0] == 20.25).all()
    assert np.isnan(boundaries["ILM"][1, :5]).all()


@pytest.mark.parametrize("pattern", [1, 2, 5])
def test_line_circle_and_radial_scans_have_no_distance_of_bscans(
    tmp_path, raw, heights, pattern
):
    path = tmp_path / "scan.vol"
    n_bscans = 4 if pattern == 5 else 1
    content = vol_bytes(
        raw[:n_bscans], heights[:, :n_bscans], pattern=pattern, distance=0.0
    )
    path.write_bytes(content)

    volume = read_volume(path)

    assert volume.spacing_um == pytest.approx((None, 3.87, 11.5))
    assert volume.scan_pattern in {
        ScanPattern.LINE,
        ScanPattern.CIRCLE,
        ScanPattern.RADIAL,
    }


def test_a_missing_distance_is_derived_from_positions(tmp_path, raw, heights):
    path = tmp_path / "scan.vol"
    path.write_bytes(vol_bytes(raw, heights, distance=0.0))
    spacing = read_volume(path).spacing
    assert spacing.between_bscans == pytest.approx(60, rel=1e-4)
    assert spacing.origins == (Origin.DERIVED, Origin.FILE, Origin.FILE)


def test_who_was_examined_is_not_kept(tmp_path, raw, heights):
    path = tmp_path / "scan.vol"
    path.write_bytes(vol_bytes(raw, heights))
    volume = read_volume(path)
    assert "SECRET" not in repr(volume.__dict__)


def test_dates_that_make_no_sense_do_no_harm(tmp_path, raw, heights):
    path = tmp_path / "scan.vol"
    path.write_bytes(vol_bytes(raw, heights, dates=False))
    assert read_volume(path).shape == raw.shape


def test_a_truncated_vol_is_refused(tmp_path, raw, heights, outcomes_of_truncation):
    folder = tmp_path / "whole"
    folder.mkdir()
    (folder / "scan.vol").write_bytes(vol_bytes(raw, heights))
    outcomes = outcomes_of_truncation(folder / "scan.vol", raw)
    assert set(outcomes) == {"refused"}


@pytest.mark.parametrize("name", ["line_716_0", "circle_716_2"])
def test_real_spectralis_files_open(shared_data, name):
    volume = read_volume(shared_data / "vendor_heyex_vol" / f"{name}.vol")
    assert volume.shape == (1, 496, 768)
    assert volume.spacing.axial == pytest.approx(3.87, abs=0.01)
    assert volume.laterality == "OD"
    assert volume.boundaries.names[0] == "ILM"
    assert str(volume.scan_pattern) == name.split("_")[0]
    # the ILM lies on a rise of brightness, in the rows where the file puts it
    shown, ilm = volume.bscan_as_shown(0), volume.boundaries["ILM"][0]
    columns = np.flatnonzero(np.isfinite(ilm))
    rows = ilm[columns].round().astype(int)
    assert shown[rows + 4, columns].mean() > shown[rows - 8, columns].mean() + 0.1


XML = """<HEDX><BODY><Patient><LastName>Doe</LastName><Study><Series>
<Type>Volume</Type><Laterality>L</Laterality>
<GeneralEquipment><Manufacturer>Heidelberg Engineering</Manufacturer>
<ManufacturerModelName>Spectralis</ManufacturerModelName></GeneralEquipment>
<Image><ImageType><Type>LOCALIZER</Type></ImageType>
<OphthalmicAcquisitionContext><ScaleX>0.0117</ScaleX><ScaleY>0.0118</ScaleY>
</OphthalmicAcquisitionContext>
<ImageData><ExamURL>\\\\server\\x\\slo.png</ExamURL></ImageData></Image>
{images}</Series></Study></Patient></BODY></HEDX>"""
IMAGE = """<Image><ImageType><Type>OCT</Type></ImageType>
<OphthalmicAcquisitionContext><ScaleX>0.0115</ScaleX><ScaleY>0.00387</ScaleY>
<Start><Coord><X>1.0</X><Y>{y}</Y></Coord></Start>
<End><Coord><X>3.0</X><Y>{y}</Y></Coord></End></OphthalmicAcquisitionContext>
<ImageData><ExamURL>file:///\\\\server\\x\\{name}</ExamURL></ImageData>
<Segmentation><SegLine><Name>BM</Name><Array>{bm}</Array></SegLine>
<SegLine><Name>ILM</Name><Array>{ilm}</Array></SegLine></Segmentation></Image>"""


@pytest.fixture
def export(tmp_path, scan):
    """An XML that names B-scans in another order than the folder has them."""
    folder = tmp_path / "export"
    folder.mkdir()
    names = ["q.png", "c.png", "x.png", "a.png"]
    images = ""
    for index, (name, bscan) in enumerate(zip(names, scan, strict=True)):
        Image.fromarray(bscan).save(folder / name.upper())
        images += IMAGE.format(
            y=5 - 0.06 * index,
            name=name,
            bm=" ".join(["20.5"] * 18),
            ilm=" ".join(["3e+038"] * 2 + ["4.25"] * 16),
        )
    Image.fromarray(scan[0]).save(folder / "not_in_the_xml.png")
    Image.fromarray(scan[0]).save(folder / "slo.png")
    (folder / "scan.xml").write_text(XML.format(images=images))
    return folder


@pytest.mark.parametrize("opened", ["", "scan.xml"])
def test_the_xml_decides_and_not_the_folder(export, scan, opened):
    volume = read_volume(export / opened)

    assert np.array_equal(volume.data, scan)
    assert volume.spacing_um == pytest.approx((60, 3.87, 11.5), rel=1e-4)
    assert volume.spacing.origins == (Origin.DERIVED, Origin.FILE, Origin.FILE)
    assert volume.laterality == "OS"
    assert volume.scan_pattern is ScanPattern.RASTER
    assert volume.boundaries.names == ("ILM", "BM")
    assert np.isnan(volume.boundaries["ILM"][:, :2]).all()
    assert (volume.boundaries["ILM"][:, 2:] == 4.25).all()
    assert volume.localizer.spacing_um == pytest.approx((11.8, 11.7))
    assert "Doe" not in repr(volume.__dict__)


def test_a_picture_that_is_missing_is_named(export):
    (export / "X.PNG").unlink()
    with pytest.raises(ReadError, match=r"x\.png, which is not beside it"):
        read_volume(export)


def test_a_single_bscan_export_opens(export, scan):
    tree = ElementTree.parse(export / "scan.xml")
    series = next(tree.iter("Series"))
    for image in series.findall("Image")[2:]:
        series.remove(image)
    tree.write(export / "scan.xml")
    volume = read_volume(export)
    assert volume.n_bscans == 1
    assert volume.spacing.between_bscans is None


def test_heights_of_another_width_are_refused(export):
    text = (export / "scan.xml").read_text().replace("20.5 20.5 ", "20.5 ", 1)
    (export / "scan.xml").write_text(text)
    with pytest.raises(ReadError, match="17 heights of BM"):
        read_volume(export)


def test_a_truncated_xml_is_refused(export, scan, outcomes_of_truncation):
    assert outcomes_of_truncation(export / "scan.xml", scan)["refused"] > 20


def test_the_real_export_opens(shared_data, tmp_path):
    folder = shared_data / "vendor_heyex_xml" / "test_volume"
    volume = read_volume(folder)
    assert volume.shape == (10, 40, 50)  # B11.tif is not in the XML
    assert volume.spacing_um == pytest.approx((31.44, 3.872, 11.819), abs=0.01)
    assert len(volume.boundaries.names) == 11
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "B10.tif").unlink()
    with pytest.raises(ReadError, match=r"B10\.tif"):
        read_volume(tmp_path / "copy")
