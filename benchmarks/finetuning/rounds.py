"""One eye after the other: a simulated grader corrects the layers that a model says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.grading.boundary_tools import correct_layers
from benchmarks.grading.cost import KEY_S, MENTAL_S
from benchmarks.grading.hand import Hand
from benchmarks.grading.layer_cases import error_px
from benchmarks.grading.sight import Sight
from napari_octseg.editing.queue import Evidence, what_next
from napari_octseg.editing.review import ReviewState
from napari_octseg.editing.signal_quality import signal_quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Heights = NDArray[np.float32]

_APART = 1000
_ACCEPT_S = MENTAL_S + KEY_S


@dataclass(frozen=True, eq=False)
class Eye:
    """A B-scan with layers, and what a model says of it.

    Attributes
    ----------
    name
        Of the B-scan.
    image
        (depth, width) float32 in 0…1, as shown.
    boundaries
        Names, top to bottom.
    truth, predicted
        (n_boundaries, width) float32, px from the top, NaN absent.
    uncertainty
        (width,) in 0…1.
    """

    name: str
    image: NDArray[np.float32]
    boundaries: tuple[str, ...]
    truth: Heights
    predicted: Heights
    uncertainty: NDArray[np.float32]


@dataclass(frozen=True)
class Corrected:
    """A B-scan that is finished.

    Attributes
    ----------
    way, group, bscan
        Whether models are fine-tuned between groups; its group; its name.
    model
        What had been said of it by.
    actions, seconds
        To the quality bar, the key that accepts it included; the mean over some hands,
        each as unsteady. One that never got there counts with all that was tried.
    before_px, after_px
        Mean boundary error of the model, and of what the first hand left.
    """

    way: str
    group: str
    bscan: str
    model: str
    actions: float
    seconds: float
    before_px: float
    after_px: float


def order_of(eyes: Sequence[Eye]) -> list[int]:
    """B-scans in the order in which the queue proposes them."""
    n = len(eyes)
    # Images differ in width: each B-scan has the mean of its columns.
    unsure = np.array([[eye.uncertainty.mean()] for eye in eyes], np.float32)
    evidence = Evidence(
        states=np.full(n, ReviewState.PREDICTED, np.uint8),
        uncertainty=unsure,
        signal=np.array([signal_quality(eye.image) for eye in eyes], np.float32),
    )
    return [one.bscan for one in what_next(evidence, n=n)]


def correct_group(
    eyes: Sequence[Eye], way: str, group: str, model: str, *, n_hands: int = 1
) -> tuple[list[Corrected], dict[str, Heights]]:
    """Correct all B-scans of a group, in the order of the queue.

    Parameters
    ----------
    eyes
        B-scans, truth, and what the model says.
    way, group, model
        For the figures.
    n_hands
        Correct each so many times, with other errors of the hand.

    Returns
    -------
    figures
        In the order in which they were corrected.
    heights
        What the first hand left, by name of the B-scan.
    """
    found, left = [], {}
    for b in order_of(eyes):
        eye = eyes[b]
        sight = Sight(eye.image, eye.boundaries)
        each = [
            correct_layers(sight, eye.truth, eye.predicted, Hand(b + _APART * i))
            for i in range(n_hands)
        ]
        left[eye.name] = each[0].heights
        found.append(
            Corrected(
                way,
                group,
                eye.name,
                model,
                float(np.mean([one.tally.actions for one in each])) + 1,
                float(np.mean([one.tally.seconds for one in each])) + _ACCEPT_S,
                error_px(eye.predicted, eye.truth),
                each[0].error_px,
            )
        )
    return found, left


def running_total(rows: Sequence[Corrected]) -> list[float]:
    """Actions until each B-scan was finished, beginning with 0."""
    return [0, *np.cumsum([row.actions for row in rows]).tolist()]


def by_group(rows: Sequence[Corrected]) -> dict[str, float]:
    """Actions for each group, in the order in which they came."""
    totals: dict[str, float] = {}
    for row in rows:
        totals[row.group] = totals.get(row.group, 0) + row.actions
    return totals
