"""The healthy eye: heights of all boundaries, with pit, tilt, curvature and motion.

Thicknesses follow published normal values of the macula (total about 220 µm in the
foveola, 330 µm at 1 mm, 280 µm at 3 mm; choroid about 280 µm below the fovea, thinner
nasally).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.phantom.eye import Eye
from napari_octseg.phantom.randomness import Stream, generator, waves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.grid import Grid

    Map = NDArray[np.float32]


def healthy_eye(grid: Grid, seed: int) -> Eye:
    """Eye without findings."""
    thicknesses = _thicknesses(grid, seed)
    retina: Map = np.stack(thicknesses[:-1]).sum(axis=0)
    bm = _bruchs_membrane(grid, seed, retina)
    heights = np.empty((len(thicknesses) + 1, *bm.shape), np.float32)
    heights[-2] = bm
    heights[-1] = bm + thicknesses[-1]
    for k in range(len(thicknesses) - 2, -1, -1):
        heights[k] = heights[k + 1] - thicknesses[k]
    return Eye(grid, heights)


def _thicknesses(grid: Grid, seed: int) -> list[Map]:
    """Thickness of the eleven zones between the twelve boundaries, µm."""
    rng = generator(seed, Stream.ANATOMY)
    x, y, r = grid.nasal_um, grid.y_um, grid.radius_um
    pit = rng.uniform(0.8, 1.25)
    steepness = rng.uniform(2.2, 3.2)

    def rise(width_um: float, floor: float = 0.0) -> Map:
        """Share of the thickness that the pit leaves."""
        share: Map = 1 - (1 - floor) * np.exp(-((r / (width_um * pit)) ** steepness))
        return share

    def bell(centre_um: float, width_um: float) -> Map:
        share: Map = np.exp(-(((r - centre_um) / width_um) ** 2))
        return share

    towards_disc = np.clip(x / 3000, -1.2, 1.5)
    arcades = np.abs(y) / 3000
    floor = rng.uniform(0, 0.25) ** 1.5
    rnfl = 15 + 21 * np.maximum(towards_disc, 0) ** 1.3 + 3 * towards_disc
    rnfl = rnfl + (16 + 22 * np.clip(towards_disc + 0.3, 0, 1.3)) * arcades**1.4
    zones = [
        rise(750) * rnfl,
        rise(560, floor * 0.3) * (14 + 38 * bell(950, 1050)),
        rise(520, floor * 0.6) * (25 + 17 * bell(850, 1200)),
        rise(430, 0.08 + floor) * (30 + 13 * bell(900, 900)),
        rise(330, 0.25 + floor) * (24 + 6 * bell(800, 800)),
        46 + 28 * bell(700, 1500) + 40 * np.exp(-((r / 420) ** 2)),
        14 + 3 * np.exp(-((r / 500) ** 2)),
        16 + 1.5 * np.exp(-((r / 500) ** 2)),
        22 + 16 * np.exp(-((r / (450 * pit)) ** 2)),
        25 + 2 * np.exp(-((r / 800) ** 2)),
        None,
    ]
    overall = rng.normal(1, 0.06)
    layers: list[Map] = []
    for zone in zones[:-1]:
        own = overall * np.exp(rng.normal(0, 0.10))
        uneven = 1 + 0.03 * waves(rng, x, y, 1500) + 0.012 * waves(rng, x, y, 350)
        layers.append((zone * own * uneven).astype(np.float32))
    choroid = np.exp(rng.normal(np.log(270), 0.28)) * (
        1 - 0.16 * towards_disc - 0.06 * arcades - 0.03 * (towards_disc + 0.2) ** 2
    )
    choroid = choroid + 14 * waves(rng, x, y, 1300) + 6 * waves(rng, x, y, 450)
    layers.append(np.maximum(choroid, 70).astype(np.float32))
    return layers


def _bruchs_membrane(grid: Grid, seed: int, retina_um: Map) -> Map:
    """Height of Bruch's membrane, µm from the top, such that the retina is in view."""
    rng = generator(seed, Stream.ANATOMY, 1)
    x, y = grid.nasal_um, grid.y_um
    tilt_x, tilt_y = rng.normal(0, 0.03), rng.normal(0, 0.015)
    sag_um = np.clip(rng.normal(85, 60), -30, 240)
    bowl = ((x - rng.normal(0, 700)) ** 2 + (y - rng.normal(0, 700)) ** 2) / 3000**2
    shape = tilt_x * x + tilt_y * y - sag_um * bowl + 3 * waves(rng, x, y, 2500)
    shape = shape + grid.axial_shift_um
    # What does not fit between 3 % and 85 % of the image is flattened, as an operator
    # would do by moving the eye until it fits.
    low, high = 0.03 * grid.depth_um, 0.85 * grid.depth_um
    room = (high - low) - float(retina_um.max())
    extent = float(shape.max() - shape.min())
    shape = (shape - shape.mean()) * min(1.0, room / max(extent, 1.0))
    first = low - float((shape - retina_um).min())
    last = high - float(shape.max())
    place = rng.beta(2.2, 2.2)
    height: Map = (shape + first + place * (last - first)).astype(np.float32)
    return height
