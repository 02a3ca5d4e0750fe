"""Heidelberg HEYEX XML export: an ``.xml`` and the pictures that it names.

The XML decides which pictures belong to the scan, not the listing of the folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.boundary_names import named_boundaries
from napari_octseg.io.format import Format, ReadOptions, broken_file
from napari_octseg.io.geometry import between_bscans_um
from napari_octseg.io.pictures import read_bscan, read_stack
from napari_octseg.volume import (
    Laterality,
    Localizer,
    OCTVolume,
    Origin,
    ScanPattern,
    Spacing,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.boundaries import Boundaries

_NAME = "HEYEX XML"
_UM_PER_MM = 1000.0
_CONTEXT = "OphthalmicAcquisitionContext"
_LATERALITY: dict[str, Laterality] = {"R": "OD", "L": "OS"}
_PATTERNS = {
    "volume": ScanPattern.RASTER,
    "line": ScanPattern.LINE,
    "single": ScanPattern.LINE,
    "circle": ScanPattern.CIRCLE,
    "radial": ScanPattern.RADIAL,
    "star": ScanPattern.RADIAL,
}


def _is_xml(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return _xml_in(path) is not None
    return b"<HEDX" in head[:512]


def _xml_in(folder: Path) -> Path | None:
    """The HEYEX XML of a folder, if there is exactly one."""
    found = []
    for path in sorted(folder.glob("*.[xX][mM][lL]")):
        with path.open("rb") as file:
            if b"<HEDX" in file.read(512):
                found.append(path)
    return found[0] if len(found) == 1 else None


def _read(path: Path, options: ReadOptions) -> OCTVolume:
    xml = (_xml_in(path) or path) if path.is_dir() else path
    with broken_file(xml, _NAME, ElementTree.ParseError, LookupError, ValueError):
        root = ElementTree.parse(xml).getroot()
    series, notes = _series(root, xml)
    bscans = _images(series, "OCT")
    volume = read_stack([_picture(xml, image) for image in bscans], options)
    with broken_file(xml, _NAME, ValueError):
        positions = np.array([_position(image) for image in bscans], np.float32)
        context = bscans[0].find(_CONTEXT)
        spacing = _spacing(context, positions)
        boundaries = _boundaries(bscans, volume.width, xml)
        localizer = _localizer(xml, series)
    kind = (series.findtext("Type") or "").lower()
    return OCTVolume(
        volume.data,
        spacing=spacing,
        laterality=_LATERALITY.get(series.findtext("Laterality") or ""),
        scan_pattern=next(
            (p for word, p in _PATTERNS.items() if word in kind), ScanPattern.UNKNOWN
        ),
        positions=None if np.isnan(positions).all() else positions,
        boundaries=boundaries,
        localizer=localizer,
        device=_device(series),
        notes=tuple(notes),
    )


def _series(
    root: ElementTree.Element, xml: Path
) -> tuple[ElementTree.Element, list[str]]:
    """The series with the most B-scans, and a note if there are others."""
    series = [s for s in root.iter("Series") if _images(s, "OCT")]
    if not series:
        raise ReadError(
            f"{xml.name} names no OCT picture",
            allowed="a HEYEX XML export with B-scans",
            todo="export the scan with its images",
        )
    notes = []
    if len(series) > 1:
        notes.append(f"Of {len(series)} scans in the XML the longest was read.")
    return max(series, key=lambda s: len(_images(s, "OCT"))), notes


def _images(series: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [i for i in series.iter("Image") if i.findtext("ImageType/Type") == kind]


def _picture(xml: Path, image: ElementTree.Element) -> Path:
    """The picture that an image of the XML names, beside the XML."""
    name = (image.findtext("ImageData/ExamURL") or "").replace("\\", "/")
    name = name.rpartition("/")[2]
    # Listing instead of opening: Windows wrote the name, case may differ here.
    here = {p.name.casefold(): p for p in xml.parent.iterdir()}
    if not name or name.casefold() not in here:
        raise ReadError(
            f"{xml.name} names the picture {name or '(none)'}, which is not beside it",
            allowed="the whole folder as HEYEX exported it",
            todo="copy the pictures of the export into the same folder",
        )
    return here[name.casefold()]


def _number(element: ElementTree.Element | None, where: str) -> float | None:
    text = None if element is None else element.findtext(where)
    return None if text is None else float(text)


def _um(mm: float | None) -> float | None:
    return mm * _UM_PER_MM if mm is not None and 0 < mm < 100 else None


def _position(image: ElementTree.Element) -> list[list[float]]:
    """Start and end of a B-scan, (x, y) in mm; NaN where the XML is silent."""
    context = image.find(_CONTEXT)
    found = [
        [_number(context, f"{point}/Coord/{axis}") for axis in "XY"]
        for point in ("Start", "End")
    ]
    return [[np.nan if v is None else v for v in point] for point in found]


def _spacing(context: ElementTree.Element | None, positions: Any) -> Spacing:
    between = between_bscans_um(positions)
    axial, lateral = _um(_number(context, "ScaleY")), _um(_number(context, "ScaleX"))
    return Spacing(
        between,
        axial,
        lateral,
        (
            Origin.UNKNOWN if between is None else Origin.DERIVED,
            Origin.UNKNOWN if axial is None else Origin.FILE,
            Origin.UNKNOWN if lateral is None else Origin.FILE,
        ),
    )


def _boundaries(
    bscans: list[ElementTree.Element], width: int, xml: Path
) -> Boundaries | None:
    heights: dict[str, Any] = {}
    for index, image in enumerate(bscans):
        for line in image.iter("SegLine"):
            name = line.findtext("Name") or ""
            values = np.array((line.findtext("Array") or "").split(), np.float64)
            if len(values) != width:
                raise ReadError(
                    f"{xml.name} has {len(values)} heights of {name} for {width} "
                    f"A-scans in B-scan {index}",
                    allowed="one height per A-scan",
                    todo="export the scan again",
                )
            if name not in heights:
                heights[name] = np.full((len(bscans), width), np.nan)
            heights[name][index] = values
    if not heights:
        return None
    return named_boundaries(list(heights), np.stack(list(heights.values())))


def _localizer(xml: Path, series: ElementTree.Element) -> Localizer | None:
    images = _images(series, "LOCALIZER")
    if not images:
        return None
    pixels, _ = read_bscan(_picture(xml, images[0]))
    context = images[0].find(_CONTEXT)
    scale = (_um(_number(context, "ScaleY")), _um(_number(context, "ScaleX")))
    return Localizer(pixels, scale)


def _device(series: ElementTree.Element) -> str:
    equipment = "GeneralEquipment/"
    parts = [
        series.findtext(equipment + k)
        for k in ("Manufacturer", "ManufacturerModelName")
    ]
    return " ".join(p for p in parts if p) or "Heidelberg"


FORMAT = Format(_NAME, (".xml",), _is_xml, _read)
