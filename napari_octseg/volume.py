"""The OCT volume: pixels, and everything a file says about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_octseg.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries
    from napari_octseg.labels import LabelSet

SpacingUm = tuple[float | None, float | None, float | None]
"""(between_bscans, axial, lateral) in µm; None where unknown."""

Laterality = Literal["OD", "OS"]

_DTYPES = ("uint8", "uint16", "float32")


class Origin(StrEnum):
    """Where a spacing value came from."""

    FILE = "file"
    DERIVED = "derived"
    DEFAULT = "default"
    USER = "user"
    UNKNOWN = "unknown"


class ScanPattern(StrEnum):
    """How the B-scans of a volume lie on the fundus."""

    RASTER = "raster"
    LINE = "line"
    CIRCLE = "circle"
    RADIAL = "radial"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Spacing:
    """Distance between neighbouring samples, and how far each value can be trusted.

    Iterating gives (between_bscans, axial, lateral) in µm; None where unknown.

    Raises
    ------
    VolumeError
        If a known value is not a positive finite number, or a value and its origin
        disagree on whether it is known.
    """

    between_bscans: float | None = None
    axial: float | None = None
    lateral: float | None = None
    origins: tuple[Origin, Origin, Origin] = (Origin.UNKNOWN,) * 3

    def __post_init__(self) -> None:
        for name, value, origin in zip(
            ("between_bscans", "axial", "lateral"), self, self.origins, strict=True
        ):
            if (value is None) != (origin is Origin.UNKNOWN):
                raise VolumeError(
                    f"Spacing {name} is {value} with origin '{origin}'",
                    allowed="a number with an origin, or None with origin 'unknown'",
                )
            if value is not None and not (np.isfinite(value) and value > 0):
                raise VolumeError(
                    f"Spacing {name} is {value} µm",
                    allowed="a positive number of µm, or None for unknown",
                    todo="give the spacing in µm as (between B-scans, axial, lateral)",
                )

    def __iter__(self) -> Iterator[float | None]:
        return iter((self.between_bscans, self.axial, self.lateral))

    @classmethod
    def of(cls, spacing_um: SpacingUm, origin: Origin) -> Spacing:
        """Spacing of which every known value has the same origin."""
        if len(spacing_um) != 3:
            raise VolumeError(
                f"{len(spacing_um)} spacing values",
                allowed="three: (between B-scans, axial, lateral) in µm",
            )
        between, axial, lateral = (None if v is None else float(v) for v in spacing_um)
        first, second, third = (
            Origin.UNKNOWN if v is None else origin for v in spacing_um
        )
        return cls(between, axial, lateral, (first, second, third))

    @property
    def is_known(self) -> bool:
        """Whether all three values are numbers."""
        return None not in tuple(self)


@dataclass(frozen=True, eq=False)
class Localizer:
    """The en-face camera image that shows where the B-scans lie.

    `image` is (height, width) or (height, width, 3), uint8; `spacing_um` is
    (vertical, horizontal) µm per pixel, None where unknown.
    """

    image: NDArray[Any]
    spacing_um: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, eq=False, init=False)
class OCTVolume:
    """A stack of B-scans in acquisition order, with what is known about it.

    Parameters
    ----------
    data
        (n_bscans, depth, width) or one B-scan (depth, width); uint8, uint16 or
        float32; numpy or dask. Raw values are kept. bool, other integers and floats
        are converted to the nearest of the three that holds them.
    spacing_um
        (between_bscans, axial, lateral) in µm, recorded as given by the user. Use
        `spacing` instead where the origin of the values is known.
    laterality
        ``"OD"`` right, ``"OS"`` left, None unknown.
    scan_pattern
        How the B-scans lie on the fundus.
    positions
        (n_bscans, 2, 2) float32: start and end of each B-scan as (x, y) in mm on the
        fundus (of a circle scan: start and centre); NaN where unknown. None if the file
        says nothing.
    boundaries
        What the device (or the file) segmented; heights in px from the top.
    localizer
        The en-face camera image.
    labels, label_set
        (n_bscans, depth, width) uint8 that came with the file, and its classes.
    device
        Manufacturer and model as written in the file.
    source
        File or folder it was read from.
    display_gamma
        Exponent that turns raw values into what the device shows (0.25 for HEYEX raw
        intensities, 1 elsewhere).
    notes
        What a reader had to assume, in sentences.

    Raises
    ------
    VolumeError
        If shapes, types or counts contradict each other.
    """

    data: Any
    spacing: Spacing
    laterality: Laterality | None = None
    scan_pattern: ScanPattern = ScanPattern.UNKNOWN
    positions: NDArray[np.float32] | None = None
    boundaries: Boundaries | None = None
    localizer: Localizer | None = None
    labels: NDArray[np.uint8] | None = None
    label_set: LabelSet | None = None
    device: str | None = None
    source: str | None = None
    display_gamma: float = 1.0
    notes: tuple[str, ...] = field(default=())

    def __init__(
        self,
        data: Any,
        *,
        spacing_um: SpacingUm | None = None,
        spacing: Spacing | None = None,
        laterality: Laterality | None = None,
        scan_pattern: ScanPattern = ScanPattern.UNKNOWN,
        positions: NDArray[np.float32] | None = None,
        boundaries: Boundaries | None = None,
        localizer: Localizer | None = None,
        labels: NDArray[np.uint8] | None = None,
        label_set: LabelSet | None = None,
        device: str | None = None,
        source: str | None = None,
        display_gamma: float = 1.0,
        notes: tuple[str, ...] = (),
    ) -> None:
        if spacing is None:
            spacing = (
                Spacing() if spacing_um is None else Spacing.of(spacing_um, Origin.USER)
            )
        elif spacing_um is not None:
            raise VolumeError("Both spacing and spacing_um were given", allowed="one")
        values = dict(locals(), data=_as_volume(data))
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, values[name])
        self._check()

    def _check(self) -> None:
        n_bscans, depth, width = self.shape
        expected = {
            "positions": (self.positions, (n_bscans, 2, 2)),
            "labels": (self.labels, (n_bscans, depth, width)),
            "boundaries": (
                None if self.boundaries is None else self.boundaries.heights,
                (len(self.boundaries.names) if self.boundaries else 0, n_bscans, width),
            ),
        }
        for name, (array, shape) in expected.items():
            if array is not None and array.shape != shape:
                raise VolumeError(
                    f"{name} of shape {array.shape} for a volume of shape {self.shape}",
                    allowed=f"shape {shape}",
                )
        if self.laterality not in (None, "OD", "OS"):
            raise VolumeError(
                f"Laterality '{self.laterality}'", allowed="OD (right), OS (left), None"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_bscans, depth, width)."""
        n_bscans, depth, width = self.data.shape
        return int(n_bscans), int(depth), int(width)

    @property
    def n_bscans(self) -> int:
        """Number of B-scans."""
        return self.shape[0]

    @property
    def depth(self) -> int:
        """Rows of a B-scan, px."""
        return self.shape[1]

    @property
    def width(self) -> int:
        """A-scans of a B-scan."""
        return self.shape[2]

    @property
    def spacing_um(self) -> SpacingUm:
        """(between_bscans, axial, lateral) in µm; None where unknown."""
        return (self.spacing.between_bscans, self.spacing.axial, self.spacing.lateral)

    def bscan(self, index: int) -> NDArray[Any]:
        """Raw values of one B-scan, (depth, width), in memory."""
        return np.asarray(self.data[index])

    def bscan_as_shown(self, index: int) -> NDArray[np.float32]:
        """One B-scan as the device shows it: (depth, width) float32 in 0…1.

        Non-finite values and the huge markers some devices write for "no signal" are
        the darkest. Where values are negative, black is their 0.1th percentile.
        uint8 is divided by 255; uint16 and float32 by the 99.9th percentile of the
        B-scan after the display exponent, because their full range is rarely used.
        """
        raw = self.bscan(index)
        shown: NDArray[np.float32]
        if raw.dtype == np.uint8:
            levels = np.arange(256, dtype=np.float32) / np.float32(255)
            shown = (levels ** np.float32(self.display_gamma))[raw]
            return shown
        values = raw.astype(np.float32)
        values = np.where(np.isfinite(values) & (values < 1e9), values, 0)
        if values.min() < 0:
            # Decibels and signed integers: the darkest value is black, not zero.
            values = values - np.float32(np.percentile(values, 0.1))
        values = np.maximum(values, 0) ** np.float32(self.display_gamma)
        top = float(np.percentile(values, 99.9)) or float(values.max()) or 1.0
        shown = np.minimum(values / np.float32(top), 1)
        return shown


def _as_volume(data: Any) -> Any:
    """`data` as (n_bscans, depth, width) of an allowed type, without loading dask."""
    if not hasattr(data, "ndim"):
        data = np.asarray(data)
    if data.ndim == 2:
        data = data[None]
    if data.ndim != 3 or 0 in data.shape:
        raise VolumeError(
            f"An array of shape {tuple(data.shape)}",
            allowed="(n_bscans, depth, width) or (depth, width), none of them 0",
            todo="for colour images keep one channel; for time series take one volume",
        )
    if data.dtype.name in _DTYPES:
        return data
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind == "f":
        return data.astype(np.float32)
    if data.dtype.kind in "iu":
        low, high = int(data.min()), int(data.max())
        if low >= 0 and high <= np.iinfo(np.uint16).max:
            return data.astype(np.uint8 if high <= 255 else np.uint16)
        return data.astype(np.float32)
    raise VolumeError(
        f"An array of type {data.dtype}", allowed="numbers: " + ", ".join(_DTYPES)
    )
