"""Smart fill: a region grows from one click as far as the image looks alike.

Growth is a race, not a threshold: a pixel is as far from the click as the cheapest path
to it, where every step costs one pixel in tissue that looks like the click and many
across an edge (geodesic distance; Criminisi et al., *GeoS: geodesic image
segmentation*, ECCV 2008). So speckle does not tear the region, and through a thin gap
it creeps rather than pours. The tolerance is that distance in px: what the mouse wheel
changes, and what is chosen by itself where the region meets its clearest edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.editing.clamping import outside
from napari_octseg.editing.clicks import check_click
from napari_octseg.editing.components import component_at
from napari_octseg.editing.cost import without_gaps
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Curve = NDArray[np.float32]

LEAST_TOLERANCE = 2.0
MOST_TOLERANCE = 120.0

_SMOOTH_PX = 1.0
_AUTOMATIC = (6.0, 80.0)
_USUAL = 16.0  # tolerances near this one are preferred …
_PREFERENCE = 0.4  # … by this share of the clearest edge per factor e
_SIMILAR_SHARE = 0.2  # of the B-scan's standard deviation costs one step more
_LEAST_SIMILAR = 0.005
_WHITE = 0.99  # scanners fill the wedges beside a registered B-scan with white
_NECK_SHARE = 0.3  # a neck thinner than this share of the region's width is a leak
_WIDEST_NECK_PX = 4.0


@dataclass(frozen=True, eq=False)
class SmartFill:
    """A region that grew from a click.

    `mask` is (depth, width) bool; `tolerance` in px is the one asked for or, where none
    was, the one found: the place from which a mouse wheel goes on.
    """

    mask: NDArray[np.bool_]
    tolerance: float


def smart_fill(
    image: NDArray[np.float32],
    seed: tuple[int, int],
    *,
    tolerance: float | None = None,
    upper: Curve | None = None,
    lower: Curve | None = None,
    stop: NDArray[np.bool_] | None = None,
) -> SmartFill:
    """Region around a click that looks like it.

    Parameters
    ----------
    image
        (depth, width) float32 in 0…1, one B-scan as it is shown; NaN is never filled.
    seed
        Row and column of the click.
    tolerance
        How far the region may grow, px of equal tissue, 2…120; found from the edges
        around the click if None.
    upper, lower
        (width,) float32 px from the top: the region stays below `upper` and above
        `lower`; NaN is no limit.
    stop
        (depth, width) bool: pixels that are never filled.

    Returns
    -------
    The region with its small holes filled, connected and without what hangs on it by a
    thin neck, and the tolerance that it has.

    Raises
    ------
    EditError
        If the click is outside the B-scan or where nothing may be filled.
    """
    depth, width = image.shape
    image, blank = without_gaps(image)
    closed = outside((depth, width), upper, lower)
    if blank is not None:
        closed |= blank
    if stop is not None:
        closed |= stop
    row, column = seed
    check_click(row, column, image.shape)
    if closed[row, column]:
        raise EditError(
            "Nothing may be filled at this click",
            allowed="clicks between the boundaries that limit this class, on pixels "
            "that are not locked",
            todo="click elsewhere, or switch the limits or the lock off",
        )
    farthest = _AUTOMATIC[1] if tolerance is None else tolerance
    farthest = float(np.clip(farthest, LEAST_TOLERANCE, MOST_TOLERANCE))
    # A step costs at least one: nothing outside this window can be reached.
    reach = int(np.ceil(farthest)) + 2
    top, left = max(row - reach, 0), max(column - reach, 0)
    window = (slice(top, row + reach + 1), slice(left, column + reach + 1))
    at = (row - top, column - left)
    smooth = _smooth(image)
    inside = smooth[image < _WHITE]
    spread = float(inside.std()) if inside.size else 0.0
    unlike = np.abs(smooth - _level(smooth, seed))[window]
    distance = _distance(unlike, at, closed[window], spread)
    if tolerance is None:
        farthest = _clearest_edge(distance, unlike)
    mask = np.zeros(image.shape, bool)
    region = _without_leaks(distance <= farthest, at)
    region = _without_holes(region) & ~closed[window]
    mask[window] = component_at(region.astype(np.uint8), *at)
    return SmartFill(mask, farthest)


def _smooth(image: NDArray[np.float32]) -> NDArray[np.float32]:
    from scipy.ndimage import gaussian_filter

    smooth: NDArray[np.float32] = gaussian_filter(
        image.astype(np.float32, copy=False), _SMOOTH_PX
    )
    return smooth


def _around(
    image: NDArray[np.float32], at: tuple[int, int], rows: int, columns: int
) -> NDArray[np.float32]:
    row, column = at
    return image[
        max(row - rows, 0) : row + rows + 1,
        max(column - columns, 0) : column + columns + 1,
    ]


def _level(smooth: NDArray[np.float32], at: tuple[int, int]) -> float:
    """What the click looks like: single speckles do not count."""
    return float(np.median(_around(smooth, at, 2, 2)))


def _distance(
    unlike: NDArray[np.float32],
    at: tuple[int, int],
    closed: NDArray[np.bool_],
    spread: float,
) -> NDArray[np.float64]:
    """Cost of the cheapest path from the click, px; inf where there is none.

    A step costs 1 + (dissimilarity / unit)²; the unit follows the spread of intensities
    in the B-scan, so that the same tolerance serves dark and bright scans.
    """
    from skimage.graph import MCP_Geometric

    unit = max(_SIMILAR_SHARE * spread, _LEAST_SIMILAR)
    step = 1 + (unlike.astype(np.float64) / unit) ** 2
    step[closed] = -1  # never entered
    race = MCP_Geometric(step, fully_connected=True)
    distance: NDArray[np.float64]
    distance, _ = race.find_costs([at])
    return distance


def _clearest_edge(
    distance: NDArray[np.float64], unlike: NDArray[np.float32], n_tried: int = 64
) -> float:
    """Tolerance at which the image changes most from inside to outside.

    The mean rise of dissimilarity across the contour, for all tolerances at once: a
    pair of neighbours counts for every tolerance between their two distances.
    """
    from scipy.ndimage import gaussian_filter

    tried = np.geomspace(*_AUTOMATIC, n_tried)
    inside_from = np.searchsorted(tried, distance)  # n_tried where never inside
    coarse = gaussian_filter(unlike, 2 * _SMOOTH_PX)
    rise = np.zeros(n_tried + 1)
    length = np.zeros(n_tried + 1)
    for axis in (0, 1):
        near, far = _pairs(inside_from, axis)
        change = np.subtract(*_pairs(coarse, axis)[::-1])
        outward = np.where(near < far, change, -change).ravel()
        first, last = np.minimum(near, far).ravel(), np.maximum(near, far).ravel()
        for at, sign in ((first, 1), (last, -1)):
            rise += sign * np.bincount(at, outward, n_tried + 1)
            length += sign * np.bincount(at, minlength=n_tried + 1)
    mean = (rise.cumsum() / np.maximum(length.cumsum(), 1))[:n_tried]
    preferred = np.abs(np.log(tried / _USUAL))
    score = mean / max(float(mean.max()), 1e-6) - _PREFERENCE * preferred
    return float(tried[np.argmax(score)])


def _pairs(image: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Every pixel but the last, and its next neighbour, along an axis."""
    if axis == 0:
        return image[:-1], image[1:]
    return image[:, :-1], image[:, 1:]


def _without_leaks(region: NDArray[np.bool_], at: tuple[int, int]) -> NDArray[np.bool_]:
    """The part of a region around the click, without what hangs on it by a thin neck.

    An opening whose radius follows the width of the region at the click, so that thin
    regions are not lost as necks of themselves.
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.measure import label

    depth_in = distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    widest = float(_around(depth_in, at, 6, 6).max())
    radius = min(_NECK_SHARE * widest, _WIDEST_NECK_PX)
    core = depth_in > radius
    parts = label(core, connectivity=1)  # type: ignore[no-untyped-call]
    near = _around(np.where(core, depth_in, 0), at, 6, 6)
    own = int(_around(parts, at, 6, 6).flat[near.argmax()])
    if own == 0:
        return region
    grown = distance_transform_edt(parts != own) <= radius
    kept: NDArray[np.bool_] = region & grown
    kept[at] = True
    return kept


def _without_holes(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_fill_holes

    filled: NDArray[np.bool_] = binary_fill_holes(region)
    return filled
