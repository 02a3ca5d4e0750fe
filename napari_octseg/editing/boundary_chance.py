"""From class probabilities to where each boundary may lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WRONG_PX = 2.0
"""Wrong pixels more than at the best height at which a height costs 0.63."""


def boundary_costs(
    probabilities: NDArray[np.float32], layers: Sequence[int]
) -> NDArray[np.float32]:
    """Cost of each height of each boundary of a stack of layers.

    The cost grows with the number of pixels of a column that are expected to lie on the
    wrong side: what is above the boundary and belongs below it, and the reverse. This
    has one valley where a network is sure, and stays informative away from it.

    Parameters
    ----------
    probabilities
        (n_classes, depth, width) float32; class 0 is the background, which is vitreous
        above the middle of the tissue and what follows the last layer below it. Other
        classes than the layers (findings) tell nothing: they may lie on either side.
    layers
        Class index of each layer, top to bottom.

    Returns
    -------
    (len(layers) + 1, depth, width) float32 in 0…1, 0 at the best height of a column;
    row *r* stands for the height ``r - 0.5``.

    Raises
    ------
    EditError
        If there are no layers.
    """
    if not layers:
        raise EditError("No layers to find boundaries of", allowed="at least one layer")
    _, depth, width = probabilities.shape
    each = probabilities[list(layers)]
    tissue = each.sum(axis=0)
    row = np.arange(depth, dtype=np.float32)[:, None]
    amount = tissue.sum(axis=0)
    middle = (row * tissue).sum(axis=0) / np.maximum(amount, 1e-6)
    outside = np.where(row > middle, probabilities[0], np.float32(0))
    vitreous = probabilities[0] - outside
    costs = np.empty((len(layers) + 1, depth, width), np.float32)
    for k in range(len(layers) + 1):
        below = each[k:].sum(axis=0) + outside
        above = each[:k].sum(axis=0) + vitreous
        # One row less below the boundary: one more that should be above it.
        gained = np.cumsum(below - above, axis=0)
        wrong = np.concatenate([np.zeros((1, width), np.float32), gained[:-1]])
        wrong -= wrong.min(axis=0)
        costs[k] = -np.expm1(-wrong / np.float32(_WRONG_PX))
    return costs
