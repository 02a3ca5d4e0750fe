"""Where the retina is in a grey image, with no network: RASP-Net's region of interest.

The published steps without their dialogs: denoise, structure tensor, mask, an upper
and a lower curve. Sizes are in px of 360 x 480, on which all of it runs; a scan that
was cropped to the retina has fewer rows there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.steps.denoise import adaptive_wiener, atmed
from napari_octseg.engine.steps.retina import retina_band

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = (360, 480)
"""Rows and columns of the image that the curves are found in."""

_WHOLE = 496
"""Rows from which on a scan counts as a whole one (Spectralis; others have more)."""
_WHITE = 253 / 255
_TOP_AND_BOTTOM = 9
"""Rows in which devices write frames and lines, and no retina begins or ends."""
_EDGE = 1.84
"""Structure above this multiple of its mean is an edge of tissue (published)."""
_BRIGHT = 0.75
"""Tissue near edges is brighter than this share of Otsu's threshold."""
_REACH = 31
"""Rows around an edge in which bright pixels are tissue."""
_BAR = (3, 9)
"""Rows and columns of the smallest tissue, and of the smallest wedge of white."""
_GAP = (45, 9)
"""Rows and columns of dark layers, cysts and shadows that are closed."""
_SAG = (121, 61)
"""Columns of a dip of the upper and of a bump of the lower curve that are bridged."""
_JUMP = 25
"""Rows from the course of the curve at which a column is left out (published)."""


def retina_mask(
    image: NDArray[np.float32],
    *,
    above: float = 6,
    below: float = 20,
    keep_vitreous: bool = False,
    taut: bool = False,
) -> NDArray[np.bool_]:
    """Pixels between a curve above the ILM and a curve below the upper choroid.

    Parameters
    ----------
    image
        (H, W) float32, grey values as shown or any linear function of them; the
        largest value counts as white.
    above, below
        Rows (of 360 in a whole scan) kept above the first and below the last bright
        edge. 20 below keeps the upper choroid.
    keep_vitreous
        Keep all above, where membranes and tractions are.
    taut
        Let the lower curve nowhere bend inwards. Below much fluid the RPE is dim, and
        the last edge in sight is above the fluid.

    Returns
    -------
    (H, W) bool; all True where no retina is found.

    Notes
    -----
    Hassan et al., IEEE Trans. Instrum. Meas. 70, 2021 (RASP-Net).
    """
    depth, width = image.shape
    curves = retina_curves(_working_image(image))
    if curves is None:
        return np.ones(image.shape, bool)
    first, last = curves
    if taut:
        last = _taut_below(last)
    columns = (np.arange(width) + 0.5) * SIZE[1] / width - 0.5
    scale = depth / working_rows(depth)
    upper, lower = (
        (np.interp(columns, np.arange(SIZE[1]), curve) + 0.5) * scale - 0.5
        for curve in (first - above, last + below)
    )
    row = np.arange(depth)[:, None]
    kept: NDArray[np.bool_] = row <= lower
    if not keep_vitreous:
        kept &= row >= upper
    return kept


def retina_curves(grey: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """First and last row of the retina in each column, smooth, without margins.

    Parameters
    ----------
    grey
        `working_rows` x 480 float32 in 0…1.

    Returns
    -------
    (2, columns) rows, or None where no retina is found.
    """
    first, last = retina_band(_tissue(grey))
    found = first <= last
    if not found.any():
        return None
    upper = _smooth_curve(first, found, upwards=True)
    lower = _smooth_curve(last, found, upwards=False)
    return np.stack([upper, lower])


def structure(
    image: NDArray[np.float32], derivative: float = 2, integration: float = 2
) -> NDArray[np.float32]:
    """Strength of vertical change: root of the structure tensor's part S_yy.

    Parameters
    ----------
    image
        (H, W) float32.
    derivative, integration
        Standard deviations, px, of the Gaussian derivative and of the Gaussian mean
        of its square.
    """
    from scipy.ndimage import gaussian_filter

    change = gaussian_filter(image, derivative, order=(1, 0))
    mean = gaussian_filter(change * change, integration)
    strength: NDArray[np.float32] = np.sqrt(np.maximum(mean, 0)).astype(np.float32)
    return strength


def working_rows(depth: int) -> int:
    """Rows that the curves are found in: `SIZE` for whole scans, fewer for crops.

    Few rows mean that a scan was cropped to the retina; to stretch it to the height of
    a whole scan would tear its layers apart.
    """
    return max(1, min(SIZE[0], round(depth * SIZE[0] / _WHOLE)))


def _working_image(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """`image` stretched to 0…1 and brought to `working_rows` x 480."""
    from skimage.transform import resize

    low, high = float(image.min()), float(image.max())
    unit = (image - low) / max(high - low, 1e-6)
    size = working_rows(len(image)), SIZE[1]
    small: NDArray[np.float32] = resize(unit, size, order=1, anti_aliasing=True)  # type: ignore[no-untyped-call]
    return small.astype(np.float32)


def _tissue(grey: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Bright pixels near edges of structure, with gaps closed."""
    from scipy.ndimage import (
        binary_dilation,
        grey_closing,
        grey_opening,
        maximum_filter1d,
    )
    from skimage.filters import threshold_otsu

    white = grey > _WHITE
    clean = adaptive_wiener(np.where(white, np.float32(0), grey), (20, 20))
    low, high = np.percentile(clean[~white], [1, 99]) if not white.all() else (0, 0)
    if high - low < 1e-3:
        return np.zeros(grey.shape, bool)
    levels = np.clip((clean - low) / (high - low) * 255, 0, 255).astype(np.uint8)
    smooth = atmed(levels) / np.float32(255)
    change = structure(smooth)
    # The mean of a whole scan, of which a crop lacks what is featureless.
    edge = change > _EDGE * change.sum() / (SIZE[0] * SIZE[1])
    bright = smooth > _BRIGHT * threshold_otsu(smooth)  # type: ignore[no-untyped-call]
    # As grey filters, boxes run along one axis after the other; as binary ones slowly,
    # pixel by pixel. Outside of the image is nothing.
    near = maximum_filter1d(edge.view(np.uint8), _REACH, axis=0, mode="constant")
    tissue = edge | (bright & near.view(bool))
    # Wedges and lines of white; lone white pixels are specular tissue.
    bars = grey_opening(white.view(np.uint8), _BAR, mode="constant")
    tissue &= ~binary_dilation(bars, iterations=4)
    frame = round(_TOP_AND_BOTTOM * len(grey) / SIZE[0])
    tissue[:frame] = tissue[len(grey) - frame :] = False
    tissue = grey_opening(tissue.view(np.uint8), _BAR, mode="constant")
    # The image goes on beyond its sides: what touches them is not worn off.
    half = max(_GAP)
    wide = np.pad(tissue, ((half, half), (half, half)), mode="edge")
    closed = grey_closing(wide, _GAP)
    result: NDArray[np.bool_] = closed[half:-half, half:-half] > 0
    return result


def _smooth_curve(
    rows: NDArray[np.int32], found: NDArray[np.bool_], *, upwards: bool
) -> NDArray[np.float64]:
    """The outline `rows` without jumps, dips and teeth, on the outside of it.

    Gaps between the columns `found` are filled along a line.
    """
    from scipy import ndimage

    column = np.arange(len(rows))
    curve = np.interp(column, column[found], rows[found])
    course = ndimage.median_filter(curve, 41, mode="nearest")
    steady = np.abs(curve - course) < _JUMP
    curve = np.interp(column, column[steady], curve[steady])
    if not upwards:
        curve = -curve  # rows count downwards: outside is now the smaller value
    curve = ndimage.grey_opening(curve, _SAG[0] if upwards else _SAG[1], mode="nearest")
    curve = ndimage.minimum_filter1d(curve, 9, mode="nearest")
    smooth: NDArray[np.float64] = ndimage.gaussian_filter1d(curve, 4, mode="nearest")
    return smooth if upwards else -smooth


def _taut_below(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A line drawn taut below the curve: the lower side of its convex hull."""
    from scipy.spatial import ConvexHull

    column = np.arange(len(rows))
    # Corners above both ends leave the ends and the lower side to the curve.
    above = rows.min() - 1
    points = [*zip(column, rows, strict=True), (0, above), (column[-1], above)]
    corners: NDArray[np.intp] = np.sort(ConvexHull(points).vertices)[:-2]
    return np.interp(column, corners, rows[corners])
