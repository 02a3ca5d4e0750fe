"""OCTExplorer surfaces: what other readers find, the order of B-scans, round trips."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_octseg.boundaries import Boundaries, boundaries_to_labels, boundary_names
from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.class_mapping import propose
from napari_octseg.groundtruth.formats.octexplorer import read_labels_for, write
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.io.duke_mat import LAYERS
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.phantom import PhantomSettings, make_phantom
from napari_octseg.volume import OCTVolume, ScanPattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.phantom import Phantom

NAME = "S-1_Surfaces_Iowa.xml"


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    """A tilted eye, so that the order of the B-scans can be seen."""
    return make_phantom(PhantomSettings(shape=(16, 160, 96), seed=4))


def scan_of_phantom(phantom: Phantom, **facts: Any) -> GradedScan:
    names = boundary_names(LAYERS)
    heights = np.stack([phantom.boundaries[name] for name in names])
    heights[:, 2, :5] = np.nan  # nobody graded these
    volume = replace(phantom.volume, boundaries=None, **facts)
    return GradedScan(
        "S-1",
        "P-1",
        volume,
        boundaries_to_labels(heights, volume.depth),
        LabelSet.of("background", *LAYERS),
        LAYERS,
        Boundaries(names, heights),
    )


def as_retimat_reads(path: Path) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Text search for tags, as `read_xml_iowa.m` does it: no XML parser."""
    text = path.read_text()

    def only(part: str, tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", part, re.S)
        assert len(found) == 1, (tag, len(found))
        return found[0]

    size, voxel = only(text, "size"), only(text, "voxel_size")
    header = {
        "n_ascan": float(only(size, "x")),
        "n_axial": float(only(size, "y")),
        "n_bscan": float(only(size, "z")),
        "scale_z": float(only(voxel, "y")),
    }
    assert only(text, "laterality") in ("OD", "OS", "NA")
    assert only(text, "manufacturer")
    surfaces = {}
    for surface in re.findall(r"<surface>(.*?)</surface>", text, re.S):
        bscans = re.findall(r"<bscan>(.*?)</bscan>", surface, re.S)
        rows = [[int(v) for v in re.findall(r"<y>(.*?)</y>", b)] for b in bscans]
        surfaces[only(surface, "name")] = np.array(rows, float)
    undefined = only(text, "undefined_region")
    columns = [int(x) for x in re.findall(r"<x>(.*?)</x>", undefined)]
    places = [int(z) for z in re.findall(r"<z>(.*?)</z>", undefined)]
    for rows in surfaces.values():
        rows[places, columns] = np.nan
    return header, surfaces


def test_other_readers_find_whole_rows_from_0_and_undefined_columns(tmp_path, phantom):
    scan = scan_of_phantom(phantom)
    write([scan], tmp_path / "out")
    header, surfaces = as_retimat_reads(tmp_path / "out" / NAME)

    assert header["n_ascan"] == 96
    assert header["n_axial"] == 160
    assert header["n_bscan"] == 16
    assert header["scale_z"] == pytest.approx(scan.volume.spacing.axial / 1000)
    names = list(surfaces)
    assert (names[0], names[-1]) == ("ILM (ILM)", "Outer boundary of RPE (OB_RPE)")
    ilm = surfaces["ILM (ILM)"]
    assert np.isnan(ilm).sum() == 5
    distance = np.abs(ilm[::-1] - scan.boundaries["ILM"])
    given = np.abs(ilm - scan.boundaries["ILM"])
    assert min(np.nanmax(distance), np.nanmax(given)) < 1


@pytest.mark.parametrize(
    ("device", "pattern", "is_reversed"),
    [
        ("Heidelberg Spectralis", ScanPattern.RASTER, True),
        ("Carl Zeiss Meditec Cirrus", ScanPattern.RASTER, False),
        ("Heidelberg Spectralis", ScanPattern.RADIAL, False),
    ],
)
def test_bscans_are_written_from_the_top_of_the_fundus(
    tmp_path, phantom, device, pattern, is_reversed
):
    scan = scan_of_phantom(phantom, positions=None, device=device, scan_pattern=pattern)
    write([scan], tmp_path / "out")
    _, surfaces = as_retimat_reads(tmp_path / "out" / NAME)
    first = surfaces["ILM (ILM)"][0]
    expected = scan.boundaries["ILM"][-1 if is_reversed else 0]
    assert np.nanmax(np.abs(first - expected)) < 1


def test_positions_decide_where_they_are_known(tmp_path, phantom):
    positions = np.zeros((16, 2, 2), np.float32)
    positions[:, :, 1] = np.arange(16)[:, None]  # the first is the highest
    scan = scan_of_phantom(phantom, positions=positions, device="Heidelberg Spectralis")
    write([scan], tmp_path / "out")
    _, surfaces = as_retimat_reads(tmp_path / "out" / NAME)
    assert np.nanmax(np.abs(surfaces["ILM (ILM)"][0] - scan.boundaries["ILM"][0])) < 1


@pytest.mark.parametrize("device", ["Heidelberg Spectralis", "Cirrus", None])
@pytest.mark.parametrize("with_remark", [True, False])
def test_the_order_is_found_again_with_and_without_our_remark(
    tmp_path, phantom, device, with_remark
):
    scan = scan_of_phantom(phantom, positions=None, device=device)
    write([scan], tmp_path / "out")
    path = tmp_path / "out" / NAME
    if not with_remark:
        text = path.read_text()
        path.write_text(re.sub(r"<!--.*?-->\n", "", text))
        assert path.read_text() != text
        # As a file of others: by the image, even if the device says otherwise.
        scan = replace(scan, volume=replace(scan.volume, device="Cirrus"))
    found = read_labels_for(path, scan.volume)
    assert np.array_equal(found.labels, scan.labels)
    assert found.layers == LAYERS


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_labels_between_boundaries_survive(
    data: st.DataObject, any_scans: Any, same: Callable[..., None]
) -> None:
    scans = data.draw(any_scans)
    assume(all(scan.layers for scan in scans))
    with tempfile.TemporaryDirectory() as folder:
        write(scans, Path(folder) / "a")
        for scan in scans:
            path = Path(folder) / "a" / f"{scan.name}_Surfaces_Iowa.xml"
            once = read_labels_for(path, scan.volume)
            write([once], Path(folder) / scan.name)
            twice = read_labels_for(Path(folder) / scan.name, scan.volume)
            same(twice, once)
            assert (once.patient, once.provenance is None) == (scan.patient, False)
            heights = scan.boundaries.heights.copy()
            heights[:, np.isnan(heights).any(axis=0)] = np.nan
            inside = np.minimum(heights, scan.volume.depth - 1)
            expected = boundaries_to_labels(inside, scan.volume.depth)
            np.testing.assert_array_equal(once.labels, expected)


def version_3(n_bscans: int, depth: int, width: int) -> str:
    """As OCTExplorer 3.0 wrote: rows along z, B-scans along y, µm."""
    root = ElementTree.Element("surfaces")
    ElementTree.SubElement(root, "version").text = "3.0"
    facts = ElementTree.SubElement(root, "scan_characteristics")
    ElementTree.SubElement(facts, "manufacturer").text = "Bioptigen"
    size = ElementTree.SubElement(facts, "size")
    for axis, value in zip("xyz", (width, n_bscans, depth), strict=True):
        ElementTree.SubElement(size, axis).text = str(value)
    for number, name, row in (
        (60, "OPL-Henles fiber layer (OPL-HFL)", 9),
        (10, "ILM (ILM)", 4),
        (120, "Inner boudary of OPR (IB_OPR)", 15),
        (110, "IS/OS junction (IS/OSJ)", 12),
    ):
        surface = ElementTree.SubElement(root, "surface")
        ElementTree.SubElement(surface, "label").text = str(number)
        ElementTree.SubElement(surface, "name").text = name
        for index in range(n_bscans):
            bscan = ElementTree.SubElement(surface, "bscan")
            for _ in range(width):
                ElementTree.SubElement(bscan, "z").text = str(row + index)
    region = ElementTree.SubElement(root, "undefined_region")
    ascan = ElementTree.SubElement(region, "ascan")
    ElementTree.SubElement(ascan, "x").text = "5"
    ElementTree.SubElement(ascan, "y").text = "1"
    return ElementTree.tostring(root, encoding="unicode")


def test_files_of_version_3_are_read_in_the_order_of_their_surfaces(tmp_path):
    path = tmp_path / "eye_Surfaces_Iowa.xml"
    path.write_text(version_3(2, 24, 8))
    volume = OCTVolume(np.zeros((2, 24, 8), np.uint8))

    found = read_labels_for(path, volume)

    assert found.name == "eye"
    assert found.boundaries.names == ("ILM", "OPL/ONL", "EZ/OS", "IB_OPR")
    assert found.boundaries.heights[:, 1, 0].tolist() == [5, 10, 13, 16]
    assert np.isnan(found.boundaries.heights[:, 1, 5]).all()
    assert (found.labels[1, 5:16, 5] == IGNORE).all()
    assert found.labels[0, 12:15, 0].tolist() == [3, 3, 3]
    target = LabelSet.of("background", "OS")
    proposed = propose(found.label_set, target).apply(found, target)
    assert (proposed.labels[0, 12:15, 0] == 1).all()


def test_what_the_algorithms_have_drawn_is_no_truth_until_somebody_accepts_it(
    tmp_path,
):
    path = tmp_path / "eye_Surfaces_Iowa.xml"
    path.write_text(version_3(2, 24, 8))
    found = read_labels_for(path, OCTVolume(np.zeros((2, 24, 8), np.uint8)))
    assert found.unanswered_bscans == (0, 1)
    assert found.provenance.origin_names == ("OCTExplorer",)
    assert not found.provenance.human_columns.any()


def test_surfaces_of_another_scan_are_refused(tmp_path):
    path = tmp_path / "eye_Surfaces_Iowa.xml"
    path.write_text(version_3(2, 24, 8))
    with pytest.raises(ReadError, match="24 rows, this one has 32"):
        read_labels_for(path, OCTVolume(np.zeros((2, 32, 8), np.uint8)))
    with pytest.raises(ReadError, match="2 B-scans with 8 A-scans"):
        read_labels_for(path, OCTVolume(np.zeros((2, 24, 9), np.uint8)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<center><x>1</x></center>", "<center> without <surface>"),
        ("<surfaces>", "cannot be read"),
        (version_3(2, 24, 8).replace("<y>2</y>", "<y>3</y>"), "2 B-scans where"),
        (version_3(2, 24, 8).replace("<z>4</z>", "", 1), "7 A-scans where"),
        (version_3(2, 24, 8).replace("<z>4</z>", "<z>four</z>", 1), "four"),
    ],
)
def test_damaged_and_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / "eye_Surfaces_Iowa.xml"
    path.write_text(text)
    with pytest.raises(ReadError, match=message):
        read_labels_for(path, OCTVolume(np.zeros((2, 24, 8), np.uint8)))


def test_what_has_no_boundaries_cannot_be_written(tmp_path, scan_of):
    with pytest.raises(WriteError, match="has no layers"):
        write([scan_of(layers=())], tmp_path / "out")
    scan = scan_of()
    heights = scan.boundaries.heights.copy()
    heights[0, ...] = np.where(np.arange(13) < 7, heights[0], np.nan)
    heights[1, ...] = np.where(np.arange(13) < 7, np.nan, heights[1])
    apart = replace(scan, boundaries=Boundaries(scan.boundaries.names, heights))
    with pytest.raises(WriteError, match="no column in which all"):
        write([apart], tmp_path / "out")
