"""Review states in words and colours; what is known of the review of a B-scan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_octseg.editing.review import BscanReview, ReviewState, summary
from napari_octseg.widgets._layers import volume_of

if TYPE_CHECKING:
    from napari_octseg.editing.grading import Grading
    from napari_octseg.widgets._grading_view import GradingView

# Okabe and Ito's palette: distinguishable for every kind of colour vision.
STATE_COLOURS = {
    ReviewState.UNSEEN: "#8a8a8a",
    ReviewState.PREDICTED: "#56b4e9",
    ReviewState.CORRECTED: "#e69f00",
    ReviewState.REVIEWED: "#009e73",
    ReviewState.EXCLUDED: "#b0413e",
}
"""Colour ``#rrggbb`` of each review state."""

STATE_TEXTS = {
    ReviewState.UNSEEN: "no labels yet",
    ReviewState.PREDICTED: "not looked at yet",
    ReviewState.CORRECTED: "edited by hand, not finished",
    ReviewState.REVIEWED: "looked at and locked",
    ReviewState.EXCLUDED: "left out of the ground truth, locked",
}
"""What each review state means."""


def review_of(view: GradingView, grading: Grading, bscan: int) -> BscanReview:
    """What is known about the review of one B-scan.

    Parameters
    ----------
    view
        Shows `grading`; its scan knows the spacing, which may have been edited.
    grading
        The grading.
    bscan
        Index of the B-scan.
    """
    image = view.image_layer
    volume = grading.volume if image is None else volume_of(image)
    (row,) = summary(
        grading.states[bscan : bscan + 1],
        grading.predicted[:, bscan : bscan + 1],
        grading.heights[:, bscan : bscan + 1],
        axial_um=volume.spacing.axial,
        seconds={0: grading.journal.seconds().get(bscan, 0.0)},
        graders={0: _last_grader(grading, bscan)},
    )
    return replace(row, bscan=bscan)


def duration_text(seconds: float) -> str:
    """A time span in words, such as ``1 min 20 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def edit_text(review: BscanReview) -> str:
    """How far boundaries were moved, in µm, or in px if the spacing is unknown."""
    if review.edit_um is not None:
        return f"{review.edit_um:.1f} µm"
    if review.edit_px is not None:
        return f"{review.edit_px:.1f} px"
    return ""


def review_text(review: BscanReview) -> str:
    """All that is known about the review of one B-scan, in lines."""
    lines = [
        f"B-scan {review.bscan}: {review.state.name.lower()}",
        STATE_TEXTS[review.state],
    ]
    if review.grader:
        lines.append(f"by {review.grader}")
    if review.seconds >= 1:
        lines.append(f"time spent: {duration_text(review.seconds)}")
    edit = edit_text(review)
    if edit:
        lines.append(f"mean edit: {edit}")
    return "\n".join(lines)


def _last_grader(grading: Grading, bscan: int) -> str:
    done = [e for e in grading.journal.edits(bscan=bscan) if e.state == "done"]
    return done[-1].grader if done else ""
