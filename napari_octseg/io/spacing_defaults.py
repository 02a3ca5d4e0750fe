"""Usual spacings of devices: suggestions where a file has none, ranges for checks.

Values from published data sets (RETOUCH, Duke) and device files. They are never filled
in silently: a person accepts them, and their origin stays ``default``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.volume import Origin, Spacing

if TYPE_CHECKING:
    from napari_octseg.volume import OCTVolume, SpacingUm

Range = tuple[float, float]


@dataclass(frozen=True)
class DeviceSpacing:
    """What is usual for a device, and the range in which its values lie, in µm."""

    name: str
    words: tuple[str, ...]
    axial: Range
    lateral: Range
    between: Range


_DEVICES = (
    DeviceSpacing(
        "Spectralis", ("spectralis", "heidelberg"), (3.8, 3.95), (5, 15), (10, 300)
    ),
    DeviceSpacing("Cirrus", ("cirrus", "zeiss"), (1.9, 2.0), (5, 32), (20, 50)),
    DeviceSpacing(
        "Topcon", ("topcon", "triton", "maestro"), (2.5, 3.6), (5, 25), (20, 150)
    ),
    DeviceSpacing("Bioptigen", ("bioptigen", "envisu"), (1.5, 4.6), (4, 15), (20, 150)),
    DeviceSpacing(
        "Optovue", ("optovue", "avanti", "rtvue"), (2.0, 5.0), (5, 30), (5, 200)
    ),
)

ANY_DEVICE = DeviceSpacing("any OCT device", (), (1, 8), (2, 40), (2, 600))
"""Ranges that hold for every device."""


def known_device(
    device: str | None, shape: tuple[int, int, int]
) -> DeviceSpacing | None:
    """The device, by what the file calls it, else by the number of rows.

    496 rows are Heidelberg's, 650 and 885 Topcon's, and 1024 rows with 512 × 128 or
    200 × 200 A-scans Zeiss's; other sizes tell nothing.
    """
    lower = (device or "").lower()
    for known in _DEVICES:
        if any(word in lower for word in known.words):
            return known
    n_bscans, depth, width = shape
    if device:
        return None
    if depth == 496:
        return _DEVICES[0]
    if depth == 1024 and (n_bscans, width) in ((128, 512), (200, 200)):
        return _DEVICES[1]
    if depth in (650, 885):
        return _DEVICES[2]
    return None


# (between, axial, lateral) by number of B-scans (and rows, or A-scans)
_SPECTRALIS_BETWEEN = {19: 240.0, 25: 240.0, 49: 122.0, 61: 123.0, 97: 60.5}
_SPECTRALIS_LATERAL = {512: 11.5, 768: 11.5, 1024: 5.7, 1536: 5.7}


def device_defaults(device: str | None, shape: tuple[int, int, int]) -> Spacing | None:
    """Usual spacing of a device for a volume of this shape, each value ``default``.

    Parameters
    ----------
    device
        Name as in the file; None to go by the shape alone.
    shape
        (n_bscans, depth, width).

    Returns
    -------
    Spacing with what is usual (unknown where nothing is), or None for a device of which
    nothing is known.
    """
    known = known_device(device, shape)
    if known is None:
        return None
    n_bscans, depth, width = shape
    values: dict[str, SpacingUm] = {
        "Spectralis": (
            _SPECTRALIS_BETWEEN.get(n_bscans),
            3.87,
            _SPECTRALIS_LATERAL.get(width),
        ),
        "Cirrus": (30.0, 1.955, 30.0) if width == 200 else (47.0, 1.955, 11.74),
        "Topcon": (46.88, {650: 3.5, 885: 2.6}.get(depth), 11.72),
        "Bioptigen": (67.0, 3.2, 6.7),
        "Optovue": (None, 3.1, None),
    }
    between, axial, lateral = values[known.name]
    if n_bscans == 1:
        between = None
    return Spacing.of((between, axial, lateral), Origin.DEFAULT)


def default_spacing(volume: OCTVolume) -> Spacing | None:
    """What a volume's spacing would be with the usual values where it is unknown.

    Returns
    -------
    Known values with their origin, the others ``default`` or still unknown; None if
    that adds nothing.
    """
    usual = device_defaults(volume.device, volume.shape)
    if usual is None:
        return None
    own = zip(volume.spacing, volume.spacing.origins, strict=True)
    other = zip(usual, usual.origins, strict=True)
    chosen = [o if o[0] is not None else u for o, u in zip(own, other, strict=True)]
    (between, first), (axial, second), (lateral, third) = chosen
    merged = Spacing(between, axial, lateral, (first, second, third))
    return None if tuple(merged) == tuple(volume.spacing) else merged
