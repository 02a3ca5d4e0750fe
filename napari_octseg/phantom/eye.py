"""The eye while it is being made: boundaries that findings bend, bodies they add."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octseg.phantom.settings import BOUNDARIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.grid import Grid

    Map = NDArray[np.float32]


OS_BOTTOM = "lower face of the photoreceptors"
RPE_BOTTOM = "lower face of the RPE"


@dataclass(frozen=True, eq=False)
class Body:
    """Something between two surfaces: a cyst, a membrane, the content of a PED.

    The surfaces hang on boundaries, so that a body moves with the tissue when another
    finding bends it.

    Parameters
    ----------
    finding
        Name in `FINDING_SET`.
    window
        B-scans and A-scans it occupies.
    top, bottom
        (surface, offset): offset in µm below that surface (see `Eye.__getitem__`), of
        the window's shape; NaN where the body is not.
    grey
        Grey level before noise, or None where the body changes no pixel itself.
    texture
        Contrast of its inner unevenness, 0…1.
    shadow
        Share of the light that it takes from what lies below, 0…1.
    within
        Upper and lower boundary that it never crosses.
    """

    finding: str
    window: tuple[slice, slice]
    top: tuple[str, Map]
    bottom: tuple[str, Map]
    grey: float | None
    texture: float = 0.0
    shadow: float = 0.0
    within: tuple[str, str] | None = None


@dataclass(eq=False)
class Eye:
    """Heights in µm from the top of the image, and everything that changes the light.

    `heights` is (n_boundaries, n_bscans, width) float32 in the order of `BOUNDARIES`;
    `subretinal` and `sub_rpe` are how far findings hold photoreceptors off the RPE and
    the RPE off Bruch's membrane; `loss` is the share of photoreceptors and RPE that is
    gone; `transmission` the additional light below Bruch's membrane.
    """

    grid: Grid
    heights: Map
    subretinal: Map = field(init=False)
    sub_rpe: Map = field(init=False)
    loss: Map = field(init=False)
    transmission: Map = field(init=False)
    bodies: list[Body] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("subretinal", "sub_rpe", "loss", "transmission"):
            setattr(self, name, np.zeros(self.heights.shape[1:], np.float32))

    def __getitem__(self, surface: str) -> Map:
        """Height of a boundary, or of the lower face of photoreceptors or RPE band."""
        if surface == OS_BOTTOM:
            return self["EZ/RPE"] - self.subretinal
        if surface == RPE_BOTTOM:
            return self["BM"] - self.sub_rpe
        height: Map = self.heights[BOUNDARIES.index(surface)]
        return height

    def fill(
        self,
        finding: str,
        top: tuple[str, Map | float],
        bottom: tuple[str, Map | float],
        inside: NDArray[np.bool_],
        *,
        grey: float | None,
        texture: float = 0.1,
        shadow: float = 0.0,
    ) -> None:
        """Add a body between two surfaces where `inside` (n_bscans, width) is true."""
        rows = np.flatnonzero(np.any(inside, axis=1))
        columns = np.flatnonzero(np.any(inside, axis=0))
        if not rows.size:
            return
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

        def cut(offset: Map | float) -> Map:
            whole = np.where(inside, offset, np.nan).astype(np.float32)
            return whole[window]

        self.bodies.append(
            Body(
                finding,
                window,
                (top[0], cut(top[1])),
                (bottom[0], cut(bottom[1])),
                grey,
                texture,
                shadow,
            )
        )

    def lift(
        self, amount_um: Map, lowest: str, at_ilm: float = 1.0, blur_um: float = 0.0
    ) -> None:
        """Raise `lowest` and all boundaries above it.

        `amount_um` (n_bscans, width) is raised at `lowest`, ``at_ilm`` times as much at
        the ILM, in between in proportion; negative amounts sink. Tissue is stiff: at
        the ILM the bend is smoothed sideways by `blur_um`. Boundaries that would cross
        stop at the one below.
        """
        last = BOUNDARIES.index(lowest)
        smooth = amount_um
        if blur_um:
            sigma = blur_um / self.grid.spacing_um[2]
            smooth = gaussian_filter1d(amount_um, sigma, axis=1, mode="nearest")
        for k, depth in enumerate(np.linspace(0, 1, last + 1, dtype=np.float32)):
            share = at_ilm + depth * np.float32(1 - at_ilm)
            self.heights[k] -= share * (smooth + depth * (amount_um - smooth))
        self.keep_order()

    def keep_order(self) -> None:
        """Stop each boundary at the one below it, starting from Bruch's membrane."""
        bm = BOUNDARIES.index("BM")
        upwards = self.heights[bm::-1]
        np.minimum.accumulate(upwards, axis=0, out=upwards)
        np.maximum(self.heights[bm], self.heights[bm + 1], out=self.heights[bm + 1])

    def place(
        self, rng: np.random.Generator, extent: float = 0.6
    ) -> tuple[float, float]:
        """(nasal, y) in µm of a spot in the middle part of the scanned field.

        The spot lies on a B-scan, so that even a small finding is seen.
        """
        n_bscans, width = self.grid.nasal_um.shape
        low = (1 - extent) / 2
        row = int(n_bscans * rng.uniform(low, 1 - low))
        column = int(width * rng.uniform(low, 1 - low))
        return float(self.grid.nasal_um[row, column]), float(self.grid.y_um[row, 0])

    def near_fovea(self) -> tuple[float, float]:
        """(nasal, y) in µm of the A-scan nearest to the fovea."""
        at = np.unravel_index(np.argmin(self.grid.radius_um), self.grid.nasal_um.shape)
        return float(self.grid.nasal_um[at]), float(self.grid.y_um[at[0], 0])

    def window(
        self, centre: tuple[float, float], reach: tuple[float, float]
    ) -> tuple[slice, slice] | None:
        """Smallest window with all A-scans within `reach` (nasal, y) of `centre`."""
        inside = (np.abs(self.grid.nasal_um - centre[0]) <= reach[0]) & (
            np.abs(self.grid.y_um - centre[1]) <= reach[1]
        )
        rows = np.flatnonzero(inside.any(axis=1))
        columns = np.flatnonzero(inside.any(axis=0))
        if not rows.size:
            return None
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def outline(
    eye: Eye,
    rng: np.random.Generator,
    centre: tuple[float, float],
    radii: tuple[float, float],
    roughness: float = 0.15,
    window: tuple[slice, slice] = (slice(None), slice(None)),
) -> Map:
    """Distance from `centre` in units of an irregular rim: 0 centre, 1 rim.

    (n_bscans, width) of the window, float32; `radii` are (nasal, y) in µm.
    """
    nasal, y = eye.grid.nasal_um[window], eye.grid.y_um[window[0]]
    dx = (nasal - np.float32(centre[0])) / np.float32(radii[0])
    dy = (y - np.float32(centre[1])) / np.float32(radii[1])
    angle = np.arctan2(dy, dx)
    rim = np.ones_like(angle)
    for k in range(2, 6):
        size, phase = rng.normal(0, roughness / k), rng.uniform(0, 2 * np.pi)
        rim += np.float32(size) * np.cos(k * angle + np.float32(phase))
    distance: Map = np.hypot(dx, dy) / np.maximum(rim, np.float32(0.4))
    return distance


def dome(distance: Map, power: float = 1.0) -> Map:
    """Height 1 at distance 0, falling to 0 at 1: a paraboloid to the power given."""
    return np.maximum(1 - distance**2, 0) ** np.float32(power)


def plateau(distance: Map, edge: float) -> Map:
    """1 inside, 0 outside, with a smooth slope of width `edge` that ends at 1."""
    t = np.clip((1 - distance) / np.float32(edge), 0, 1)
    slope: Map = t * t * (3 - 2 * t)
    return slope
