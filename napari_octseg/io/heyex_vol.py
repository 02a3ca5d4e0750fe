"""Heidelberg HEYEX raw export ``.vol``: raster, line, circle and radial scans.

eyepy knows the layout of the file but refuses to make a volume of circle and radial
scans, so its parser is used and the volume is made here.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.boundary_names import named_boundaries
from napari_octseg.io.format import Format, ReadOptions, broken_file, truncated
from napari_octseg.io.geometry import between_bscans_um
from napari_octseg.volume import Localizer, OCTVolume, Origin, ScanPattern, Spacing

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.boundaries import Boundaries

_NAME = "HEYEX .vol"
_UM_PER_MM = 1000.0
_HEADER_BYTES = 2048
_BSCAN_HEADER_BYTES = 256
# Examination time, and everything between scan id and visit date: who and when.
_PERSONAL = (slice(88, 96), slice(104, 208))
_PATTERNS = {
    1: ScanPattern.LINE,
    2: ScanPattern.CIRCLE,
    3: ScanPattern.RASTER,
    4: ScanPattern.RASTER,
    5: ScanPattern.RADIAL,
}
# Slots of the file (A. Heidelberg's "HSF-OCT" description).
_SLOTS = (
    *("ILM", "BM", "RNFL", "GCL", "IPL", "INL", "OPL", "ONL", "ELM", "IOS", "OPT"),
    *("CHO", "VIT", "ANT", "PR1", "PR2", "RPE"),
)
_DISPLAY_GAMMA = 0.25  # what the HEYEX viewer shows of raw reflectivity


def _is_vol(path: Path, head: bytes) -> bool:
    return head.startswith((b"HSF-OCT-", b"ep-v"))


def _read(path: Path, options: ReadOptions) -> OCTVolume:
    parsed = _parse(path)
    data = np.stack([b.data for b in parsed.bscans])
    pattern = _PATTERNS.get(parsed.scan_pattern, ScanPattern.UNKNOWN)
    positions = np.array(
        [[(b.start_x, b.start_y), (b.end_x, b.end_y)] for b in parsed.bscans],
        np.float32,
    )
    spacing, notes = _spacing(parsed, pattern, positions)
    if pattern is ScanPattern.CIRCLE:
        notes.append("The second point of the position is the centre of the circle.")
    return OCTVolume(
        data,
        spacing=spacing,
        laterality=_laterality(parsed.scan_position),
        scan_pattern=pattern,
        positions=positions if np.isfinite(positions).all() else None,
        boundaries=_boundaries(parsed),
        localizer=Localizer(
            np.array(parsed.localizer),
            (_um(parsed.scale_y_slo), _um(parsed.scale_x_slo)),
        ),
        device="Heidelberg Spectralis",
        display_gamma=_DISPLAY_GAMMA,
        notes=tuple(notes),
    )


def _parse(path: Path) -> Any:
    """What eyepy's parser makes of the file, without the bytes about the patient."""
    from construct import ConstructError
    from eyepy.io.he.vol_reader import vol_format

    content = bytearray(path.read_bytes())
    if len(content) < _HEADER_BYTES:
        raise truncated(path, _NAME, expected=_HEADER_BYTES, got=len(content))
    width, n_bscans, depth = struct.unpack_from("<3I", content, 12)
    slo_width, slo_height = struct.unpack_from("<2I", content, 48)
    if 0 in (width, n_bscans, depth):
        raise ReadError(
            f"{path.name} has {n_bscans} B-scans of {depth} × {width} px",
            allowed="at least one B-scan",
            todo="export the scan again",
        )
    bscan_bytes = _BSCAN_HEADER_BYTES + 4 * width * depth
    expected = _HEADER_BYTES + slo_width * slo_height + n_bscans * bscan_bytes
    if len(content) < expected:
        raise truncated(path, _NAME, expected=expected, got=len(content))
    for field in _PERSONAL:
        content[field] = bytes(field.stop - field.start)
    with broken_file(path, _NAME, ConstructError):
        return vol_format.parse(bytes(content))


def _um(mm: float) -> float | None:
    """Mm in µm; None for 0 and for values that no scanner has."""
    return mm * _UM_PER_MM if np.isfinite(mm) and 0 < mm < 100 else None


def _spacing(
    parsed: Any, pattern: ScanPattern, positions: np.ndarray[Any, Any]
) -> tuple[Spacing, list[str]]:
    """Spacing in the header; the distance is 0 there for all but raster scans."""
    notes = []
    between, origin = None, Origin.UNKNOWN
    if parsed.n_bscans > 1 and pattern in (ScanPattern.RASTER, ScanPattern.UNKNOWN):
        between, origin = _um(parsed.distance), Origin.FILE
        if between is None:
            between, origin = between_bscans_um(positions), Origin.DERIVED
            if between is not None:
                notes.append("The distance of B-scans was taken from their positions.")
    values = (between, _um(parsed.scale_y), _um(parsed.scale_x))
    first, second, third = (
        Origin.UNKNOWN if value is None else known
        for value, known in zip(values, (origin, Origin.FILE, Origin.FILE), strict=True)
    )
    return Spacing(*values, (first, second, third)), notes


def _laterality(written: str) -> Any:
    return written if written in ("OD", "OS") else None


def _boundaries(parsed: Any) -> Boundaries | None:
    """Device boundaries; B-scans may have different numbers of them."""
    n_slots = max(len(b.layer_segmentations) for b in parsed.bscans)
    heights = np.full((n_slots, parsed.n_bscans, parsed.size_x), np.nan, np.float32)
    for index, bscan in enumerate(parsed.bscans):
        heights[: len(bscan.layer_segmentations), index] = bscan.layer_segmentations
    names = [*_SLOTS, *(f"HEYEX {i}" for i in range(len(_SLOTS), n_slots))]
    return named_boundaries(names[:n_slots], heights)


FORMAT = Format(_NAME, (".vol",), _is_vol, _read)
