"""What next: which B-scan is worth looking at first, and when to stop.

Pure uncertainty picks near duplicates, of which neighbouring B-scans are the extreme
case; therefore nearness to B-scans that are done counts against a B-scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.nearness import distance_to, falling
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

HALF_DISTANCE = 4.0
"""B-scans from one that is done to where its nearness counts half."""

_LOW, _HIGH = 10.0, 90.0
"""Percentiles of a volume between which a term rises from 0 to a half."""

_SPEAKS_FROM = 0.5
"""Size of a term, 0…1, from which it is named as a reason."""

# Smallest range that is worth telling apart: less is noise, not a ranking. The signal
# is compared in octaves.
_LEAST_RANGE = {"uncertainty": 0.02, "disagreement": 0.02, "signal": 0.25}
_LEAST_SIGNAL = 0.1
_LEAST_VIOLATIONS = 2


@dataclass(frozen=True)
class Weights:
    """How much each term counts; each term itself is in 0…1.

    Attributes
    ----------
    uncertainty
        The model is unsure: the best single sign of an error.
    disagreement
        Two models disagree: they err together less often than each alone.
    violations
        Layers are out of order: certainly an error, though often a small one.
    signal
        The signal is low: models fail there, and so do graders.
    distance
        Nothing near has been done: what was learned nearby does not help here.
    """

    uncertainty: float = 1.0
    disagreement: float = 1.0
    violations: float = 0.75
    signal: float = 0.25
    distance: float = 0.75


WEIGHTS = Weights()

_WORDS = {
    "violations": "layers cross",
    "uncertainty": "the model is unsure",
    "disagreement": "models disagree",
    "signal": "low signal",
    "distance": "far from reviewed B-scans",
}


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


@dataclass(frozen=True)
class Suggestion:
    """A B-scan to look at next: expected gain in 0…1, and why, in words."""

    bscan: int
    gain: float
    reasons: tuple[str, ...]


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
    (n_bscans,) float32 in 0…1 by the names of `Weights`, without what is not known of
    any B-scan.
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
    by_hand = _is_done(evidence.states)
    for name in ("uncertainty", "disagreement", "signal"):
        if name in found:
            found[name][by_hand] = 0
    done = by_hand if done is None else done
    found["distance"] = 1 - falling(distance_to(done), half_distance)
    return found


def expected_gain(
    evidence: Evidence,
    *,
    weights: Weights = WEIGHTS,
    done: NDArray[np.bool_] | None = None,
    half_distance: float = HALF_DISTANCE,
) -> NDArray[np.float32]:
    """What looking at each B-scan is worth: the weighted mean of its terms.

    Parameters are those of `terms_of`, and the weights.

    Returns
    -------
    (n_bscans,) float32 in 0…1. It never falls when a B-scan becomes less certain, more
    disputed, more disordered, darker, or farther from what is done.

    Raises
    ------
    EditError
        If a weight is below 0, or all are 0.
    """
    terms = terms_of(evidence, done=done, half_distance=half_distance)
    return _weighted(terms, weights)


def what_next(
    evidence: Evidence,
    *,
    n: int = 10,
    weights: Weights = WEIGHTS,
    half_distance: float = HALF_DISTANCE,
) -> list[Suggestion]:
    """The B-scans to look at next, the most worthwhile first.

    Each suggestion counts as done for those after it, so that they do not crowd in one
    place. Equal gains begin in the middle of the volume, where the fovea is. Reviewed
    and excluded B-scans are never suggested.

    Parameters
    ----------
    evidence
        What is known.
    n
        How many at most.
    weights, half_distance
        As for `expected_gain`.

    Raises
    ------
    EditError
        If a weight is below 0, or all are 0.
    """
    done = _is_done(evidence.states)
    candidates = [b for b, s in enumerate(evidence.states) if ReviewState(s).is_open]
    middle = (len(done) - 1) / 2
    anything_done = bool(done.any())
    suggestions: list[Suggestion] = []
    terms = terms_of(evidence, done=done, half_distance=half_distance)
    while candidates and len(suggestions) < n:
        terms["distance"] = 1 - falling(distance_to(done), half_distance)
        gain = _weighted(terms, weights)
        best = max(candidates, key=lambda b: (gain[b], -abs(b - middle)))
        own = {name: float(values[best]) for name, values in terms.items()}
        if not anything_done:
            del own["distance"]
        suggestions.append(Suggestion(best, float(gain[best]), _reasons(own, weights)))
        candidates.remove(best)
        done[best] = True
    return suggestions


def may_stop(
    recent_edits_px: Sequence[float], *, n_least: int = 10, below_px: float = 1.0
) -> bool:
    """Whether the last reviews changed so little that the rest may be left.

    Parameters
    ----------
    recent_edits_px
        Mean edit of each reviewed B-scan, px, oldest first (`review.mean_edit_px`).
        NaN, where there was nothing to compare with, is no sign that all is well.
    n_least
        How many of the last ones have to be small, at least 1.
    below_px
        What is small.

    Raises
    ------
    EditError
        If `n_least` is below 1.
    """
    if n_least < 1:
        raise EditError(f"The last {n_least} B-scans", allowed="at least 1")
    last = np.asarray(recent_edits_px[-n_least:], np.float64)
    return len(last) == n_least and bool((last < below_px).all())


def _is_done(states: NDArray[np.uint8]) -> NDArray[np.bool_]:
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


def _weighted(
    terms: Mapping[str, NDArray[np.float32]], weights: Weights
) -> NDArray[np.float32]:
    each = {name: float(getattr(weights, name)) for name in terms}
    total = sum(each.values())
    if min(each.values()) < 0 or total <= 0:
        raise EditError(f"The weights {weights}", allowed="0 and more, not all 0")
    gain = sum(values * (each[name] / total) for name, values in terms.items())
    return np.asarray(gain, np.float32)


def _reasons(own: Mapping[str, float], weights: Weights) -> tuple[str, ...]:
    """The terms that speak for a B-scan, the weightiest first."""
    part = {name: getattr(weights, name) * size for name, size in own.items()}
    speaking = [
        name
        for name, size in own.items()
        if part[name] > 0 and (size >= _SPEAKS_FROM or name == "violations")
    ]
    return tuple(_WORDS[name] for name in sorted(speaking, key=lambda n: -part[n]))
