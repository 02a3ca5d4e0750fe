"""Brightness of the tissue between two boundaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_octseg.errors import LabelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries

    Heights = NDArray[np.float32]

Slab = Literal["outer", "inner"]

# Upper and lower boundaries that may enclose a slab, the best first. From the ellipsoid
# zone to Bruch's membrane the retina is brightest, so shadows of vessels are darkest.
_EDGES: dict[Slab, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "outer": (("ELM/EZ", "EZ/OS", "ELM", "EZ/RPE"), ("BM", "RPE", "EZ/RPE")),
    "inner": (("ILM",), ("RNFL/GCL", "GCL/IPL", "IPL/INL")),
}


def edge_names(names: tuple[str, ...], slab: Slab) -> tuple[str, str]:
    """The two boundaries that enclose a slab, of those that there are.

    Parameters
    ----------
    names
        Of the boundaries, top to bottom.
    slab
        ``outer``: photoreceptors and RPE; ``inner``: nerve fibres (and ganglion cells
        where no boundary lies between them).

    Raises
    ------
    LabelError
        If the boundaries do not enclose it.
    """
    tops, bottoms = _EDGES[slab]
    for top in tops:
        for bottom in bottoms:
            if {top, bottom} <= set(names) and names.index(top) < names.index(bottom):
                return top, bottom
    raise LabelError(
        f"The boundaries {', '.join(names) or '(none)'} do not enclose the {slab} slab",
        allowed=f"one of {', '.join(tops)} above one of {', '.join(bottoms)}",
        todo="let a layer model find the boundaries",
    )


def slab_edges(boundaries: Boundaries, slab: Slab) -> tuple[Heights, Heights]:
    """Heights of the top and the bottom of a slab, (n_bscans, width) each.

    Raises
    ------
    LabelError
        As `edge_names`.
    """
    top, bottom = edge_names(boundaries.names, slab)
    return boundaries[top], boundaries[bottom]


def slab_mean(
    bscan: NDArray[np.float32], top: Heights, bottom: Heights, *, least_px: float = 3.0
) -> NDArray[np.float32]:
    """Mean brightness of each A-scan between two heights, exact below the pixel.

    Parameters
    ----------
    bscan
        (depth, width) float32.
    top, bottom
        (width,) float32, px from the top with row centres at whole numbers; NaN =
        absent.
    least_px
        Thinner slabs are taken to reach this far below their top: the mean over less
        is noise.

    Returns
    -------
    (width,) float32, NaN where a height is absent or less than one row of the slab is
    in the image.
    """
    depth, width = bscan.shape
    # Row r covers r … r + 1 from the upper rim of the image.
    upper = np.clip(top + 0.5, 0, depth)
    lower = np.clip(np.maximum(bottom, top + np.float32(least_px)) + 0.5, 0, depth)
    known = lower - upper >= 1
    mean = np.full(width, np.nan, np.float32)
    if not known.any():
        return mean
    first = int(upper[known].min())
    last = min(int(np.ceil(lower[known].max())), depth)
    above = np.zeros((last - first + 1, width))
    np.cumsum(bscan[first:last], axis=0, out=above[1:])
    columns = np.flatnonzero(known)

    def light_above(rim: Heights) -> NDArray[np.float64]:
        depth_in = rim[columns] - first
        row = np.minimum(depth_in.astype(np.intp), last - first - 1)
        share = depth_in - row
        light: NDArray[np.float64] = (
            above[row, columns] * (1 - share) + above[row + 1, columns] * share
        )
        return light

    thickness = (lower - upper)[columns]
    mean[columns] = (light_above(lower) - light_above(upper)) / thickness
    return mean
