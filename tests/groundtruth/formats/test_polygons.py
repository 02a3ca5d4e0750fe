"""Polygons of makesense.ai and VIA: areas, classes, and the pictures they belong to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from pycocotools import mask as reference

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.class_mapping import propose
from napari_octseg.groundtruth.formats.polygons import read, read_labels_for
from napari_octseg.groundtruth.formats.shapes import ellipse_mask, polygon_mask
from napari_octseg.io import read_volume
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

SIZE = (20, 30)
# The names with which the OCTID images were labelled, in an order people draw in.
OCTID = ("RPE", "NFL", "Elipsoid Zone", "GCL+IPL", "ONL", "Choroid")
ROWS = {
    "NFL": (2, 5),
    "GCL+IPL": (5, 8),
    "ONL": (8, 11),
    "Elipsoid Zone": (11, 13),
    "RPE": (13, 15),
    "Choroid": (15, 19),
}


def band(name: str, rows: tuple[float, float]) -> dict[str, Any]:
    """A region across the picture as makesense.ai exports it: closed."""
    top, bottom = rows
    return {
        "shape_attributes": {
            "name": "polygon",
            "all_points_x": [0, 30, 30, 0, 0],
            "all_points_y": [top, top, bottom, bottom, top],
        },
        "region_attributes": {"label": name},
    }


def entry(file_name: str, regions: Any) -> dict[str, Any]:
    return {
        "fileref": "",
        "size": 1234,
        "filename": file_name,
        "base64_img_data": "",
        "file_attributes": {},
        "regions": regions,
    }


def makesense(folder: Path, names: tuple[str, ...] = ("06 OS - Copy.png",)) -> Path:
    """VGG JSON beside its pictures; each picture has one grey value."""
    folder.mkdir(exist_ok=True)
    facts = {}
    for number, name in enumerate(names):
        iio.imwrite(folder / name, np.full(SIZE, 10 + number, np.uint8))
        regions = {str(i): band(one, ROWS[one]) for i, one in enumerate(OCTID)}
        facts[name] = entry(name, regions)
    path = folder / "labels_8_layer.json"
    path.write_text(json.dumps(facts))
    return path


def test_the_labels_of_octid_become_layers_from_top_to_bottom(tmp_path):
    (scan,) = read(makesense(tmp_path / "octid"))

    assert scan.name == "06_OS_-_Copy-e186949a"
    assert (scan.volume.data == 10).all()
    assert scan.layers == ("NFL", "GCL+IPL", "ONL", "RPE", "Choroid")
    assert set(scan.label_set.names) == {"background", *OCTID}
    for name, (top, bottom) in ROWS.items():
        column = scan.labels[0, :, 7]
        rows = np.flatnonzero(column == scan.label_set.names.index(name))
        assert (rows.min(), rows.max() + 1) == (top, bottom), name
    assert (scan.labels[0, :2] == 0).all()


def test_they_map_onto_our_layers_with_all_their_boundaries(tmp_path):
    (scan,) = read(makesense(tmp_path / "octid"))
    target = LabelSet.of("background", "RNFL", "GCIPL", "ONL", "EZ", "RPE", "choroid")
    mapping = propose(scan.label_set, target)
    assert dict(mapping.renames)["Elipsoid Zone"] == "EZ"

    mapped = mapping.apply(scan, target)

    assert mapped.layers == target.names[1:]
    heights = mapped.boundaries.heights[:, 0, 3].tolist()
    assert heights == [1.5, 4.5, 7.5, 10.5, 12.5, 14.5, 18.5]


@pytest.mark.parametrize("form", ["via 1", "via 2", "project"])
def test_via_writes_the_same_in_other_forms(tmp_path, form):
    path = makesense(tmp_path / "via")
    (expected,) = read(path)
    (one,) = json.loads(path.read_text()).values()
    if form != "via 1":
        one["regions"] = list(one["regions"].values())
    facts = {f"{one['filename']}1234": one}
    if form == "project":
        facts = {"_via_settings": {}, "_via_img_metadata": facts, "_via_attributes": {}}
    path.write_text(json.dumps(facts))
    (found,) = read(path)
    assert np.array_equal(found.labels, expected.labels)


def test_scans_find_their_pictures_and_the_others_stay_ungraded(tmp_path):
    path = makesense(tmp_path / "scan", ("b10.png", "b2.png", "b1.png"))
    facts = json.loads(path.read_text())
    facts["b2.png"]["regions"] = {}
    path.write_text(json.dumps(facts))
    volume = read_volume(tmp_path / "scan")

    found = read_labels_for(path, volume)

    assert found.graded_bscans == (0, 2)
    assert (found.labels[1] == IGNORE).all()
    assert found.layers == ("NFL", "GCL+IPL", "ONL", "RPE", "Choroid")
    assert np.array_equal(found.volume.data, volume.data)
    assert [scan.name for scan in read(path)] == ["b10", "b1"]
    with pytest.raises(ReadError, match="2 images, the scan has 5"):
        read_labels_for(path, OCTVolume(np.zeros((5, *SIZE), np.uint8)))


def test_a_picture_converted_to_another_format_is_still_the_same(tmp_path):
    path = makesense(tmp_path / "scan", ("06 OS.png", "07 OD.png"))
    tmp_path.joinpath("scan", "06 OS.png").rename(tmp_path / "scan" / "06 os.PNG")
    volume = read_volume(tmp_path / "scan" / "06 os.PNG")
    assert read_labels_for(path, volume).labels.max() > 0


def test_coco_of_makesense_is_read_too(tmp_path):
    path = makesense(tmp_path / "octid")
    (expected,) = read(path)
    polygon = band("x", ROWS["NFL"])["shape_attributes"]
    corners = np.stack([polygon["all_points_x"], polygon["all_points_y"]], 1)
    facts = {
        "images": [
            {"id": 1, "width": 30, "height": 20, "file_name": "06 OS - Copy.png"}
        ],
        "annotations": [
            {
                "id": 0,
                "iscrowd": 0,
                "image_id": 1,
                "category_id": 1,
                "segmentation": [corners.ravel().tolist()],
                "bbox": [0, 2, 30, 3],
                "area": 90,
            }
        ],
        "categories": [{"id": 1, "name": "NFL"}],
    }
    path.write_text(json.dumps(facts))
    (scan,) = read(path)
    nfl = expected.labels == expected.label_set.names.index("NFL")
    assert np.array_equal(scan.labels == 1, nfl)
    assert np.array_equal(read_labels_for(path, scan.volume).labels, scan.labels)


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"label": "IRF"}, "IRF"),
        ({"Fluid": "IRF"}, "IRF"),
        ({"quality": "good", "class": "IRF"}, "IRF"),
        ({"type": {"SRF": False, "IRF": True}}, "IRF"),
    ],
)
def test_the_class_may_have_any_attribute(tmp_path, attributes, name):
    path = makesense(tmp_path / "via")
    facts = json.loads(path.read_text())
    (one,) = facts.values()
    one["regions"] = [{**band("x", (3, 6)), "region_attributes": attributes}]
    path.write_text(json.dumps(facts))
    assert read(path)[0].label_set.names == ("background", name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region_attributes": {"label": " "}}, "has no class"),
        ({"shape_attributes": {"name": "polyline"}}, "'polyline', which has no area"),
        ({"shape_attributes": {"name": "point", "cx": 1, "cy": 1}}, "'point'"),
        ({"shape_attributes": {"name": "polygon"}}, "all_points_x"),
        (
            {
                "shape_attributes": {
                    "name": "polygon",
                    "all_points_x": [1, None, 3],
                    "all_points_y": [1, 2, 3],
                }
            },
            "no numbers",
        ),
        (
            {"shape_attributes": {"name": "circle", "cx": 1, "cy": 1, "r": 0}},
            "radii",
        ),
    ],
)
def test_regions_that_are_no_labels_are_refused(tmp_path, change, message):
    path = makesense(tmp_path / "via")
    facts = json.loads(path.read_text())
    (one,) = facts.values()
    one["regions"]["0"].update(change)
    path.write_text(json.dumps(facts))
    with pytest.raises(ReadError, match=message):
        read(path)


def test_a_file_without_regions_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"x.png": entry("x.png", {})}))
    with pytest.raises(ReadError, match="holds no regions"):
        read(path)
    path.write_text(json.dumps({"some": "thing"}))
    with pytest.raises(ReadError, match="cannot be read as VGG JSON"):
        read(path)


def test_a_pixel_belongs_to_the_shape_that_covers_its_centre():
    mask = polygon_mask((1.4, 4.6, 4.6, 1.4), (2.0, 2.0, 4.0, 4.0), SIZE)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max()) == (2, 3)
    assert (columns.min(), columns.max()) == (1, 4)
    # Shapes side by side share no pixel and leave none out.
    below = polygon_mask((1.4, 4.6, 4.6, 1.4), (4.0, 4.0, 7.5, 7.5), SIZE)
    assert not (mask & below).any()
    assert (mask | below)[2:7, 1:5].all()


def test_polygons_are_those_of_pycocotools_but_for_the_rim():
    random = np.random.default_rng(5)
    for _ in range(20):
        angle = np.sort(random.uniform(0, 2 * np.pi, 12))
        radius = random.uniform(15, 40, 12)
        x, y = 50 + radius * np.cos(angle), 45 + radius * np.sin(angle)
        ours = polygon_mask(x, y, (90, 100))
        flat = np.stack([x, y], 1).ravel().tolist()
        theirs = reference.decode(reference.frPyObjects([flat], 90, 100))[..., 0] > 0
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.97


def test_an_ellipse_has_its_area_and_turns():
    mask = ellipse_mask((30, 20), (20, 5), (40, 60))
    assert mask.sum() == pytest.approx(np.pi * 100, rel=0.02)
    turned = ellipse_mask((30, 20), (20, 5), (40, 60), np.pi / 2)
    assert np.ptp(np.nonzero(turned)[0]) > np.ptp(np.nonzero(turned)[1])
