"""The journal: every change of labels and boundaries, on disk as soon as it is made."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, cast

from napari_octseg.editing.checkpoints import (
    forget_checkpoints,
    replay_edits,
    store_checkpoints,
)
from napari_octseg.editing.journal_errors import damaged, told
from napari_octseg.editing.journal_file import JournalIdentity, open_file
from napari_octseg.editing.journal_rows import (
    PATCH_COLUMNS,
    RECORD_COLUMNS,
    EditRecord,
    check_inside,
    patch_of,
    record_of,
    row_of,
)
from napari_octseg.editing.patch import TARGETS
from napari_octseg.errors import EditError, JournalError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.editing.patch import Patch
    from napari_octseg.labels import LabelSet

    Arrays = Mapping[str, NDArray[Any]]

__all__ = ["EditRecord", "Journal"]

_NEWEST_DONE = "WHERE state = 'done' ORDER BY id DESC LIMIT 1"
# What is undone always came after what is done.
_NEXT_UNDONE = "WHERE state = 'undone' ORDER BY id LIMIT 1"


class Journal:
    """The edits of one scan with one label set, in a file that only it holds.

    Every method that changes something is one transaction, on the disk when the method
    returns. Where one raises `JournalError` (the disk is full, say), the journal is as
    it was before, and the same call works once the cause is gone.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, identity: JournalIdentity
    ) -> None:
        self.path = path
        self.identity = identity
        self._connection = connection
        self._inode = os.stat(path).st_ino

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        scan: str,
        label_set: LabelSet,
        layers: tuple[str, ...],
        shape: tuple[int, int, int],
    ) -> Journal:
        """The journal at `path`; where there is none, a new one begins.

        Parameters
        ----------
        path
            The file; its folder is made if needed.
        scan
            Hash of the scan's content (`scan_hash`).
        label_set, layers
            Classes of the labels, and names of the layers among them, top to bottom.
        shape
            (n_bscans, depth, width) of the scan.

        Raises
        ------
        JournalError
            If another window holds it, it cannot be written, it is no journal or a
            damaged one, or it belongs to another scan, label set or layers.
        """
        identity = JournalIdentity(scan, label_set, tuple(layers), shape)
        return cls(path, open_file(path, identity), identity)

    def close(self) -> None:
        """Let go of the file; another window may have it now."""
        with told(self.path):
            self._connection.close()

    def write(
        self,
        tool: str,
        grader: str,
        patches: Sequence[Patch],
        *,
        edit: int | None = None,
    ) -> int:
        """Save an edit that has been made; edits that were undone are dropped.

        Parameters
        ----------
        tool, grader
            With what, and by whom.
        patches
            What changed, in the order in which it was changed.
        edit
            Number of a run under way, to which the patches are added. Where it is not
            the newest edit any more, because it was undone or another one followed, a
            new edit begins.

        Returns
        -------
        Number of the edit.

        Raises
        ------
        EditError
            If there is no patch, or one lies outside the scan.
        JournalError
            If it cannot be saved.
        """
        if not patches:
            raise EditError(
                "An edit that changes nothing", allowed="at least one patch"
            )
        for patch in patches:
            check_inside(patch, self.identity)
        bscans = {patch.bscan for patch in patches}
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM patches WHERE edit IN "
                "(SELECT id FROM edits WHERE state = 'undone')"
            )
            connection.execute(
                "UPDATE edits SET state = 'dropped' WHERE state = 'undone'"
            )
            newest = self._find(_NEWEST_DONE)
            if edit is not None and newest is not None and newest.id == edit:
                connection.execute(
                    "UPDATE edits SET bscans = ? WHERE id = ?",
                    (json.dumps(sorted(bscans.union(newest.bscans))), edit),
                )
            else:
                edit = connection.execute(
                    "INSERT INTO edits (tool, grader, time, bscans, state) "
                    "VALUES (?, ?, ?, ?, 'done')",
                    (tool, grader, time.time(), json.dumps(sorted(bscans))),
                ).lastrowid
                assert edit is not None
            connection.executemany(
                f"INSERT INTO patches (edit, {PATCH_COLUMNS}, size) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [row_of(edit, patch) for patch in patches],
            )
        return edit

    def undo(self) -> tuple[Patch, ...] | None:
        """Mark the newest edit as undone.

        Returns
        -------
        Its patches, to be reverted by the caller in this order (newest first); None if
        there is nothing to undo.
        """
        patches = self._move(_NEWEST_DONE, "undone")
        return None if patches is None else patches[::-1]

    def redo(self) -> tuple[Patch, ...] | None:
        """Mark the edit that was undone last as done again.

        Returns
        -------
        Its patches, to be applied by the caller in this order; None if there is none.
        """
        return self._move(_NEXT_UNDONE, "done")

    @property
    def undo_tool(self) -> str | None:
        """Tool of the edit that `undo` would undo."""
        with told(self.path):
            record = self._find(_NEWEST_DONE)
        return None if record is None else record.tool

    @property
    def redo_tool(self) -> str | None:
        """Tool of the edit that `redo` would do again."""
        with told(self.path):
            record = self._find(_NEXT_UNDONE)
        return None if record is None else record.tool

    def replay(self, arrays: Arrays) -> None:
        """Bring the arrays of a new grading to the present.

        Parameters
        ----------
        arrays
            Whole arrays by their names, as they were before the first edit.

        Raises
        ------
        JournalError
            If the file is damaged; the arrays are not to be used then.
        """
        with told(self.path):
            try:
                replay_edits(self._connection, arrays)
            except EditError as error:
                raise damaged(self.path, str(error)) from error

    def checkpoint(self, arrays: Arrays) -> None:
        """Store B-scans that changed much since they were stored last.

        `replay` takes these instead of the edits before them.

        Parameters
        ----------
        arrays
            Whole arrays by their names, exactly as the journal has them: never while an
            edit is being made.
        """
        with self._transaction() as connection:
            store_checkpoints(connection, arrays)

    def add_seconds(self, bscan: int, grader: str, seconds: float) -> None:
        """Add to the time that a grader spent on a B-scan, s."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO seconds VALUES (?, ?, ?) ON CONFLICT (bscan, grader) "
                "DO UPDATE SET seconds = seconds + excluded.seconds",
                (bscan, grader, seconds),
            )

    def seconds(self) -> dict[int, float]:
        """Time spent on each B-scan by all graders, s; only those looked at."""
        with told(self.path):
            rows = self._connection.execute(
                "SELECT bscan, sum(seconds) FROM seconds GROUP BY bscan"
            )
            return dict(rows.fetchall())

    def keep(self, key: str, value: object) -> None:
        """Keep a fact, as JSON, in place of the one of that key."""
        text = json.dumps(value)
        with self._transaction() as connection:
            connection.execute("REPLACE INTO kept VALUES (?, ?)", (key, text))

    def kept(self, key: str) -> object | None:
        """The fact of that key; None if there is none."""
        with told(self.path):
            row = self._connection.execute(
                "SELECT value FROM kept WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else cast("object", json.loads(row[0]))

    def edits(
        self, *, bscan: int | None = None, tools: Sequence[str] | None = None
    ) -> list[EditRecord]:
        """Edits, oldest first, undone and dropped ones too.

        Parameters
        ----------
        bscan
            Only those that changed this B-scan.
        tools
            Only those of these tools.
        """
        wanted: list[str] = ["1"]
        values: list[object] = []
        if bscan is not None:
            targets = ", ".join("?" * len(TARGETS))
            wanted.append(
                "id IN (SELECT edit FROM patches "
                f"WHERE target IN ({targets}) AND bscan = ?)"
            )
            values += [*TARGETS, bscan]
        if tools is not None:
            wanted.append(f"tool IN ({', '.join('?' * len(tools))})")
            values += tools
        with told(self.path):
            rows = self._connection.execute(
                f"SELECT {RECORD_COLUMNS} FROM edits WHERE {' AND '.join(wanted)} "
                "ORDER BY id",
                values,
            ).fetchall()
        return [record_of(row) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and not into a file that somebody has taken away."""
        with told(self.path):
            self._check_there()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has ended the transaction itself after some errors.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _check_there(self) -> None:
        # Where files may be deleted while open, writing to one goes on without a sign.
        try:
            is_same = os.stat(self.path).st_ino == self._inode
        except OSError:
            is_same = False
        if not is_same:
            raise JournalError(
                f"The journal {self.path} was moved or deleted while it was open",
                allowed="edits that can be saved",
                todo="put it back, or export the labels and open the scan again",
            )

    def _find(self, which: str) -> EditRecord | None:
        row = self._connection.execute(
            f"SELECT {RECORD_COLUMNS} FROM edits {which}"
        ).fetchone()
        return None if row is None else record_of(row)

    def _move(
        self, which: str, to: Literal["done", "undone"]
    ) -> tuple[Patch, ...] | None:
        with self._transaction() as connection:
            record = self._find(which)
            if record is None:
                return None
            forget_checkpoints(connection, record.id)
            connection.execute(
                "UPDATE edits SET state = ? WHERE id = ?", (to, record.id)
            )
            rows = connection.execute(
                f"SELECT {PATCH_COLUMNS} FROM patches WHERE edit = ? ORDER BY id",
                (record.id,),
            )
            return tuple(patch_of(row) for row in rows)
