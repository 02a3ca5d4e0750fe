"""Where a finding can be: between which boundaries its pixels belong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.labels import canonical_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Curve = NDArray[np.float32]

_INNER = ("ILM", "top of inner retina", "top of H")
_PHOTORECEPTORS = ("ELM/EZ", "OPL/ONL", "top of outer bands")
_RPE = ("EZ/RPE", "EZ/OS", "BM", "bottom of outer bands")
_UNDER_RPE = ("BM", "bottom of outer bands")

CLAMP_OF: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "IRF": (_INNER, _RPE),
    "SRF": (_PHOTORECEPTORS, _RPE),
    "PED": (("EZ/RPE", "top of outer bands"), _UNDER_RPE),
    "drusen": (("EZ/RPE", "top of outer bands"), _UNDER_RPE),
    "RPD": (_PHOTORECEPTORS, _UNDER_RPE),
    "SHRM": (_PHOTORECEPTORS, _UNDER_RPE),
    "CNVM": (_PHOTORECEPTORS, _UNDER_RPE),
    "HF": (_INNER, _UNDER_RPE),
    "fluid": (_INNER, _UNDER_RPE),
}
"""Finding → boundaries above it and boundaries below it, the preferred one first."""


def clamp_limits(
    name: str, boundary_names: Sequence[str], heights: NDArray[np.float32]
) -> tuple[Curve, Curve] | None:
    """Curves between which a finding lies, of those that there are.

    Parameters
    ----------
    name
        Class name or a synonym.
    boundary_names
        Names of the rows of `heights`.
    heights
        (n_boundaries, width) float32 of one B-scan, px from the top, NaN = absent.

    Returns
    -------
    Upper and lower curve, (width,) float32 each; None if the class has no limits of its
    own or this stack of layers lacks one of them.
    """
    limits = CLAMP_OF.get(canonical_name(name))
    if limits is None:
        return None
    found = [
        next((wanted for wanted in names if wanted in boundary_names), None)
        for names in limits
    ]
    if found[0] is None or found[1] is None or found[0] == found[1]:
        return None
    upper, lower = (heights[list(boundary_names).index(str(one))] for one in found)
    return upper, lower


def outside(
    shape: tuple[int, int], upper: Curve | None, lower: Curve | None
) -> NDArray[np.bool_]:
    """Pixels above `upper` or below `lower`; an absent (NaN) height limits nothing.

    Parameters
    ----------
    shape
        (depth, width).
    upper, lower
        (width,) float32 px from the top; None is no limit.

    Returns
    -------
    (depth, width) bool.
    """
    rows = np.arange(shape[0], dtype=np.float32)[:, None]
    beyond = np.zeros(shape, bool)
    # A comparison with NaN is False.
    if upper is not None:
        beyond |= rows < upper
    if lower is not None:
        beyond |= rows >= lower
    return beyond


def clamp(
    labels: NDArray[np.uint8],
    class_index: int,
    upper: Curve | None,
    lower: Curve | None,
    otherwise: int | NDArray[np.uint8] = 0,
) -> NDArray[np.uint8]:
    """Labels in which a class lies between two curves only.

    Parameters
    ----------
    labels
        (depth, width) class indices of one B-scan; not changed.
    class_index
        The class to clamp.
    upper, lower
        (width,) float32 px from the top; NaN or None is no limit.
    otherwise
        What the pixels outside become: one class, or the labels beneath
        (`columns.beneath`), (depth, width).
    """
    depth, width = labels.shape
    wrong = (labels == class_index) & outside((depth, width), upper, lower)
    return np.where(wrong, np.asarray(otherwise, np.uint8), labels)
