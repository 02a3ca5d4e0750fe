"""How fast the error of a volume falls, by which B-scan is corrected next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.queue import what_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.editing.queue import Evidence

N_RANDOM = 50


@dataclass(frozen=True, eq=False)
class Falling:
    """Mean error over the number of B-scans corrected, by order.

    Attributes
    ----------
    curves
        (n_bscans + 1,) float64 by ``"what next"``, ``"sequential"``, ``"random"`` (the
        mean of many) and ``"best"`` (largest error first, which nobody knows).
    """

    curves: dict[str, NDArray[np.float64]]

    def area(self, order: str) -> float:
        """Mean of the curve: the area under it, per B-scan."""
        return float(self.curves[order].mean())


def compare_orders(
    evidence: Evidence,
    before: Sequence[float],
    after: Sequence[float],
    *,
    seed: int = 0,
) -> Falling:
    """Correct all B-scans in several orders.

    Parameters
    ----------
    evidence
        What the queue knows.
    before, after
        Error of each B-scan as the model left it, and when it is corrected.
    seed
        Of the random orders.
    """
    n = len(before)
    old, new = np.asarray(before, float), np.asarray(after, float)
    suggested = [one.bscan for one in what_next(evidence, n=n)]
    draws = np.random.default_rng(seed)
    random = [_curve(draws.permutation(n), old, new) for _ in range(N_RANDOM)]
    return Falling(
        {
            "what next": _curve(suggested, old, new),
            "sequential": _curve(range(n), old, new),
            "random": np.mean(random, axis=0),
            "best": _curve(np.argsort(new - old), old, new),
        }
    )


def _curve(
    order: Sequence[int] | NDArray[np.intp] | range,
    before: NDArray[np.float64],
    after: NDArray[np.float64],
) -> NDArray[np.float64]:
    gains = (after - before)[np.asarray(order, np.intp)]
    each = np.concatenate([[0.0], np.cumsum(gains)]) / len(before)
    return np.asarray(before.mean() + each, np.float64)
