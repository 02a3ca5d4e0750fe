"""Drawn shapes as pixels.

Coordinates are continuous, with the corner of the image at (0, 0) and the centre of its
first pixel at (0.5, 0.5); a pixel belongs to the shapes that cover its centre.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

ALLOWED = ("polygon", "rect", "circle", "ellipse")
"""Shapes of the VGG Image Annotator that have an area."""


def polygon_mask(
    x: Sequence[float], y: Sequence[float], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Pixels (depth, width) of `size` within a polygon, open or closed.

    Raises
    ------
    ValueError
        If there are fewer than three corners, or numbers are missing.
    """
    draw: Any = import_module("skimage.draw")
    columns, rows = np.asarray(x, float) - 0.5, np.asarray(y, float) - 0.5
    if columns.ndim != 1 or columns.shape != rows.shape or len(columns) < 3:
        raise ValueError(f"a polygon of {columns.size} x and {rows.size} y")
    if not (np.isfinite(columns).all() and np.isfinite(rows).all()):
        raise ValueError("a polygon with corners that are no numbers")
    mask = np.zeros(size, np.bool_)
    mask[draw.polygon(rows, columns, size)] = True
    return mask


def ellipse_mask(
    centre: tuple[float, float],
    radii: tuple[float, float],
    size: tuple[int, int],
    angle: float = 0.0,
) -> NDArray[np.bool_]:
    """Pixels (depth, width) of `size` within an ellipse.

    Parameters
    ----------
    centre, radii
        (x, y) in px.
    size
        Of the image.
    angle
        Turn in radians, clockwise as seen.

    Raises
    ------
    ValueError
        If a radius is not positive.
    """
    if min(radii) <= 0:
        raise ValueError(f"an ellipse with the radii {radii}")
    y, x = np.indices(size) + 0.5
    across, down = x - centre[0], y - centre[1]
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = down * np.cos(angle) - across * np.sin(angle)
    inside: NDArray[np.bool_] = (along / radii[0]) ** 2 + (beside / radii[1]) ** 2 <= 1
    return inside


def via_mask(shape: Mapping[str, Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels (depth, width) of a shape of the VGG Image Annotator.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it has no area or lacks a number.
    """
    kind = shape["name"]
    if kind == "polygon":
        return polygon_mask(shape["all_points_x"], shape["all_points_y"], size)
    if kind == "rect":
        left, top = float(shape["x"]), float(shape["y"])
        right, bottom = left + float(shape["width"]), top + float(shape["height"])
        return polygon_mask(
            (left, right, right, left), (top, top, bottom, bottom), size
        )
    if kind in ("circle", "ellipse"):
        rx, ry = ("r", "r") if kind == "circle" else ("rx", "ry")
        return ellipse_mask(
            (float(shape["cx"]), float(shape["cy"])),
            (float(shape[rx]), float(shape[ry])),
            size,
            float(shape.get("theta", 0.0)),
        )
    raise ValueError(f"a {kind!r}, which has no area (allowed: {', '.join(ALLOWED)})")
