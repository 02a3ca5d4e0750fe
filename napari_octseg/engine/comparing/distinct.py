"""Colours that are told apart, where label sets of two models come together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.labels import rgba_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LEAST_DIFFERENCE = 30.0
"""CIE 1976 colour difference from which on two colours are not taken for each other."""

# Saturated colours of several lightnesses; on grey B-scans all of them stand out.
_SPARE = (
    "#ff00ff",
    "#00e5ff",
    "#00ff66",
    "#ff1744",
    "#3d5afe",
    "#ffffff",
    "#ff9f1c",
    "#9467bd",
    "#00897b",
    "#ffe119",
    "#880e4f",
    "#1b5e20",
)


def distinct_colour(colour: str, taken: Sequence[str]) -> str:
    """A colour that none of `taken` is like.

    Parameters
    ----------
    colour
        The one that is wanted, ``#rrggbb``.
    taken
        Colours already in use.

    Returns
    -------
    `colour` if it differs enough from all of them, else of some spare colours the one
    that differs most.
    """
    if not taken or _least(colour, taken) >= _LEAST_DIFFERENCE:
        return colour
    return max((*_SPARE, colour), key=lambda one: _least(one, taken))


def _least(colour: str, taken: Sequence[str]) -> float:
    own = _lab(colour)
    return min(float(np.linalg.norm(own - _lab(other))) for other in taken)


def _lab(colour: str) -> NDArray[np.float64]:
    from skimage.color import rgb2lab

    rgb = np.array(rgba_of(colour)[:3])
    lab: NDArray[np.float64] = rgb2lab(rgb[None, None])[0, 0]
    return lab
