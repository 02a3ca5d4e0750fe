"""How far a B-scan has come: its review state, what was changed, in what time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class ReviewState(IntEnum):
    """State of one B-scan, as `Grading.states` holds it."""

    UNSEEN = 0
    PREDICTED = 1
    CORRECTED = 2
    REVIEWED = 3
    EXCLUDED = 4

    @property
    def is_open(self) -> bool:
        """Whether its labels may change: it is neither reviewed nor excluded."""
        return self not in (ReviewState.REVIEWED, ReviewState.EXCLUDED)

    @property
    def by_hand(self) -> bool:
        """Whether a person answers for its labels: no model may replace them."""
        return self in (ReviewState.CORRECTED, ReviewState.REVIEWED)


ACCEPT_AS_IS = "accept as is"
"""What the journal calls a review of labels that nobody has changed."""

REVIEWS = (ReviewState.REVIEWED.name.lower(), ACCEPT_AS_IS)
"""What the journal calls the two ways in which a B-scan becomes reviewed."""


def after_edit(state: int) -> ReviewState:
    """State of a B-scan after a person has edited it: corrected.

    Raises
    ------
    EditError
        If it is reviewed or excluded.
    """
    _check_open(state, "edited")
    return ReviewState.CORRECTED


def after_model(state: int) -> ReviewState:
    """State after a model, or a propagation, has written to a B-scan.

    A corrected B-scan stays one: a person's columns are still among its columns.

    Raises
    ------
    EditError
        If it is reviewed or excluded.
    """
    _check_open(state, "overwritten")
    return max(ReviewState(state), ReviewState.PREDICTED)


def after_review_key(state: int, *, edited: bool, predicted: bool) -> ReviewState:
    """State after the key *mark reviewed*: reviewed, or open again if it was.

    Parameters
    ----------
    state
        State so far. A B-scan that nobody has seen may be reviewed as it is: what is
        empty can be right.
    edited
        Whether a person has changed this B-scan; decides where it falls back to.
    predicted
        Whether a model has written to it.

    Raises
    ------
    EditError
        If it is excluded.
    """
    if state == ReviewState.EXCLUDED:
        raise EditError(
            "This B-scan is excluded and cannot be marked as reviewed",
            todo="include it again first",
        )
    if state == ReviewState.REVIEWED:
        return _reopened(edited, predicted)
    return ReviewState.REVIEWED


def after_exclude_key(state: int, *, edited: bool, predicted: bool) -> ReviewState:
    """State after the key *exclude*: excluded, or open again if it was.

    Parameters are those of `after_review_key`.

    Raises
    ------
    EditError
        If it is reviewed.
    """
    if state == ReviewState.REVIEWED:
        raise EditError(
            "This B-scan is reviewed and cannot be excluded",
            todo="take back the mark 'reviewed' first",
        )
    if state == ReviewState.EXCLUDED:
        return _reopened(edited, predicted)
    return ReviewState.EXCLUDED


def mean_edit_px(
    predicted: NDArray[np.float32], heights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How far the boundaries of each B-scan were moved from what a model said.

    Parameters
    ----------
    predicted, heights
        (n_boundaries, n_bscans, width) float32, px from the top, NaN absent.

    Returns
    -------
    (n_bscans,) float32, px: mean absolute distance over boundaries and columns that
    both have; NaN where there are none.
    """
    both = np.isfinite(predicted) & np.isfinite(heights)
    distance = np.abs(heights - predicted, where=both, out=np.zeros_like(heights))
    n_compared = both.sum(axis=(0, 2))
    total = distance.sum(axis=(0, 2), dtype=np.float64)
    mean = np.full(len(n_compared), np.nan, np.float64)
    np.divide(total, n_compared, out=mean, where=n_compared > 0)
    return mean.astype(np.float32)


@dataclass(frozen=True)
class BscanReview:
    """One row of the table of a review.

    Attributes
    ----------
    bscan
        Index of the B-scan.
    state
        Its review state.
    grader
        Who edited or reviewed it last; empty if nobody.
    seconds
        Time spent on it.
    edit_px
        `mean_edit_px`; None where no model was corrected.
    edit_um
        The same in µm; None where the axial spacing is unknown.
    """

    bscan: int
    state: ReviewState
    grader: str
    seconds: float
    edit_px: float | None
    edit_um: float | None


def summary(
    states: NDArray[np.uint8],
    predicted: NDArray[np.float32],
    heights: NDArray[np.float32],
    *,
    axial_um: float | None,
    seconds: Mapping[int, float],
    graders: Mapping[int, str],
) -> list[BscanReview]:
    """The table of a review, one row per B-scan.

    Parameters
    ----------
    states
        (n_bscans,) uint8, `ReviewState`.
    predicted, heights
        (n_boundaries, n_bscans, width) float32, px from the top.
    axial_um
        Size of a pixel along depth, None if unknown.
    seconds
        Time spent per B-scan; B-scans that are not in it took none.
    graders
        Last grader per B-scan.
    """
    edits = mean_edit_px(predicted, heights)
    rows = []
    for bscan, state in enumerate(states):
        compared = bool(np.isfinite(edits[bscan]))
        edit = float(edits[bscan]) if compared else None
        in_um = edit * axial_um if edit is not None and axial_um is not None else None
        rows.append(
            BscanReview(
                bscan,
                ReviewState(int(state)),
                graders.get(bscan, ""),
                float(seconds.get(bscan, 0.0)),
                edit,
                in_um,
            )
        )
    return rows


def count_states(states: Sequence[int] | NDArray[np.uint8]) -> dict[ReviewState, int]:
    """Number of B-scans in each state; states that no B-scan has count 0."""
    found = np.bincount(np.asarray(states, np.uint8), minlength=len(ReviewState))
    return {state: int(found[state]) for state in ReviewState}


def _check_open(state: int, what: str) -> None:
    if not ReviewState(state).is_open:
        name = ReviewState(state).name.lower()
        raise EditError(
            f"This B-scan is {name} and cannot be {what}",
            todo=f"take back the mark {name!r} first",
        )


def _reopened(edited: bool, predicted: bool) -> ReviewState:
    if edited:
        return ReviewState.CORRECTED
    return ReviewState.PREDICTED if predicted else ReviewState.UNSEEN
