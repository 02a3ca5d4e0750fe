"""Polygons drawn in makesense.ai or the VGG Image Annotator (VIA), read only.

The layer labels of OCTID images were drawn so: makesense.ai exports them as VGG JSON,
``{picture: {"filename": …, "regions": {…}}}``, or as COCO JSON. Dutta and Zisserman,
"The VIA annotation software for images, audio and video", ACM Multimedia 2019.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.coco import (
    json_in,
    labels_of_coco,
    scans_of_coco,
)
from napari_octseg.groundtruth.formats.drawn_images import (
    DrawnImage,
    classes_of,
    in_order_of_bscans,
    scan_of_images,
    scans_of_pictures,
    top_to_bottom,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.shapes import via_mask
from napari_octseg.groundtruth.json_files import read_json
from napari_octseg.io.format import broken_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

_FORMAT = "VGG JSON"
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError)
_CLASS_ATTRIBUTES = ("label", "class", "name", "type", "category")


def read(path: Path) -> list[GradedScan]:
    """Read polygons with the pictures on which they were drawn.

    Every picture is a scan of its own, with the class names of the file; its layers are
    found by their names. Pictures without regions are left out: nobody graded them.

    Parameters
    ----------
    path
        VGG JSON (makesense.ai, VIA 1 and 2, also VIA projects) or COCO JSON, or a
        folder that holds one; pictures lie beside it or in a folder ``images``.

    Raises
    ------
    ReadError
        If it is something else, a region has no class or no area, or pictures are
        missing.
    """
    file = json_in(path)
    facts = read_json(file)
    if _is_coco(facts):
        return scans_of_coco(file, facts)
    images, names = _parsed(file, facts)
    return scans_of_pictures(images, names, file)


def read_labels_for(path: Path, volume: OCTVolume) -> GradedScan:
    """Read polygons for a scan that is open.

    B-scans are found by the names of the files that the scan was opened from; those
    without regions are not graded.

    Raises
    ------
    ReadError
        If it is no such file, or its pictures are not those of the scan.
    """
    file = json_in(path)
    facts = read_json(file)
    if _is_coco(facts):
        return labels_of_coco(file, facts, volume)
    images, names = _parsed(file, facts)
    ordered = in_order_of_bscans(images, volume, file)
    size = volume.depth, volume.width
    sized = [DrawnImage(i.file_name, i.regions, size) for i in ordered if i is not None]
    label_set = classes_of(top_to_bottom(names, sized))
    return scan_of_images(file.stem, volume, ordered, label_set)


def _is_coco(facts: Mapping[str, Any]) -> bool:
    return {"images", "annotations", "categories"} <= set(facts)


def _parsed(file: Path, facts: dict[str, Any]) -> tuple[list[DrawnImage], list[str]]:
    """Images with regions, and class names in the order in which they occur."""
    entries = facts.get("_via_img_metadata", facts)
    with broken_file(file, _FORMAT, *_DAMAGE):
        images = [
            DrawnImage(str(one["filename"]), _regions_of(one))
            for one in entries.values()
            if one["regions"]
        ]
    if not images:
        raise ReadError(
            f"{file.name} holds no regions",
            allowed="polygons of makesense.ai or VIA: VGG JSON, or COCO JSON",
            todo="draw regions, and export them as VGG JSON",
        )
    names = [name for image in images for name, _ in image.regions]
    return images, list(dict.fromkeys(names))


def _regions_of(entry: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    regions = entry["regions"]  # VIA 1 and makesense.ai number them, VIA 2 lists them
    listed = list(regions.values()) if isinstance(regions, dict) else list(regions)
    for region in listed:
        via_mask(region["shape_attributes"], (1, 1))  # raises for what has no area
    return tuple(
        (
            _class_of(region["region_attributes"], str(entry["filename"])),
            partial(via_mask, region["shape_attributes"]),
        )
        for region in listed
    )


def _class_of(attributes: Mapping[str, Any], file_name: str) -> str:
    """The class of a region: VIA lets people call that attribute as they like."""
    usual = [key for key in _CLASS_ATTRIBUTES if key in attributes]
    for key in (*usual, *attributes):
        value = attributes[key]
        if isinstance(value, dict):  # check boxes
            value = next((name for name, is_on in value.items() if is_on), "")
        if str(value).strip():
            return str(value).strip()
    raise ValueError(f"a region of {file_name} has no class")


FORMAT = ExchangeFormat(
    name="polygons",
    title="Polygons (makesense.ai, VIA)",
    what="Regions drawn in makesense.ai or the VGG Image Annotator, as VGG JSON or "
    "COCO JSON beside their pictures.",
    write=None,
    read=read,
    read_labels_for=read_labels_for,
    suffixes=(".json",),
    loses="",
)
