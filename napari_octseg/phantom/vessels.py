"""Retinal vessels: two arcades that branch towards the fovea, seen en face.

The tree is grown in µm around the fovea from the optic disc, so that every part that
is in the scanned field is connected to the rest or leaves through the field's edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_octseg.phantom.randomness import Stream, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.grid import Grid

_STEP_UM = 25.0
_AVASCULAR_UM = 420.0
_THINNEST_UM = 11.0
_CALIBRES_UM = np.array([60.0, 42.0, 30.0, 21.0, 15.0, 10.0])


@dataclass(frozen=True, eq=False)
class Vessels:
    """Vessels en face.

    `radius_um` (n_bscans, width) float32 is the radius of the vessel that an A-scan
    meets, 0 where there is none; `profile` is 1 on its axis and 0 at its wall.
    """

    radius_um: NDArray[np.float32]
    profile: NDArray[np.float32]


def grow_vessels(grid: Grid, seed: int) -> Vessels:
    """Vessels of one eye, sampled on the grid."""
    rng = generator(seed, Stream.VESSELS)
    points = np.concatenate(_tree(rng))
    return _rasterise(points, grid)


def _tree(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """Axes of all vessels as (n, 3) arrays: nasal, y, radius in µm."""
    branches: list[NDArray[np.float64]] = []
    for side in (1.0, -1.0):
        for _ in range(2):  # an artery and a vein
            apex = side * rng.uniform(2000, 3300)
            t = np.linspace(0, 1, 700)
            x = 4300 - 8600 * t
            y = apex * np.sin(np.pi * np.clip(t * 1.05, 0, 0.8)) ** 0.8
            wiggle = 90 * np.sin(t * rng.uniform(14, 24) + rng.uniform(0, 6))
            radius = rng.uniform(48, 72) * (1 - 0.55 * t)
            arcade = np.stack([x, y + wiggle, radius], axis=1)
            branches.append(arcade)
            _branch_off(rng, arcade, int(rng.integers(5, 9)), side, branches, 0)
    return branches


def _branch_off(
    rng: np.random.Generator,
    parent: NDArray[np.float64],
    n: int,
    side: float,
    branches: list[NDArray[np.float64]],
    order: int,
) -> None:
    starts = np.linspace(0.12, 0.9, n) + rng.uniform(-0.05, 0.05, n)
    for k, start in enumerate(np.clip(starts, 0.05, 0.97)):
        index = int(start * (len(parent) - 1))
        x, y, radius = parent[index]
        ahead = parent[min(index + 3, len(parent) - 1)]
        heading = np.arctan2(ahead[1] - y, ahead[0] - x)
        if order == 0:
            # Off an arcade most branches run towards the fovea, some away from it.
            turn = side * (1 if rng.random() < 0.75 else -1) * rng.uniform(0.5, 1.1)
        else:
            turn = (-1) ** k * rng.uniform(0.5, 0.9)
        thick = radius * rng.uniform(0.4, 0.65)
        if thick < _THINNEST_UM:
            continue
        axis = _walk(rng, (x, y), heading + turn, thick)
        branches.append(axis)
        if order < 2 and len(axis) > 20:
            _branch_off(rng, axis, 3 - order, side, branches, order + 1)


def _walk(
    rng: np.random.Generator,
    start: tuple[float, float],
    heading: float,
    radius: float,
) -> NDArray[np.float64]:
    """One branch: winds on, thins out, ends before the avascular zone of the fovea."""
    n_steps = int(rng.integers(40, 130))
    turns = rng.normal(0, 0.10, n_steps)
    x, y = start
    points = [(x, y, radius)]
    for step in range(n_steps):
        # A gentle pull keeps branches headed for the fovea without ending all there.
        to_fovea = np.arctan2(-y, -x)
        away = np.angle(np.exp(1j * (to_fovea - heading)))
        heading += turns[step] + 0.012 * away
        x += _STEP_UM * np.cos(heading)
        y += _STEP_UM * np.sin(heading)
        if np.hypot(x, y) < _AVASCULAR_UM:
            break
        points.append((x, y, max(radius * (1 - 0.6 * step / n_steps), 9.0)))
    return np.array(points)


def _rasterise(points: NDArray[np.float64], grid: Grid) -> Vessels:
    """Discs along the axes: nearest B-scan and A-scan, then grown to the radius."""
    n_bscans, width = grid.nasal_um.shape
    between, _, lateral = grid.spacing_um
    points = _densify(points, 0.45 * min(between, lateral))
    row = np.rint((points[:, 1] - grid.y_um[0, 0]) / between).astype(int)
    seen = (row >= 0) & (row < n_bscans)
    row, points = row[seen], points[seen]
    first = grid.nasal_um[row, 0]
    last = grid.nasal_um[row, -1]
    column = np.rint((points[:, 0] - first) / (last - first) * (width - 1)).astype(int)
    seen = (column >= 0) & (column < width)
    row, column, radius = row[seen], column[seen], points[seen, 2]

    radii = np.zeros((n_bscans, width), np.float32)
    profile = np.zeros((n_bscans, width), np.float32)
    calibre = np.abs(np.log(radius[:, None] / _CALIBRES_UM)).argmin(axis=1)
    for k, thick in enumerate(_CALIBRES_UM):
        of_class = calibre == k
        if not of_class.any():
            continue
        axis = np.ones((n_bscans, width), bool)
        axis[row[of_class], column[of_class]] = False
        distance = distance_transform_edt(axis, sampling=(between, lateral))
        own = np.sqrt(np.clip(1 - (distance / max(thick, 1.2 * lateral)) ** 2, 0, 1))
        better = own > profile
        profile[better] = own[better]
        radii[better] = thick
    return Vessels(radii, profile)


def _densify(points: NDArray[np.float64], step_um: float) -> NDArray[np.float64]:
    """Points along each axis no further apart than `step_um`."""
    gaps = np.hypot(*np.diff(points[:, :2], axis=0).T)
    # Larger gaps are where one branch ends and the next begins.
    within = np.flatnonzero(gaps < 1.5 * _STEP_UM)
    n = int(np.ceil(1.5 * _STEP_UM / step_um))
    share = (np.arange(n) / n)[None, :, None]
    dense = points[within][:, None] * (1 - share) + points[within + 1][:, None] * share
    return np.concatenate([dense.reshape(-1, 3), points])
