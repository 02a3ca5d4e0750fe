"""What a new version keeps of the one before: nothing a person made drops out unasked.

Another grader, another computer or a file of others often knows only a part of what is
graded in a scan. Columns that only the version before has are carried over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import Boundaries
from napari_octseg.groundtruth.graded_scan import GradedScan, Provenance
from napari_octseg.groundtruth.versions import Kept
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

_NOT_TOLD = "not told"
_REVIEWED, _CORRECTED, _UNSEEN = "reviewed", "corrected", "unseen"


def carried_over(
    scan: GradedScan,
    before: GradedScan,
    number: int,
    *,
    whole: Collection[int] = (),
    untold: Collection[str] = (),
) -> tuple[GradedScan, Kept | None]:
    """A scan with the columns that only the version before has.

    What both grade is taken from the new one. A B-scan that only the old one has comes
    with its whole row of provenance; one that both have a part of is corrected, unless
    both reviewed it, and both graders answer for it.

    Parameters
    ----------
    scan
        The new labels.
    before
        The version before: same pixels, classes and layers.
    number
        Of that version.
    whole
        B-scans of which the new labels answer for every column, also for those that
        they leave ungraded: nobody can see anything there.
    untold
        Classes that the new labels cannot tell. What the version before says of them
        stays; so does its background where the new labels say nothing.

    Returns
    -------
    The scan itself and None where nothing is carried over.
    """
    mine, theirs = scan.graded_columns, before.graded_columns
    columns = theirs & ~mine
    answered = [bscan for bscan in whole if mine[bscan].any()]
    columns[answered] = False
    labels = np.where(columns[:, None], before.labels, scan.labels)
    if untold:
        stays = _untold_pixels(scan, before, untold) & (mine & theirs)[:, None]
        labels = np.where(stays, before.labels, labels)
    bscans = np.flatnonzero((labels != scan.labels).any(axis=(1, 2)))
    if not len(bscans):
        return scan, None
    is_alone = np.asarray(~mine.any(axis=1))
    alone = tuple(int(b) for b in bscans if is_alone[b])
    mixed = tuple(int(b) for b in bscans if not is_alone[b])
    taken = columns.copy()
    taken[list(alone)] = True
    whole_scan = replace(
        scan,
        labels=labels,
        boundaries=_boundaries(scan, before, taken),
        provenance=_provenance(scan, before, taken, alone, mixed),
    )
    return whole_scan, Kept(number, alone, mixed)


def _untold_pixels(
    scan: GradedScan, before: GradedScan, untold: Collection[str]
) -> NDArray[np.bool_]:
    """Pixels of which the new labels cannot say that the old ones are wrong."""
    codes = [scan.label_set.index(name) for name in untold]
    is_silent = (scan.labels == IGNORE) & (before.labels == 0)
    return np.asarray(np.isin(before.labels, codes) | is_silent)


def _boundaries(
    scan: GradedScan, before: GradedScan, taken: NDArray[np.bool_]
) -> Boundaries | None:
    """Heights of the version before in the columns `taken` from it."""
    mine, theirs = scan.boundaries, before.boundaries
    if theirs is None and mine is None:
        return None
    names = _merged(mine.names if mine else (), theirs.names if theirs else ())
    ours = _heights(mine, names, taken.shape)
    return Boundaries(
        names, np.where(taken, _heights(theirs, names, taken.shape), ours)
    )


def _merged(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    """All names: those of the first, the others behind their neighbour above."""
    names = list(first)
    for place, name in enumerate(second):
        if name not in names:
            above = second[place - 1] if place else None
            names.insert(0 if above is None else names.index(above) + 1, name)
    return tuple(names)


def _heights(
    boundaries: Boundaries | None, names: Sequence[str], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    absent = np.full(shape, np.nan, np.float32)
    there = boundaries.names if boundaries is not None else ()
    return np.stack(
        [
            boundaries[name] if boundaries is not None and name in there else absent
            for name in names
        ]
    )


def _provenance(
    scan: GradedScan,
    before: GradedScan,
    taken: NDArray[np.bool_],
    alone: Collection[int],
    mixed: Collection[int],
) -> Provenance | None:
    if scan.provenance is None and before.provenance is None:
        return None
    mine, theirs = _told(scan), _told(before)
    # In the order of the version before: adding the same again gives the same.
    names = tuple(dict.fromkeys((*theirs.origin_names, *mine.origin_names)))
    bscans = range(len(mine.states))
    rows = [
        _row(theirs, bscan)
        if bscan in alone
        else _mixed_row(mine, theirs, bscan)
        if bscan in mixed
        else _row(mine, bscan)
        for bscan in bscans
    ]
    states, accepted, graders, seconds, edits = zip(*rows, strict=True)
    return Provenance(
        states=states,
        accepted=accepted,
        graders=graders,
        seconds=seconds,
        edit_um=edits,
        origins=np.where(taken, _recoded(theirs, names), _recoded(mine, names)),
        origin_names=names,
    )


_Row = tuple[str, bool, str, float, float | None]


def _row(told: Provenance, bscan: int) -> _Row:
    return (
        told.states[bscan],
        told.accepted[bscan],
        told.graders[bscan],
        told.seconds[bscan],
        told.edit_um[bscan],
    )


def _mixed_row(mine: Provenance, theirs: Provenance, bscan: int) -> _Row:
    """Of a B-scan to which both versions contribute."""
    both = mine.states[bscan], theirs.states[bscan]
    known = theirs.graders[bscan].split()
    is_known = set(mine.graders[bscan].split()) <= set(known)
    seconds = mine.seconds[bscan], theirs.seconds[bscan]
    return (
        _REVIEWED if set(both) == {_REVIEWED} else _CORRECTED,
        mine.accepted[bscan] or theirs.accepted[bscan],
        " ".join(dict.fromkeys((*known, *mine.graders[bscan].split()))),
        # The time of a grader who is there already is counted already.
        max(seconds) if is_known else sum(seconds),
        # A mean over columns that were drawn at different times is not known.
        None,
    )


def _told(scan: GradedScan) -> Provenance:
    """Provenance, also of labels of others that do not tell."""
    if scan.provenance is not None:
        return scan.provenance
    graded = scan.graded_columns
    n_bscans = len(graded)
    return Provenance(
        states=tuple(_REVIEWED if any(one) else _UNSEEN for one in graded),
        accepted=(False,) * n_bscans,
        graders=("",) * n_bscans,
        seconds=(0.0,) * n_bscans,
        edit_um=(None,) * n_bscans,
        origins=np.zeros(graded.shape, np.uint8),
        origin_names=(_NOT_TOLD,),
    )


def _recoded(told: Provenance, names: Sequence[str]) -> NDArray[np.uint8]:
    codes = np.array([names.index(name) for name in told.origin_names], np.uint8)
    return codes[told.origins]
