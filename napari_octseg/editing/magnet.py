"""The magnet: a round brush that pushes a stretch of a boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def push(
    curve: NDArray[np.float32],
    at: tuple[float, float],
    to: tuple[float, float],
    radius: float,
    *,
    row_length: float = 1.0,
) -> NDArray[np.float32]:
    """The curve after a round brush was moved from one place to another.

    Points of the curve at the brush's centre go all the way up or down, those at its
    rim stay; in between the way falls smoothly (a raised cosine of the distance).

    Parameters
    ----------
    curve
        (width,) float32 px from the top, NaN absent.
    at, to
        (row, column) of the brush's centre before and after. A height can only go up
        and down: of a sideways move only the place where it begins counts.
    radius
        In columns, above 0.
    row_length
        Height of a pixel divided by its width as they are displayed: the brush is round
        on screen.

    Returns
    -------
    (width,) float32; columns beyond the radius and NaN stay exactly as they are.

    Raises
    ------
    EditError
        If the radius or the row length is not above 0.
    """
    if not (radius > 0 and row_length > 0):
        raise EditError(
            f"A magnet of radius {radius:g} with rows of length {row_length:g}",
            allowed="both above 0",
        )
    row, column = at
    across = (curve.astype(np.float64) - row) * row_length
    distance = np.hypot(across, np.arange(len(curve)) - column) / radius
    touched = distance < 1  # NaN is never touched
    share = (1 + np.cos(np.pi * distance[touched])) / 2
    pushed = np.array(curve, np.float32)
    pushed[touched] += (share * (to[0] - row)).astype(np.float32)
    return pushed
