"""Where the pixels of a volume lie in a viewer: scale and unit of each axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.volume import OCTVolume

AXIS_LABELS = ("B-scan", "depth", "A-scan")


def scale_and_units(
    volume: OCTVolume, ndim: int = 3
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Scale and unit of each axis of a layer: µm where known, else px.

    A distance between B-scans only shapes the 3-D view, so it may be unknown; inside
    the B-scan µm need both axes.

    Parameters
    ----------
    volume
        Its spacing is used, in µm.
    ndim
        3 for (B-scan, depth, A-scan), 2 for (depth, A-scan).

    Returns
    -------
    `ndim` scales and as many units, ``um`` or ``pixel``.
    """
    between, axial, lateral = volume.spacing_um
    scale = [1.0, 1.0, 1.0]
    units = ["pixel"] * 3
    if axial is not None and lateral is not None:
        scale[1:], units[1:] = [axial, lateral], ["um", "um"]
        if between is not None:
            scale[0], units[0] = between, "um"
    return tuple(scale[-ndim:]), tuple(units[-ndim:])
