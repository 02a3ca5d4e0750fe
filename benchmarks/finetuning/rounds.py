"""One patient after the other: a simulated grader corrects what a model says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.grading.brush_regions import TARGETS, dice
from benchmarks.grading.cost import KEY_S, MENTAL_S
from benchmarks.grading.hand import ERROR_PX, Hand
from benchmarks.grading.region_tools import correct_regions
from napari_octseg.editing.queue import Evidence, what_next
from napari_octseg.editing.review import ReviewState
from napari_octseg.editing.signal_quality import signal_quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.grading.brush_regions import Filled
    from benchmarks.grading.fluid_cases import FluidCase

    Mask = NDArray[np.bool_]

FLUID_ERROR_PX = ERROR_PX / 2
"""Fluid is corrected at twice the magnification of layers."""
_APART = 1000
_ACCEPT_S = MENTAL_S + KEY_S


@dataclass(frozen=True)
class Corrected:
    """A B-scan that is finished.

    Attributes
    ----------
    way, patient, bscan
        Whether models are fine-tuned between patients; whose B-scan it is; its name.
    model
        What had been said of it by.
    actions, seconds
        To the quality bar, the key that accepts it included; the mean over some hands,
        each as unsteady. One that never got there counts with all that was tried.
    actions_80
        To Dice 0.80.
    dice_before, dice
        What the model reached, and the first hand.
    """

    way: str
    patient: str
    bscan: str
    model: str
    actions: float
    seconds: float
    actions_80: float
    dice_before: float
    dice: float


def order_of(case: FluidCase) -> list[int]:
    """B-scans in the order in which the queue proposes them."""
    n = len(case.images)
    evidence = Evidence(
        states=np.full(n, ReviewState.PREDICTED, np.uint8),
        uncertainty=np.stack(case.uncertainty) if case.uncertainty else None,
        signal=np.array([signal_quality(image) for image in case.images], np.float32),
    )
    return [one.bscan for one in what_next(evidence, n=n)]


def correct_patient(
    case: FluidCase,
    names: Sequence[str],
    way: str,
    patient: str,
    model: str,
    *,
    n_hands: int = 1,
) -> tuple[list[Corrected], list[Mask]]:
    """Correct all B-scans of a patient, in the order of the queue.

    Parameters
    ----------
    case
        Images, truth, and what the model says.
    names
        Of its B-scans.
    way, patient, model
        For the figures.
    n_hands
        Correct each so many times, with other errors of the hand.

    Returns
    -------
    figures
        In the order in which they were corrected.
    masks
        What the first hand left, in the order of the case.
    """
    masks = [said.copy() for said in case.predicted]
    found = []
    for b in order_of(case):
        truth, said = case.truth[b], case.predicted[b]
        costs = [(0, 0.0, 0)] * n_hands
        if (truth | said).any():
            image, inside, begun = case.around(b)
            hands = [Hand(b + _APART * i, FLUID_ERROR_PX) for i in range(n_hands)]
            each = [correct_regions(image, inside, begun, hand) for hand in hands]
            masks[b] = _put_back(said, case.box(b), each[0].mask)
            costs = [_cost(done) for done in each]
        actions, seconds, early = np.mean(costs, axis=0).tolist()
        found.append(
            Corrected(
                way,
                patient,
                names[b],
                model,
                actions + 1,
                seconds + _ACCEPT_S,
                early + 1,
                dice(said, truth),
                dice(masks[b], truth),
            )
        )
    return found, masks


def _cost(done: Filled) -> tuple[int, float, int]:
    """Actions and seconds in all, and actions to the lower target."""
    actions, seconds = done.tally.actions, done.tally.seconds
    early, _ = done.at.get(TARGETS[0], (actions, seconds))
    return actions, seconds, early


def _put_back(whole: Mask, box: tuple[slice, ...], part: Mask) -> Mask:
    """What was corrected in a box, in the whole B-scan."""
    done = np.zeros_like(whole)
    done[box] = part
    return done


def running_total(rows: Sequence[Corrected]) -> list[float]:
    """Actions until each B-scan was finished, beginning with 0."""
    return [0, *np.cumsum([row.actions for row in rows]).tolist()]


def by_patient(rows: Sequence[Corrected]) -> dict[str, float]:
    """Actions for each patient, in the order in which they came."""
    totals: dict[str, float] = {}
    for row in rows:
        totals[row.patient] = totals.get(row.patient, 0) + row.actions
    return totals
