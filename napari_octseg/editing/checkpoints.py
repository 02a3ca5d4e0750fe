"""Whole B-scans stored in a journal, so that opening need not go through every edit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_octseg.editing.journal_rows import indices
from napari_octseg.editing.packing import pack, unpack
from napari_octseg.editing.patch import box_of, bscan_view

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

# A B-scan is stored when opening would apply this many patches to it, or this many
# times its own size; below that a checkpoint costs more than it saves.
_MANY_PATCHES = 16
_MANY_TIMES = 2

# Patches that are in force and in no checkpoint.
_SINCE = """
FROM patches p CROSS JOIN edits e ON e.id = p.edit
LEFT JOIN checkpoints c ON c.target = p.target AND c.bscan = p.bscan
WHERE e.state = 'done' AND p.id > coalesce(c.patch, 0)
"""


def replay_edits(connection: sqlite3.Connection, arrays: Arrays) -> None:
    """Bring arrays from before the first edit to the present."""
    for target, bscan, shape, dtype, data in connection.execute(
        "SELECT target, bscan, shape, dtype, data FROM checkpoints"
    ):
        bscan_view(arrays, target, bscan)[...] = unpack(data, indices(shape), dtype)
    for target, bscan, start, shape, dtype, after in connection.execute(
        "SELECT p.target, p.bscan, p.start, p.shape, p.dtype, p.after "
        f"{_SINCE} ORDER BY p.id"
    ):
        extent = indices(shape)
        box = box_of(arrays, target, bscan, indices(start), extent)
        box[...] = unpack(after, extent, dtype)


def store_checkpoints(connection: sqlite3.Connection, arrays: Arrays) -> None:
    """Store the B-scans that changed much since they were stored last."""
    changed = connection.execute(
        "SELECT p.target, p.bscan, max(p.id), count(*), sum(p.size) "
        f"{_SINCE} GROUP BY p.target, p.bscan"
    ).fetchall()
    for target, bscan, newest, n_patches, size in changed:
        whole = bscan_view(arrays, target, bscan)
        if n_patches < _MANY_PATCHES and size < _MANY_TIMES * whole.size:
            continue
        shape = json.dumps(whole.shape)
        connection.execute(
            "REPLACE INTO checkpoints (target, bscan, patch, shape, dtype, data) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (target, bscan, newest, shape, whole.dtype.str, pack(whole)),
        )


def forget_checkpoints(connection: sqlite3.Connection, edit: int) -> None:
    """Delete the checkpoints that contain an edit, whose state is about to change."""
    connection.execute(
        "DELETE FROM checkpoints WHERE EXISTS (SELECT 1 FROM patches p "
        "WHERE p.edit = ? AND p.target = checkpoints.target "
        "AND p.bscan = checkpoints.bscan AND p.id <= checkpoints.patch)",
        (edit,),
    )
