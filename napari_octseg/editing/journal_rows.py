"""Edits and patches as rows of the journal's tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from napari_octseg.editing.packing import damaged_edit, pack, unpack
from napari_octseg.editing.patch import Patch
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from napari_octseg.editing.journal_file import JournalIdentity

EditState = Literal["done", "undone", "dropped"]

RECORD_COLUMNS = "id, tool, grader, time, bscans, state"
PATCH_COLUMNS = "target, bscan, start, shape, dtype, after, before"


@dataclass(frozen=True)
class EditRecord:
    """What is known about one edit.

    Parameters
    ----------
    id
        Rises with every edit.
    tool, grader
        With what, and by whom.
    time
        When it began, seconds since 1970 (UTC).
    bscans
        The B-scans that it changed, in order.
    state
        ``"done"``; ``"undone"``, which `Journal.redo` does again; ``"dropped"``: undone
        when another edit followed, so that only this record of it is left.
    """

    id: int
    tool: str
    grader: str
    time: float
    bscans: tuple[int, ...]
    state: EditState


def record_of(row: tuple[Any, ...]) -> EditRecord:
    """Edit of a row of `RECORD_COLUMNS`."""
    number, tool, grader, begin, bscans, state = row
    return EditRecord(number, tool, grader, begin, indices(bscans), state)


def row_of(edit: int, patch: Patch) -> tuple[Any, ...]:
    """Number of the edit, `PATCH_COLUMNS`, and how many values the box has."""
    shape = patch.after.shape
    return (
        edit,
        patch.target,
        patch.bscan,
        json.dumps(patch.start),
        json.dumps(shape),
        patch.after.dtype.str,
        pack(patch.after),
        pack(patch.before),
        prod(shape),
    )


def patch_of(row: tuple[Any, ...]) -> Patch:
    """Patch of a row of `PATCH_COLUMNS`.

    Raises
    ------
    JournalError
        If it is damaged.
    """
    target, bscan, start, shape, dtype, after, before = row
    extent = indices(shape)
    return Patch(
        target,
        bscan,
        indices(start),
        before=unpack(before, extent, dtype),
        after=unpack(after, extent, dtype),
    )


def indices(text: str) -> tuple[int, ...]:
    """Start, shape or B-scans as they stand in a row.

    Raises
    ------
    JournalError
        If they are damaged.
    """
    try:
        return tuple(json.loads(text))
    except (TypeError, ValueError) as error:
        raise damaged_edit(error) from error


def check_inside(patch: Patch, identity: JournalIdentity) -> None:
    """Refuse a patch that could not be replayed: it would spoil the whole journal.

    Raises
    ------
    EditError
        If its box is not wholly inside the scan.
    """
    n_bscans, depth, width = identity.shape
    n_boundaries = len(identity.layers) + 1 if identity.layers else 0
    whole = {
        "labels": (depth, width),
        "heights": (n_boundaries, width),
        "predicted": (n_boundaries, width),
        "origins": (width,),
        "states": (1,),
    }[patch.target]
    start = patch.start or (0,)
    ends = tuple(i + n for i, n in zip(start, patch.after.shape, strict=False))
    inside = len(ends) == len(whole) and all(
        end <= n for end, n in zip(ends, whole, strict=True)
    )
    if patch.bscan >= n_bscans or not inside:
        raise EditError(
            f"A change of {patch.target} on B-scan {patch.bscan} up to {ends}",
            allowed=f"B-scans 0 to {n_bscans - 1}, up to {whole}",
        )
