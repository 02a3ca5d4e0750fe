"""What next: which B-scan is worth looking at first, and when to stop.

Pure uncertainty picks near duplicates, of which neighbouring B-scans are the extreme
case; therefore nearness to B-scans that are done counts against a B-scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.evidence import (
    HALF_DISTANCE,
    Evidence,
    distance_term,
    is_done,
    terms_of,
)
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "WEIGHTS",
    "Evidence",
    "Suggestion",
    "Weights",
    "expected_gain",
    "may_stop",
    "what_next",
]

_SPEAKS_FROM = 0.5
"""Size of a term, 0…1, from which it is named as a reason."""


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


@dataclass(frozen=True)
class Suggestion:
    """A B-scan to look at next: expected gain in 0…1, and why, in words."""

    bscan: int
    gain: float
    reasons: tuple[str, ...]


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
    weights
        As for `expected_gain`.

    Raises
    ------
    EditError
        If a weight is below 0, or all are 0.
    """
    done = is_done(evidence.states)
    candidates = [b for b, s in enumerate(evidence.states) if ReviewState(s).is_open]
    middle = (len(done) - 1) / 2
    anything_done = bool(done.any())
    suggestions: list[Suggestion] = []
    terms = terms_of(evidence, done=done)
    while candidates and len(suggestions) < n:
        terms["distance"] = distance_term(done, HALF_DISTANCE)
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
