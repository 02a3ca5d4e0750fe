"""What speaks for looking at a B-scan, brought to one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.nearness import distance_to, falling
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF_DISTANCE = 4.0
"""B-scans from one that is done to where its nearness counts half."""

_LOW, _HIGH = 10.0, 90.0
"""Percentiles of a volume between which a term rises from 0 to a half."""

# Smallest range that is worth telling apart: less is noise, not a ranking. The signal
# is compared in octaves.
_LEAST_RANGE = {"uncertainty": 0.02, "disagreement": 0.02, "signal": 0.25}
_LEAST_SIGNAL = 0.1
_LEAST_VIOLATIONS = 2


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of each B-scan; None where nothing is.

    Attributes
    ----------
    states
        (n_bscans,) uint8, `ReviewState`.
    uncertainty
        (n_bscans, width) float32 in 0…1, of the model; NaN where it has not run.
    disagreement
        (n_bscans,) float32 in 0…1: share of pixels that two models label otherwise.
    n_violations
        (n_bscans,) int: columns or places where layers are out of order.
    signal
        (n_bscans,) float32, `signal_quality.signal_quality`.

    Raises
    ------
    EditError
        If they do not have the same number of B-scans.
    """

    states: NDArray[np.uint8]
    uncertainty: NDArray[np.float32] | None = None
    disagreement: NDArray[np.float32] | None = None
    n_violations: NDArray[np.integer] | None = None
    signal: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for name in ("uncertainty", "disagreement", "n_violations", "signal"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.states):
                raise EditError(
                    f"{name} of {len(values)} B-scans",
                    allowed=f"{len(self.states)} B-scans, as there are states",
                )


def terms_of(
    evidence: Evidence,
    *,
    done: NDArray[np.bool_] | None = None,
    half_distance: float = HALF_DISTANCE,
) -> dict[str, NDArray[np.float32]]:
    """Each term of the gain, brought to 0…1 within this volume.

    Uncertainty (mean over columns), disagreement and missing signal (its logarithm) are
    0 up to the 10th percentile of the volume, a half at the 90th, and come near 1
    beyond: one B-scan that stands out neither hides nor equals the others. A range too
    small to mean anything is widened. The number of violations counts by its logarithm,
    from 0. Distance is 1 minus a weight that halves every `half_distance` B-scans from
    the nearest one that is done.

    Parameters
    ----------
    evidence
        What is known. A B-scan of which one thing is unknown (NaN) gets 0 for it. Of
        one that a person has corrected only violations count: what a model doubts says
        nothing of a person's labels.
    done
        (n_bscans,) bool; by default those that are corrected or reviewed.
    half_distance
        B-scans, above 0.

    Returns
    -------
    (n_bscans,) float32 in 0…1 by the names of `queue.Weights`, without what is not
    known of any B-scan.
    """
    found: dict[str, NDArray[np.float32]] = {}
    if evidence.uncertainty is not None:
        unsure = _column_mean(evidence.uncertainty)
        found["uncertainty"] = _between(unsure, _LEAST_RANGE["uncertainty"])
    if evidence.disagreement is not None:
        apart = np.asarray(evidence.disagreement, np.float32)
        found["disagreement"] = _between(apart, _LEAST_RANGE["disagreement"])
    if evidence.n_violations is not None:
        found["violations"] = _counted(evidence.n_violations)
    if evidence.signal is not None:
        missing = -np.log2(np.maximum(evidence.signal, np.float32(_LEAST_SIGNAL)))
        found["signal"] = _between(missing, _LEAST_RANGE["signal"])
    by_hand = is_done(evidence.states)
    for name in ("uncertainty", "disagreement", "signal"):
        if name in found:
            found[name][by_hand] = 0
    done = by_hand if done is None else done
    found["distance"] = distance_term(done, half_distance)
    return found


def distance_term(done: NDArray[np.bool_], half_distance: float) -> NDArray[np.float32]:
    """1 minus the nearness to what is done, (n_bscans,) float32; 1 if nothing is."""
    return 1 - falling(distance_to(done), half_distance)


def is_done(states: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which B-scans a person has corrected or reviewed, (n_bscans,) bool."""
    return np.array([ReviewState(int(s)).by_hand for s in states], np.bool_)


def _column_mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.isfinite(values)
    n_known = known.sum(axis=1)
    total = np.where(known, values, 0).sum(axis=1, dtype=np.float64)
    mean = np.full(len(values), np.nan)
    np.divide(total, n_known, out=mean, where=n_known > 0)
    return mean.astype(np.float32)


def _between(values: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return np.zeros(len(values), np.float32)
    low, high = np.percentile(known, (_LOW, _HIGH))
    size = np.nan_to_num(np.maximum(values - low, 0))
    return np.asarray(size / (size + max(high - low, least)), np.float32)


def _counted(counts: NDArray[np.integer]) -> NDArray[np.float32]:
    size = np.log1p(counts)
    many = float(np.percentile(size, _HIGH)) if len(size) else 0.0
    return np.asarray(
        size / (size + max(many, np.log1p(_LEAST_VIOLATIONS))), np.float32
    )
