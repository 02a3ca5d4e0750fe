"""What a boundary costs at each place of a B-scan: little on edges of its polarity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

_ALONG_PX = 2.0
_ACROSS_PX = 1.5
_TRUNCATE = 3.0
_CONTEXT_PX = (41, 81)
"""Rows and columns around a pixel that its edge is compared with."""

_WEAKEST_CONTEXT = 0.1
_BLANK_MARGIN_PX = 9

# +1: dark above bright, -1: bright above dark. Brightness of the layers as Staurenghi
# et al., Ophthalmology 121:1572-1578, 2014, describe it: plexiform layers, nerve
# fibres, ellipsoid zone and RPE are bright, nuclear layers and vitreous dark.
_BRIGHTER_BELOW = (
    "ILM",
    "GCL/IPL",
    "INL/OPL",
    "ELM",
    "ELM/EZ",
    "EZ/RPE",
    "top of inner retina",
    "top of outer bands",
    "bottom of GCL",
    "bottom of INL",
    "bottom of ONL",
    "bottom of OS",
)
_DARKER_BELOW = (
    "RNFL/GCL",
    "IPL/INL",
    "OPL/ONL",
    "EZ/OS",
    "BM",
    "bottom of RNFL",
    "bottom of GCIPL",
    "bottom of IPL",
    "bottom of OPL",
    "bottom of EZ",
    "bottom of inner retina",
    "bottom of outer bands",
)
_POLARITY = dict.fromkeys(_BRIGHTER_BELOW, 1) | dict.fromkeys(_DARKER_BELOW, -1)


def polarity_of(boundary_name: str, *, among: Collection[str] = ()) -> int:
    """What the boundary of that name looks like.

    Parameters
    ----------
    boundary_name
        One that `boundary_names` gives.
    among
        Names of all boundaries. Where the outer segments are no layer of their own
        they belong to the RPE (Chiu et al., Biomed. Opt. Express 6:1172-1194, 2015),
        which then begins where the bright ellipsoid zone ends.

    Returns
    -------
    1: dark above bright. -1: bright above dark. 0: either, which holds for CSI and for
    every name that is not known.
    """
    if boundary_name == "EZ/RPE" and among and "EZ/OS" not in among:
        boundary_name = "EZ/OS"
    return _POLARITY.get(boundary_name, 0)


def boundary_cost(
    image: NDArray[np.float32],
    *,
    polarity: int = 0,
    probability: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Cost of each place of a B-scan, low on a boundary.

    An edge counts as strong where it stands out among the edges around it, so that weak
    boundaries cost little where nothing stronger is near.

    Parameters
    ----------
    image
        (depth, width) float32, any range; NaN where the scan shows nothing (padding,
        white areas of registered scans).
    polarity
        1: only edges with dark above bright. -1: only the reverse. 0: either.
    probability
        (depth, width) float32 in 0…1: how likely the boundary is at each row of the
        cost, such as ``1 - boundary_costs(…)[k]`` of a model. It counts as much as the
        edges.

    Returns
    -------
    (depth, width) float32 in 0…1; row *r* is about the height ``r - 0.5``, between the
    pixels *r* - 1 and *r*.

    Raises
    ------
    EditError
        If the image is not one B-scan, the polarity is unknown or the probability has
        another shape.
    """
    from scipy.ndimage import gaussian_filter1d, maximum_filter, uniform_filter

    if image.ndim != 2 or min(image.shape) < 2:
        raise EditError(
            f"An image of shape {image.shape}",
            allowed="(depth, width) of one B-scan, at least 2 × 2 pixels",
        )
    if polarity not in (-1, 0, 1):
        raise EditError(f"The polarity {polarity}", allowed="-1, 0, 1")
    if probability is not None and probability.shape != image.shape:
        raise EditError(
            f"A probability of shape {probability.shape} for an image of shape "
            f"{image.shape}",
            allowed="the same shape",
        )
    shown, blank = without_gaps(image)
    smooth = gaussian_filter1d(shown, _ALONG_PX, axis=1, truncate=_TRUNCATE)
    smooth = gaussian_filter1d(smooth, _ACROSS_PX, axis=0, truncate=_TRUNCATE)
    rise = np.zeros_like(smooth)
    np.subtract(smooth[1:], smooth[:-1], out=rise[1:])
    size = np.abs(rise)
    usual = uniform_filter(size, _CONTEXT_PX, mode="nearest")
    np.maximum(usual, _WEAKEST_CONTEXT * usual.max(), out=usual)
    edge = size if polarity == 0 else np.maximum(np.float32(polarity) * rise, 0)
    cost: NDArray[np.float32] = usual / (edge + usual + np.finfo(np.float32).tiny)
    cost[edge == 0] = 1
    if blank is not None:
        # The rim of what is not shown is no edge of the eye.
        cost[maximum_filter(blank, _BLANK_MARGIN_PX)] = 1
    if probability is not None:
        unlikely = 1 - np.nan_to_num(probability.astype(np.float32))
        cost = (cost + np.clip(unlikely, 0, 1)) / np.float32(2)
    return cost


def cost_at(
    cost: NDArray[np.float32], heights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Cost of heights, between two rows in proportion.

    Parameters
    ----------
    cost
        (depth, width) float32; row *r* is the height ``r - 0.5``.
    heights
        (…, width) float32, px from the top, finite. Beyond the image the outermost row
        counts.
    """
    depth, width = cost.shape
    row = np.clip(heights + np.float32(0.5), 0, depth - 1)
    above = np.minimum(row.astype(np.intp), max(depth - 2, 0))
    columns = np.arange(width)
    upper, lower = cost[above, columns], cost[np.minimum(above + 1, depth - 1), columns]
    between: NDArray[np.float32] = upper + (row - above).astype(np.float32) * (
        lower - upper
    )
    return between


def without_gaps(
    image: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """The image as float32 with NaN replaced by its median, and where NaN was.

    Returns
    -------
    (depth, width) float32, and (depth, width) bool or None if nothing was NaN.
    """
    shown = np.asarray(image, np.float32)
    blank = ~np.isfinite(shown)
    if not blank.any():
        return shown, None
    middle = np.float32(0) if blank.all() else np.median(shown[~blank])
    return np.where(blank, middle, shown).astype(np.float32), blank
