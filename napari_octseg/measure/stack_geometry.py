"""The shape in which stacked B-scans are drawn, also where spacing is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.volume import Spacing

_LATERAL_TO_AXIAL = 3.0  # 11.5 µm to 3.87 µm, and much the same for most scanners
_THICKNESS_OF_ONE = 0.02  # of its width: a single B-scan has no neighbour


def stack_scale(
    spacing: Spacing, shape: tuple[int, int, int]
) -> tuple[tuple[float, float, float], str]:
    """Sides of a voxel for drawing, and what had to be assumed.

    What the spacing tells is taken. Without the distance of the B-scans the field is
    drawn square; without the size of pixels they are drawn three times as wide as
    high. This is for looking only: no figure is ever made from it.

    Parameters
    ----------
    spacing
        Of the scan; any part may be unknown.
    shape
        (n_bscans, depth, width).

    Returns
    -------
    scale
        (between_bscans, axial, lateral), in µm where lateral is known, else relative.
    note
        A sentence on what was assumed, empty where all is known.
    """
    n_bscans, _, width = shape
    between, axial, lateral = spacing
    assumed = []
    if lateral is None or axial is None:
        assumed.append("the size of a pixel (drawn three times as wide as high)")
    if lateral is None:
        if axial is not None:
            lateral = axial * _LATERAL_TO_AXIAL
        elif between is not None:
            lateral = between * n_bscans / width
        else:
            lateral = _LATERAL_TO_AXIAL
    if axial is None:
        axial = lateral / _LATERAL_TO_AXIAL
    if between is None:
        between = (
            width * lateral * (1 / n_bscans if n_bscans > 1 else _THICKNESS_OF_ONE)
        )
        if n_bscans > 1:
            assumed.append("the distance of B-scans (the field is drawn square)")
    note = f"Unknown: {' and '.join(assumed)}." if assumed else ""
    return (between, axial, lateral), note
