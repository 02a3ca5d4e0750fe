"""Spacing in TIFF files: ImageJ calibration and OME physical sizes."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from napari_octseg.io.image_writers import NAMESPACE
from napari_octseg.volume import Origin, Spacing

# µm in one unit, for the names that ImageJ and OME write.
_UM_IN = {
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "\\u00b5m": 1.0,
    "nm": 1e-3,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25_400.0,
}
_NO_SPACING = "The TIFF holds no physical spacing."


def tiff_spacing(tif: Any, series: Any) -> tuple[Spacing, str | None]:
    """Spacing in µm that a TIFF states, and a note where it does not.

    The resolution tags of a plain TIFF are for print (72 dpi) and never used; ImageJ
    calibrates them with a unit of its own.
    """
    if tif.is_imagej:
        return _imagej(tif.imagej_metadata or {}, series.keyframe)
    if tif.is_ome:
        return _ome(tif.ome_metadata, tif.series.index(series))
    return _shaped(tif)


def _known(
    between: float | None, axial: float | None, lateral: float | None
) -> tuple[Spacing, str | None]:
    values = (_plausible(between), _plausible(axial), _plausible(lateral))
    return Spacing.of(values, Origin.FILE), None if any(values) else _NO_SPACING


def _plausible(um: float | None) -> float | None:
    """None instead of 0, negative, NaN or more than a metre."""
    return um if um is not None and 0 < um < 1e6 else None


def _imagej(metadata: dict[str, Any], page: Any) -> tuple[Spacing, str | None]:
    um = _UM_IN.get(str(metadata.get("unit", "")).strip().lower())
    if um is None:
        return Spacing(), "The TIFF (ImageJ) is not calibrated in a unit of length."

    def per_pixel(tag_name: str) -> float | None:
        tag = page.tags.get(tag_name)
        if tag is None or not tag.value[0]:
            return None
        pixels, length = tag.value
        return float(um * length / pixels)

    between = metadata.get("spacing")
    return _known(
        None if between is None else float(between) * um,
        per_pixel("YResolution"),
        per_pixel("XResolution"),
    )


def _ome(xml: str | None, series_index: int) -> tuple[Spacing, str | None]:
    try:
        root = ElementTree.fromstring(xml or "")
    except ElementTree.ParseError:
        return Spacing(), "The OME description is damaged; spacing unknown."
    pixels = [e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"]
    if not pixels:
        return Spacing(), _NO_SPACING
    found = pixels[min(series_index, len(pixels) - 1)]

    def size(axis: str) -> float | None:
        value = found.get(f"PhysicalSize{axis}")
        um = _UM_IN.get(found.get(f"PhysicalSize{axis}Unit", "µm").lower())
        if value is None or um is None:
            return None
        try:
            return float(value) * um
        except ValueError:
            return None

    spacing, note = _known(size("Z"), size("Y"), size("X"))
    return _with_origins(spacing, ome_facts(xml)), note


def ome_facts(xml: str | None) -> dict[str, str]:
    """What this package noted in an OME-TIFF, by name; empty for other files."""
    try:
        root = ElementTree.fromstring(xml or "")
    except ElementTree.ParseError:
        return {}
    facts: dict[str, str] = {}
    for annotation in root.iter():
        if annotation.get("Namespace") == NAMESPACE:
            facts |= {
                m.get("K", ""): m.text or "" for m in annotation.iter() if m.get("K")
            }
    return facts


def _with_origins(spacing: Spacing, facts: dict[str, str]) -> Spacing:
    """A spacing that was only assumed when it was saved is not from a file now."""
    written = facts.get("spacing_origins", "").split()
    if len(written) != 3 or not set(written) <= set(Origin):
        return spacing
    first, second, third = (
        own if um is None or origin == Origin.UNKNOWN else Origin(origin)
        for um, own, origin in zip(spacing, spacing.origins, written, strict=True)
    )
    return Spacing(
        spacing.between_bscans, spacing.axial, spacing.lateral, (first, second, third)
    )


def _shaped(tif: Any) -> tuple[Spacing, str | None]:
    """Spacing of TIFFs with a JSON description that has `spacing_um` (ours)."""
    described: dict[str, Any] = (tif.shaped_metadata or ({},))[0]
    values = described.get("spacing_um")
    if not isinstance(values, list) or len(values) != 3:
        return Spacing(), _NO_SPACING
    numbers = [float(v) if isinstance(v, int | float) else None for v in values]
    return _known(*numbers)
