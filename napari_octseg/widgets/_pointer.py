"""Where the mouse is on the B-scan, and which boundary is near."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Pointer:
    """A place on a B-scan.

    Attributes
    ----------
    row, column
        Where it is in px, sub-pixel; it may lie outside the B-scan.
    px_per_row, px_per_column
        Pixels of the screen that a row and a column take at this zoom.
    modifiers
        Names of the keys that are held: ``"Shift"``, ``"Control"``, ``"Alt"``.
    """

    row: float
    column: float
    px_per_row: float
    px_per_column: float
    modifiers: frozenset[str] = frozenset()

    def distances_to(
        self, rows: NDArray[np.floating], columns: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Distances to points, in pixels of the screen."""
        distances: NDArray[np.float64] = np.hypot(
            (rows - self.row) * self.px_per_row,
            (columns - self.column) * self.px_per_column,
        )
        return distances


def shows_bscans(viewer: napari.Viewer, layer: Layer) -> bool:
    """Whether the viewer shows B-scans of a layer: in 2-D, and not cut another way."""
    dims = viewer.dims
    return dims.ndisplay == 2 and tuple(dims.displayed) == (
        dims.ndim - 2,
        dims.ndim - 1,
    )


def pointer_of(event: Any, layer: Layer) -> Pointer:
    """Where a mouse event is on the B-scan of a layer that is on screen."""
    position = np.asarray(event.position, float)[-layer.ndim :]
    row, column = layer.world_to_data(position)[-2:]
    per_row, per_column = np.abs(layer.scale[-2:]) * event.camera_zoom
    return Pointer(
        float(row),
        float(column),
        float(per_row),
        float(per_column),
        frozenset(str(getattr(key, "name", key)) for key in event.modifiers),
    )


def nearest_boundary(
    heights: NDArray[np.float32], at: Pointer, reach: float, preferred: int = -1
) -> int | None:
    """The boundary that the pointer is at.

    Parameters
    ----------
    heights
        (n_boundaries, width) float32, px from the top, NaN absent.
    at
        Where the pointer is.
    reach
        How far it may be, in pixels of the screen.
    preferred
        The boundary to take where several lie equally near.
    """
    n_boundaries, width = heights.shape
    aside = int(np.ceil(reach / at.px_per_column)) + 1
    first = max(round(at.column) - aside, 0)
    last = min(round(at.column) + aside, width - 1)
    if n_boundaries == 0 or last <= first:
        return None
    columns = np.arange(first, last + 1)
    down = (heights[:, first : last + 1] - at.row) * at.px_per_row
    right = np.broadcast_to((columns - at.column) * at.px_per_column, down.shape)
    distance = _to_pieces(np.stack([down, right], axis=-1))
    if 0 <= preferred < n_boundaries:
        distance[preferred] -= 0.5
    nearest = int(distance.argmin())
    return nearest if distance[nearest] <= reach else None


def _to_pieces(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of the origin to each of several polylines (n_lines, n_points, 2)."""
    start, step = points[:, :-1], np.diff(points, axis=1)
    length = (step**2).sum(axis=-1)
    share = np.clip(-(start * step).sum(axis=-1) / length, 0, 1)
    foot = start + share[..., None] * step
    distance = np.hypot(foot[..., 0], foot[..., 1])
    nearest: NDArray[np.float64] = np.where(
        np.isfinite(distance), distance, np.inf
    ).min(axis=1)
    return nearest
