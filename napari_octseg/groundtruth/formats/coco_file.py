"""The content of COCO JSON files: images, and regions as run lengths or polygons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.groundtruth.formats.drawn_images import DrawnImage, Mask
from napari_octseg.groundtruth.formats.run_lengths import decode
from napari_octseg.groundtruth.formats.shapes import polygon_mask
from napari_octseg.io.format import broken_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FORMAT = "COCO JSON"
_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)


@dataclass(frozen=True)
class CocoFile:
    """What a COCO file holds.

    Parameters
    ----------
    names
        Of the categories, in the order of their numbers.
    images
        With their regions.
    bscans
        (scan, patient, B-scan) of each image, in files that this program wrote.
    """

    names: list[str]
    images: list[DrawnImage]
    bscans: list[tuple[str, str, int]]


def parsed(file: Path, facts: dict[str, Any]) -> CocoFile:
    """The content of a COCO JSON file.

    Raises
    ------
    ReadError
        If something is missing or contradicts something else.
    """
    with broken_file(file, _FORMAT, *_DAMAGE):
        categories = sorted(facts["categories"], key=lambda one: int(one["id"]))
        named = {int(one["id"]): str(one["name"]) for one in categories}
        regions: dict[Any, list[tuple[str, Mask]]] = {}
        for one in facts["annotations"]:
            region = named[int(one["category_id"])], _mask_of(one)
            regions.setdefault(one["image_id"], []).append(region)
        images = [
            DrawnImage(
                str(one["file_name"]),
                tuple(regions.pop(one["id"], ())),
                (int(one["height"]), int(one["width"])),
                partial(_decoded, one["not_graded"]) if "not_graded" in one else None,
            )
            for one in facts["images"]
        ]
        if regions or not images:
            missing = next(iter(regions), "(none)")
            raise ValueError(f"it does not list the image {missing!r}")
        bscans = [
            (str(one["scan"]), str(one["patient"]), int(one["bscan"]))
            for one in facts["images"]
            if "scan" in one
        ]
        if bscans and len(bscans) != len(images):
            raise ValueError("images without the scan to which they belong")
    return CocoFile(list(named.values()), images, bscans)


def _mask_of(annotation: dict[str, Any]) -> Mask:
    """Pixels of a `segmentation`: run lengths, or polygons that belong together."""
    drawn = annotation["segmentation"]
    if isinstance(drawn, dict):
        return partial(_decoded, drawn)
    corners = [np.asarray(one, float).reshape(-1, 2).T for one in drawn]
    if not corners:
        raise ValueError(
            f"the annotation {annotation['id']} has a box and no pixels (segmentation)"
        )
    return partial(_drawn, corners)


def _decoded(rle: dict[str, Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = decode(rle)
    if mask.shape != size:
        raise ValueError(f"run lengths of {mask.shape} in an image of {size}")
    return mask


def _drawn(
    polygons: list[NDArray[np.float64]], size: tuple[int, int]
) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.bool_)
    for x, y in polygons:
        mask |= polygon_mask(x.tolist(), y.tolist(), size)
    return mask
