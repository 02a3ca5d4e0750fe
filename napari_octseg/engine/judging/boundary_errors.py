"""How far boundaries are from the truth, over all columns of all B-scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class BoundaryError:
    """Distance of one boundary from the truth.

    `mae` is the mean and `p95` the 95th percentile of the absolute error; `bias` is the
    mean signed error, positive where the boundary was found too deep.
    """

    mae: float
    p95: float
    bias: float


class BoundaryErrors:
    """Signed height differences of a stack of boundaries, over many B-scans."""

    def __init__(self, n_boundaries: int) -> None:
        self._px: list[list[NDArray[np.float32]]] = [[] for _ in range(n_boundaries)]
        self._um: list[list[NDArray[np.float32]]] = [[] for _ in range(n_boundaries)]
        self._n_true = [0] * n_boundaries
        self._is_spaced = True

    def add(
        self,
        predicted: NDArray[np.float32],
        true: NDArray[np.float32],
        axial_um: float | None,
    ) -> None:
        """Add a B-scan; columns where either side is NaN have no error.

        Parameters
        ----------
        predicted, true
            (n_boundaries, …) float32, px from the top.
        axial_um
            µm per px, or None where it is unknown.
        """
        for k in range(len(self._px)):
            difference = np.asarray(predicted[k] - true[k], np.float32).ravel()
            difference = difference[np.isfinite(difference)]
            self._n_true[k] += int(np.isfinite(true[k]).sum())
            self._px[k].append(difference)
            self._um[k].append(difference * np.float32(axial_um or np.nan))
        self._is_spaced &= axial_um is not None

    def in_px(self) -> list[BoundaryError | None]:
        """Error of each boundary in px; None if no column has it on both sides."""
        return [_error(parts) for parts in self._px]

    def in_um(self) -> list[BoundaryError | None]:
        """Error of each boundary in µm; None if a B-scan has unknown spacing."""
        if not self._is_spaced:
            return [None] * len(self._um)
        return [_error(parts) for parts in self._um]

    def judged(self) -> list[float | None]:
        """Share of the truth's columns that have an error, 0…1, of each boundary.

        Elsewhere the boundary was not found, which no error tells of. None if the truth
        has the boundary nowhere.
        """
        return [
            sum(part.size for part in parts) / n if n else None
            for parts, n in zip(self._px, self._n_true, strict=True)
        ]


def _error(parts: list[NDArray[np.float32]]) -> BoundaryError | None:
    signed = np.concatenate([np.zeros(0, np.float32), *parts]).astype(float)
    if not signed.size:
        return None
    far = np.abs(signed)
    return BoundaryError(
        float(far.mean()), float(np.percentile(far, 95)), float(signed.mean())
    )
