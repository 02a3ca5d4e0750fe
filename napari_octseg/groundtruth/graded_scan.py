"""A scan with the labels that people answer for: what is exported and trained on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

HUMAN = "human"
"""Origin of the columns that a person drew."""

STATES = ("unseen", "predicted", "corrected", "reviewed", "excluded")
"""Review states of a B-scan, by name."""

_NOBODY_S = ("unseen", "predicted")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, eq=False)
class Provenance:
    """How the labels of a scan came about.

    Parameters
    ----------
    states
        Review state of each B-scan, one of `STATES`.
    accepted
        Of each B-scan: whether a model's untouched output was accepted as it is.
    graders
        Who answers for each B-scan, by pseudonym; empty if nobody does.
    seconds
        Time spent on each B-scan.
    edit_um
        Mean distance in µm by which its boundaries were moved; None where unknown.
    origins
        (n_bscans, width) uint8: where each column comes from, as index into
        `origin_names`.
    origin_names
        `HUMAN`, propagated, or a model with its version.

    Raises
    ------
    LabelError
        If the number of B-scans differs, a state is unknown, or an origin has no name.
    """

    states: tuple[str, ...]
    accepted: tuple[bool, ...]
    graders: tuple[str, ...]
    seconds: tuple[float, ...]
    edit_um: tuple[float | None, ...]
    origins: NDArray[np.uint8]
    origin_names: tuple[str, ...]

    def __post_init__(self) -> None:
        columns = (self.accepted, self.graders, self.seconds, self.edit_um)
        if any(len(one) != len(self.states) for one in (*columns, self.origins)):
            raise LabelError("A provenance whose columns tell of unequal B-scans")
        unknown = sorted(set(self.states) - set(STATES))
        if unknown:
            raise LabelError(f"The review state {unknown[0]!r}", allowed=str(STATES))
        if self.origins.size and self.origins.max() >= len(self.origin_names):
            raise LabelError(
                f"The origin {self.origins.max()} has no name",
                allowed=f"0 to {len(self.origin_names) - 1}",
            )

    @property
    def human_columns(self) -> NDArray[np.bool_]:
        """(n_bscans, width): the columns that a person drew."""
        codes = [i for i, n in enumerate(self.origin_names) if n == HUMAN]
        return np.isin(self.origins, codes)


@dataclass(frozen=True, eq=False)
class GradedScan:
    """A scan and its ground truth, without anybody's identity.

    Parameters
    ----------
    name
        Of the scan: letters, digits and ``. _ -``.
    patient
        Pseudonym; scans of one patient have the same, and are on one side of a split.
    volume
        Pixels, unchanged and of native size, with spacing and eye.
    labels
        (n_bscans, depth, width) uint8, `IGNORE` where nobody answers for a pixel.
    label_set
        Classes of the labels.
    layers
        Names of the layers among them, top to bottom.
    boundaries
        Heights in px, NaN where nobody answers for them; None without layers.
    provenance
        How they came about; None for labels of others that do not tell.

    Raises
    ------
    LabelError
        If shapes contradict each other, a label has no class, a layer is none of the
        classes, or a name has other characters.
    """

    name: str
    patient: str
    volume: OCTVolume
    labels: NDArray[np.uint8]
    label_set: LabelSet
    layers: tuple[str, ...] = ()
    boundaries: Boundaries | None = None
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        for what, name in (("name", self.name), ("patient", self.patient)):
            if not _NAME.fullmatch(name):
                raise LabelError(
                    f"The {what} {name!r} of a graded scan",
                    allowed="letters, digits, '.', '_' and '-', the first a letter or "
                    "digit",
                )
        n_bscans, depth, width = self.volume.shape
        if self.labels.shape != (n_bscans, depth, width):
            raise LabelError(
                f"Labels of shape {self.labels.shape} for a scan of shape "
                f"{self.volume.shape}",
                allowed="equal shapes",
            )
        highest = int(self.labels[self.labels != IGNORE].max(initial=0))
        if self.labels.dtype != np.uint8 or highest >= len(self.label_set):
            raise LabelError(
                f"Labels of type {self.labels.dtype} up to {highest}",
                allowed=f"uint8, 0 to {len(self.label_set) - 1}, or {IGNORE}",
            )
        missing = [name for name in self.layers if name not in self.label_set.names]
        if missing:
            raise LabelError(
                f"The layer {missing[0]!r} is no class",
                allowed=", ".join(self.label_set.names),
            )
        heights = None if self.boundaries is None else self.boundaries.heights
        if heights is not None and heights.shape[1:] != (n_bscans, width):
            raise LabelError(
                f"Boundaries of shape {heights.shape} for a scan of shape "
                f"{self.volume.shape}",
                allowed=f"(n_boundaries, {n_bscans}, {width})",
            )
        origins = None if self.provenance is None else self.provenance.origins
        if origins is not None and origins.shape != (n_bscans, width):
            raise LabelError(
                f"Origins of shape {origins.shape}", allowed=f"({n_bscans}, {width})"
            )

    @property
    def graded_columns(self) -> NDArray[np.bool_]:
        """(n_bscans, width): columns of which at least one pixel is graded."""
        return np.asarray((self.labels != IGNORE).any(axis=1))

    @property
    def unanswered_bscans(self) -> tuple[int, ...]:
        """Graded B-scans that hold a machine's output which nobody accepted."""
        told = self.provenance
        if told is None:
            return ()
        return tuple(
            i
            for i in self.graded_bscans
            if told.states[i] in _NOBODY_S and not told.accepted[i]
        )

    @property
    def reviewed_bscans(self) -> tuple[int, ...]:
        """Graded B-scans that a person reviewed, rather than accepted as they are.

        In a correction, a column of these that is not graded was looked at too: nobody
        can see anything there.
        """
        told = self.provenance
        if told is None:
            return ()
        return tuple(
            i
            for i in self.graded_bscans
            if told.states[i] == "reviewed" and not told.accepted[i]
        )

    @property
    def graded_bscans(self) -> tuple[int, ...]:
        """B-scans that have graded columns."""
        return tuple(int(i) for i in np.flatnonzero(self.graded_columns.any(axis=1)))


def accepted_as_is(scan: GradedScan, grader: str) -> GradedScan:
    """The scan with a machine's output accepted as it is, which is recorded.

    Parameters
    ----------
    scan
        Its `unanswered_bscans` become reviewed, and are marked as accepted.
    grader
        Who accepts them, by pseudonym.
    """
    told, chosen = scan.provenance, set(scan.unanswered_bscans)
    if told is None or not chosen:
        return scan
    bscans = range(len(told.states))
    return replace(
        scan,
        provenance=replace(
            told,
            states=tuple("reviewed" if i in chosen else told.states[i] for i in bscans),
            accepted=tuple(i in chosen or told.accepted[i] for i in bscans),
            graders=tuple(grader if i in chosen else told.graders[i] for i in bscans),
        ),
    )
