"""What can be propagated to and from a B-scan, and why the rest cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from napari_octseg.editing.nearness import falling
from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets._evidence import predictions_of
from napari_octseg.widgets._spread_memory import heights_before_correction

if TYPE_CHECKING:
    import napari
    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.engine.inference import Segmentation

_LEAST_WEIGHT = 0.1  # as in `propagate.spread`
_LEAST_EDIT_PX = 1e-3


def why_no_copy(grading: Grading, bscan: int) -> str:
    """Why the B-scan before cannot be copied; empty if it can."""
    if bscan == 0:
        return "There is no B-scan before the first one."
    if grading.states[bscan - 1] == ReviewState.UNSEEN:
        return f"B-scan {bscan - 1} has no labels to copy."
    return _why_locked(grading, bscan)


def why_no_interpolation(grading: Grading, bscan: int) -> str:
    """Why nothing can be interpolated around a B-scan; empty if it can."""
    if gap_around(grading.states, bscan) is None:
        return (
            "There is nothing to fill here: correct or review one B-scan before and "
            "one after."
        )
    return ""


def why_no_spread(grading: Grading, bscan: int) -> str:
    """Why there is no correction to spread from a B-scan; empty if there is."""
    if not grading.layers:
        return "These labels have no boundaries to spread."
    before = heights_before_correction(grading, bscan)
    if np.isnan(before).all():
        return (
            f"No model has run on B-scan {bscan}: there is nothing that its boundaries "
            "were moved from. Interpolate instead."
        )
    moved = np.abs(grading.heights[:, bscan] - before) > _LEAST_EDIT_PX
    if not (moved & _by_hand(grading, bscan)).any():
        return f"No boundary was newly corrected by hand on B-scan {bscan}."
    return ""


def why_no_resolve(grading: Grading, bscan: int, network: Segmentation | None) -> str:
    """Why the model cannot be held to the correction of a B-scan; empty if it can."""
    if not grading.layers:
        return "These labels have no boundaries to solve."
    if network is None:
        return (
            "No model of these layers has run on this scan since it was opened: run "
            "it in the Segment tab."
        )
    if not _by_hand(grading, bscan).any():
        return f"Nothing was corrected by hand on B-scan {bscan}."
    return _why_locked(grading, bscan)


def network_for(viewer: napari.Viewer, grading: Grading) -> Segmentation | None:
    """A model's answer to this scan, with these layers, that tells probabilities."""
    for result in predictions_of(viewer, grading.volume):
        boundaries = result.boundaries
        if (
            hasattr(result, "probabilities_of")
            and boundaries is not None
            and boundaries.names == grading.boundary_names
        ):
            return cast("Segmentation", result)
    return None


def gap_around(states: NDArray[np.uint8], bscan: int) -> tuple[int, int] | None:
    """The two nearest B-scans done by hand with something to fill between them.

    Parameters
    ----------
    states
        (n_bscans,) uint8, `ReviewState`.
    bscan
        A B-scan between them. If it is done by hand itself, it is the second of the
        two, or the first if there is nothing to fill before it.

    Returns
    -------
    Their indices; None if there are no such two.
    """
    done = [b for b, state in enumerate(states) if ReviewState(int(state)).by_hand]
    before = [b for b in done if b < bscan]
    after = [b for b in done if b > bscan]
    pairs = [(before[-1:], after[:1])]
    if bscan in done:
        pairs = [(before[-1:], [bscan]), ([bscan], after[:1])]
    for first, second in pairs:
        if first and second:
            between = states[first[0] + 1 : second[0]]
            if any(ReviewState(int(state)).is_open for state in between):
                return first[0], second[0]
    return None


def reached(grading: Grading, bscan: int, half_distance: float) -> list[int]:
    """Open B-scans that a correction reaches, the nearest first."""
    distances = np.abs(np.arange(len(grading.states)) - bscan).astype(np.float32)
    near = np.flatnonzero(falling(distances, half_distance) >= _LEAST_WEIGHT)
    chosen = [int(b) for b in near if b != bscan and is_open(grading, int(b))]
    return sorted(chosen, key=lambda b: abs(b - bscan))


def is_open(grading: Grading, bscan: int) -> bool:
    """Whether the labels of a B-scan may change."""
    return ReviewState(int(grading.states[bscan])).is_open


def _by_hand(grading: Grading, bscan: int) -> NDArray[np.bool_]:
    by_hand: NDArray[np.bool_] = grading.origins[bscan] == grading.origin_code("human")
    return by_hand


def _why_locked(grading: Grading, bscan: int) -> str:
    if is_open(grading, bscan):
        return ""
    state = ReviewState(int(grading.states[bscan])).name.lower()
    return f"B-scan {bscan} is {state} and therefore locked: reopen it first."
