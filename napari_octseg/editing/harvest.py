"""What of a grading is ground truth: only what a person answers for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import Boundaries
from napari_octseg.editing.review import (
    ACCEPT_AS_IS,
    REVIEWS,
    ReviewState,
    summary,
)
from napari_octseg.groundtruth.graded_scan import HUMAN, GradedScan, Provenance
from napari_octseg.groundtruth.pseudonyms import grader_pseudonym, pseudonym_of
from napari_octseg.groundtruth.volume_facts import anonymous
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.volume import OCTVolume

_NOBODY = "nobody"
_NOT_ACCEPTED = "reviewed, but nobody drew in it or accepted it as it is"
_NOT_DRAWN = "corrected, but no column is drawn by hand"
_ALL_HIDDEN = "nobody can see anything in it, or nothing is drawn"


@dataclass(frozen=True, eq=False)
class Harvest:
    """Which part of a grading is ground truth.

    Attributes
    ----------
    columns
        (n_bscans, width): columns of human origin in corrected B-scans, all columns of
        reviewed ones; none in which nothing is graded.
    accepted
        Of each B-scan: whether it is a model's output that was accepted as it is.
    left_out
        B-scans of which nothing counts although they are corrected or reviewed, and
        why, in words.
    """

    columns: NDArray[np.bool_]
    accepted: tuple[bool, ...]
    left_out: dict[int, str]

    @property
    def bscans(self) -> tuple[int, ...]:
        """B-scans that are ground truth, wholly or in part."""
        return tuple(int(i) for i in np.flatnonzero(self.columns.any(axis=1)))


def harvest(grading: Grading) -> Harvest:
    """Find what counts; nothing is changed.

    A reviewed B-scan in which no column is of human origin counts only where the review
    was an "accept as is", or where neither a model nor a propagation wrote to it:
    what is empty can be right.

    Raises
    ------
    JournalError
        If the journal cannot be read.
    """
    names = np.array(grading.origin_names)
    human = names[grading.origins] == HUMAN
    untouched = (names[grading.origins] == _NOBODY).all(axis=1)
    as_is = _accepted_as_is(grading)
    columns = np.zeros(grading.origins.shape, np.bool_)
    accepted, left_out = [False] * len(columns), {}
    for bscan, state in enumerate(grading.states):
        is_human = bool(human[bscan].any())
        if state == ReviewState.CORRECTED:
            columns[bscan] = human[bscan]
            if not is_human:
                left_out[bscan] = _NOT_DRAWN
        elif state == ReviewState.REVIEWED:
            counts = is_human or bscan in as_is or untouched[bscan]
            columns[bscan] = counts
            accepted[bscan] = bscan in as_is
            if not counts:
                left_out[bscan] = _NOT_ACCEPTED
        if columns[bscan].any():
            drawn = _drawn(grading.labels[bscan], grading.heights[:, bscan])
            columns[bscan] &= (drawn != IGNORE).any(axis=0)
            if not columns[bscan].any():
                accepted[bscan], left_out[bscan] = False, _ALL_HIDDEN
    return Harvest(columns, tuple(accepted), left_out)


def graded_scan(
    grading: Grading, *, patient: str, name: str, volume: OCTVolume | None = None
) -> GradedScan:
    """The ground truth of a grading, without anybody's identity.

    Labels are `IGNORE` and boundaries NaN wherever nobody answers for them: in columns
    that do not count (`harvest`), in those where nobody can see anything, and, in label
    sets with layers, on the background of columns without any boundary.

    Parameters
    ----------
    grading
        No edit may be under way.
    patient
        Whatever tells the patient from others, or a pseudonym; only the pseudonym is in
        the scan.
    name
        Of the scan; that of a file may tell the patient's name, `scan_name` does not.
    volume
        The scan with the spacing that is right; that of the grading by default.

    Raises
    ------
    EditError
        If an edit is under way.
    JournalError
        If edits are not in the journal yet, and it cannot be written.
    LabelError
        If there is no patient, or the name has other characters.
    """
    return gathered(grading, patient=patient, name=name, volume=volume)()


def gathered(
    grading: Grading, *, patient: str, name: str, volume: OCTVolume | None = None
) -> Callable[[], GradedScan]:
    """A function that gives the `graded_scan` of a grading as it is at this moment.

    What has to be asked now is asked now, which is quick; the function may be called in
    another thread, while the grading is edited. Parameters and errors are those of
    `graded_scan`.
    """
    grading.check_at_rest()
    grading.flush()
    found = harvest(grading)
    volume = grading.volume if volume is None else volume
    provenance = _provenance(grading, found, volume.spacing.axial)
    pseudonym = pseudonym_of(patient)
    label_set, names = grading.label_set, grading.boundary_names
    layers = tuple(label_set.names[i] for i in grading.layers)
    labels, heights = grading.labels.copy(), grading.heights.copy()

    def build() -> GradedScan:
        for bscan, columns in enumerate(found.columns):
            if columns.any():
                labels[bscan] = _drawn(labels[bscan], heights[:, bscan])
            np.copyto(labels[bscan], IGNORE, where=~columns)
        heights[:, ~found.columns] = np.nan
        return GradedScan(
            name=name,
            patient=pseudonym,
            volume=anonymous(volume),
            labels=labels,
            label_set=label_set,
            layers=layers,
            boundaries=Boundaries(names, heights) if names else None,
            provenance=provenance,
        )

    return build


def _drawn(
    labels: NDArray[np.uint8], heights: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Labels (depth, width) of a B-scan, with what is not said as `IGNORE`.

    Parameters
    ----------
    labels
        (depth, width) uint8.
    heights
        (n_boundaries, width) float32; no boundaries where there are no layers.
    """
    drawn = labels.copy()
    if len(heights):
        # Background is what lies above and below the layers; where nobody said where
        # these are, it is nothing.
        bare = np.isnan(heights).all(axis=0)
        drawn[(drawn == 0) & bare] = IGNORE
    return drawn


def _accepted_as_is(grading: Grading) -> set[int]:
    """B-scans whose last review in force was an "accept as is"."""
    last = {
        bscan: edit.tool
        for edit in grading.journal.edits(tools=REVIEWS)
        if edit.state == "done"
        for bscan in edit.bscans
    }
    return {bscan for bscan, tool in last.items() if tool == ACCEPT_AS_IS}


def _provenance(grading: Grading, found: Harvest, axial_um: float | None) -> Provenance:
    last = {
        bscan: edit.grader
        for edit in grading.journal.edits()
        if edit.state == "done"
        for bscan in edit.bscans
    }
    truth = set(found.bscans)
    pseudonyms = {one: grader_pseudonym(one) for one in {*last.values()}}
    rows = summary(
        grading.states,
        grading.predicted,
        grading.heights,
        axial_um=axial_um,
        seconds=grading.journal.seconds(),
        graders={b: pseudonyms[one] for b, one in last.items() if b in truth},
    )
    return Provenance(
        states=tuple(row.state.name.lower() for row in rows),
        accepted=found.accepted,
        graders=tuple(row.grader for row in rows),
        seconds=tuple(row.seconds for row in rows),
        edit_um=tuple(row.edit_um for row in rows),
        origins=grading.origins.copy(),
        origin_names=tuple(grading.origin_names),
    )
