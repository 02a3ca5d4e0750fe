"""COCO JSON: what pycocotools sees, round trips, and files of other people."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.coco import read, read_labels_for, write
from napari_octseg.groundtruth.formats.png_masks import as_integers
from napari_octseg.io import read_volume
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(
    data: st.DataObject, any_scans: Any, same: Callable[..., None]
) -> None:
    scans = data.draw(any_scans)
    with tempfile.TemporaryDirectory() as folder:
        write(scans, Path(folder) / "out")
        found = read(Path(folder) / "out")
        alone = Path(folder) / "alone"
        write(scans[:1], alone)
        again = read_labels_for(alone, as_integers(scans[0]).volume)
        same(again, as_integers(scans[0]))
    for one, wanted in zip(found, scans, strict=True):
        same(one, as_integers(wanted))


@pytest.fixture
def opened(tmp_path: Path, scan_of: Callable[..., GradedScan], capsys) -> Any:
    scan = scan_of(shape=(3, 30, 20))
    write([scan], tmp_path / "out")
    coco = COCO(str(tmp_path / "out" / "annotations.json"))
    capsys.readouterr()
    return scan, coco


def test_pycocotools_finds_every_class_pixel_by_pixel(opened):
    scan, coco = opened
    assert {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())} == dict(
        enumerate(scan.label_set.names[1:], start=1)
    )
    bscans = [image["bscan"] for image in coco.loadImgs(coco.getImgIds())]
    assert tuple(bscans) == scan.graded_bscans
    for image in coco.loadImgs(coco.getImgIds()):
        labels = np.zeros((30, 20), np.uint8)
        for one in coco.loadAnns(coco.getAnnIds(imgIds=image["id"])):
            mask = coco.annToMask(one)
            labels[mask > 0] = one["category_id"]
            assert one["area"] == mask.sum()
            x, y, width, height = one["bbox"]
            rows, columns = np.nonzero(mask)
            assert (x, y) == (columns.min(), rows.min())
            assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
        told = scan.labels[image["bscan"]]
        assert np.array_equal(labels, np.where(told == IGNORE, 0, told))


def test_each_pocket_is_an_instance_and_a_layer_is_one(opened):
    scan, coco = opened
    names = scan.label_set.names
    for image_id in coco.getImgIds():
        found = coco.loadAnns(coco.getAnnIds(imgIds=image_id))
        layers = [a for a in found if names[a["category_id"]] in scan.layers]
        assert len(layers) == len({a["category_id"] for a in layers})
        irf = [a for a in found if names[a["category_id"]] == "IRF"]
        assert len(irf) > 1
        assert sum(coco.annToMask(a) for a in irf).max() == 1


def test_pictures_lie_where_the_images_say(tmp_path, opened):
    scan, coco = opened
    for image in coco.loadImgs(coco.getImgIds()):
        pixels = iio.imread(tmp_path / "out" / image["file_name"])
        assert np.array_equal(pixels, scan.volume.data[image["bscan"]])


def foreign(folder: Path, *, width: int = 20) -> Path:
    """Polygons and plain runs on three pictures, as CVAT and others export them."""
    (folder / "images").mkdir(parents=True)
    names = ("b2.png", "b10.png", "b1.png")
    for number, name in enumerate(names):
        pixels = np.full((16, 20), number, np.uint8)
        iio.imwrite(folder / "images" / name, pixels)
    runs = np.zeros((16, 20), np.uint8)
    runs[4:6, 3:9] = 1
    counts = np.diff(
        np.flatnonzero(np.diff(runs.ravel(order="F"), prepend=0)),
        prepend=0,
        append=runs.size,
    )
    facts = {
        "images": [
            {"id": i + 1, "file_name": name, "width": width, "height": 16}
            for i, name in enumerate(names)
        ],
        "annotations": [
            {
                "id": 0,
                "image_id": 3,
                "category_id": 7,
                "segmentation": [[2, 3, 10, 3, 10, 8, 2, 8]],
                "bbox": [2, 3, 8, 5],
                "area": 40,
                "iscrowd": 0,
            },
            {
                "id": 1,
                "image_id": 1,
                "category_id": 2,
                "segmentation": {"size": [16, 20], "counts": counts.tolist()},
                "iscrowd": 1,
            },
        ],
        "categories": [{"id": 7, "name": "IRF"}, {"id": 2, "name": "cyst"}],
    }
    path = folder / "instances_default.json"
    path.write_text(json.dumps(facts))
    return path


def test_images_of_others_are_scans_of_their_own(tmp_path):
    found = {scan.name: scan for scan in read(foreign(tmp_path / "cvat"))}
    assert set(found) == {"b1", "b2", "b10"}
    assert {scan.patient for scan in found.values()} == {"instances_default"}
    assert found["b1"].label_set.names == ("background", "cyst", "IRF")
    assert (found["b1"].labels[0, 3:8, 2:10] == 2).all()
    assert (found["b1"].labels == 2).sum() == 40
    assert (found["b2"].labels[0, 4:6, 3:9] == 1).all()
    assert (found["b2"].labels == 1).sum() == 12
    assert (found["b10"].labels == 0).all()
    assert (found["b2"].volume.data == 0).all()


def test_labels_of_others_find_their_bscans_by_name_then_by_natural_order(tmp_path):
    path = foreign(tmp_path / "cvat")
    opened = read_volume(tmp_path / "cvat" / "images")
    by_name = read_labels_for(path, opened)
    assert [int(bscan.max()) for bscan in by_name.labels] == [2, 1, 0]  # b1, b2, b10
    stack = OCTVolume(np.zeros((3, 16, 20), np.uint8))
    assert np.array_equal(read_labels_for(path, stack).labels, by_name.labels)
    # Of one of the pictures only its own regions are taken.
    one = read_volume(tmp_path / "cvat" / "images" / "b2.png")
    assert read_labels_for(path, one).labels.max() == 1
    with pytest.raises(ReadError, match="3 images, the scan has 2 B-scans"):
        read_labels_for(path, OCTVolume(np.zeros((2, 16, 20), np.uint8)))


def test_regions_of_another_size_are_refused(tmp_path):
    path = foreign(tmp_path / "cvat", width=40)
    with pytest.raises(ReadError, match="16 × 40 px, the B-scan has 16 × 20") as raised:
        read(path)
    assert "resized" in raised.value.todo


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.pop("images"), "images"),
        (lambda f: f["annotations"][0].update(image_id=9), "does not list the image 9"),
        (lambda f: f["annotations"][0].update(segmentation=[]), "no pixels"),
        (lambda f: f["annotations"][0].update(category_id=5), "5"),
        (lambda f: f["annotations"][0].update(segmentation=[[1, 2, 3, 4]]), "2 x and"),
        (
            lambda f: f["annotations"][1].update(
                segmentation={"size": [16, 20], "counts": [3]}
            ),
            "'cyst' in b2.png is damaged",
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, message):
    path = foreign(tmp_path / "cvat")
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(ReadError, match=message):
        read(path)


def test_missing_pictures_are_named(tmp_path):
    path = foreign(tmp_path / "cvat")
    (tmp_path / "cvat" / "images" / "b10.png").unlink()
    with pytest.raises(ReadError, match=r"b10\.png, which is not there"):
        read(path)


def test_of_several_scans_the_one_with_these_pixels_is_taken(tmp_path, scan_of):
    scans = [scan_of("S-1", seed=1), scan_of("S-2", seed=2)]
    write(scans, tmp_path / "out")
    assert read_labels_for(tmp_path / "out", scans[1].volume).name == "S-2"
    other = replace(scans[0].volume, data=scans[0].volume.data + 1)
    with pytest.raises(ReadError, match="several scans, none of them"):
        read_labels_for(tmp_path / "out", other)


def test_scans_of_two_label_sets_do_not_go_into_one_file(tmp_path, scan_of):
    other = LabelSet.of("background", "RNFL", "GCIPL", "RPE", "IRF", "SRF", "drusen")
    with pytest.raises(WriteError, match="S-1 has the classes"):
        write([scan_of(), scan_of("S-2", label_set=other)], tmp_path / "out")
