"""A person's hand: it never hits exactly what the eye has chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

if TYPE_CHECKING:
    from numpy.typing import NDArray

ERROR_PX = 1.0
"""Standard deviation of a click along each axis, px of the B-scan."""

_STEADY_PX = 6.0


class Hand:
    """Clicks and strokes with a small random error.

    Parameters
    ----------
    seed
        Same seed, same errors in the same order.
    error_px
        Standard deviation along each axis.
    """

    def __init__(self, seed: int = 0, error_px: float = ERROR_PX) -> None:
        self._draws = np.random.default_rng(seed)
        self.error_px = error_px

    def click(self, row: float, column: float) -> tuple[float, float]:
        """Where a click at a place lands."""
        miss = self._draws.normal(0, self.error_px, 2)
        return float(row + miss[0]), float(column + miss[1])

    def along(self, n: int) -> NDArray[np.float32]:
        """Error across a stroke at each of its `n` pixels: it wavers, it never jumps.

        Returns
        -------
        (n,) float32, px, with the standard deviation of a click.
        """
        pad = int(4 * _STEADY_PX)
        raw = gaussian_filter1d(self._draws.normal(size=n + 2 * pad), _STEADY_PX)
        # A Gaussian of this width leaves white noise this standard deviation.
        raw *= np.sqrt(2 * np.sqrt(np.pi) * _STEADY_PX)
        return np.asarray(self.error_px * raw[pad : pad + n], np.float32)

    def stroke(self, path: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where a stroke runs that is meant to follow a path.

        Parameters
        ----------
        path
            (n, 2) float32, (row, column).
        """
        off = np.stack([self.along(len(path)), self.along(len(path))], axis=1)
        drawn: NDArray[np.float32] = path + off
        return drawn
