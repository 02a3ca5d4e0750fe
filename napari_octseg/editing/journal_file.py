"""The file of a journal: an SQLite database that only one window may hold.

It is written ahead (WAL) and flushed to the disk with every edit: a killed process or
a power cut loses at most the stroke that was not finished, and leaves no lock behind.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.editing.journal_errors import (
    damaged,
    no_journal,
    no_place,
    told,
)
from napari_octseg.errors import JournalError
from napari_octseg.labels import LabelClass, LabelSet

if TYPE_CHECKING:
    from collections.abc import Iterator

_APPLICATION = 0x4F435453  # "OCTS"
_VERSION = 1
# A window that is just being closed needs a moment to let go of its journal.
_PATIENCE_S = 0.5

# `after` stands before `before`: opening reads one, undo both, and SQLite leaves out
# what lies behind the last column asked for. AUTOINCREMENT: ids are never used twice,
# so that a checkpoint can say by an id up to where it goes.
_SCHEMA = """
CREATE TABLE identity (facts TEXT NOT NULL);
CREATE TABLE kept (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tool TEXT NOT NULL, grader TEXT NOT NULL,
    time REAL NOT NULL, bscans TEXT NOT NULL, state TEXT NOT NULL
);
CREATE INDEX edits_by_state ON edits (state);
CREATE TABLE patches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, edit INTEGER NOT NULL, target TEXT NOT NULL,
    bscan INTEGER NOT NULL, start TEXT NOT NULL, shape TEXT NOT NULL,
    dtype TEXT NOT NULL, size INTEGER NOT NULL,
    after BLOB NOT NULL, before BLOB NOT NULL
);
CREATE INDEX patches_by_edit ON patches (edit);
CREATE INDEX patches_by_bscan ON patches (target, bscan, edit, size);
CREATE TABLE checkpoints (
    target TEXT NOT NULL, bscan INTEGER NOT NULL, patch INTEGER NOT NULL,
    shape TEXT NOT NULL, dtype TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (target, bscan)
);
CREATE TABLE seconds (
    bscan INTEGER NOT NULL, grader TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (bscan, grader)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class JournalIdentity:
    """What a journal belongs to.

    Parameters
    ----------
    scan
        Hash of the scan's content.
    label_set
        Classes of the labels.
    layers
        Names of the layers, top to bottom.
    shape
        (n_bscans, depth, width) of the scan.
    """

    scan: str
    label_set: LabelSet
    layers: tuple[str, ...]
    shape: tuple[int, int, int]

    @property
    def facts(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, facts: str) -> JournalIdentity:
        """From JSON."""
        read = json.loads(facts)
        classes = tuple(LabelClass(**one) for one in read["label_set"]["classes"])
        n_bscans, depth, width = read["shape"]
        layers = tuple(read["layers"])
        shape = (n_bscans, depth, width)
        return cls(read["scan"], LabelSet(classes), layers, shape)


def open_file(path: Path, identity: JournalIdentity) -> sqlite3.Connection:
    """Open the journal at `path`, or begin one there, and hold it alone.

    Raises
    ------
    JournalError
        If another window holds it, it cannot be written, it is no journal or a damaged
        one, or it belongs to something else. Nothing has been changed then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise no_place(path, error.strerror or str(error)) from error
    with told(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S)
    try:
        with told(path):
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            is_new = _is_new(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN EXCLUSIVE")
            if is_new:
                _lay_out(connection, identity)
            else:
                _compare(identity_of(connection), identity, path)
            connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A journal that is there, only to look at; it is held alone meanwhile.

    Raises
    ------
    JournalError
        If another window holds it, or it is no journal or a damaged one.
    """
    with told(path):
        place = f"{path.resolve().as_uri()}?mode=rw"
        connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=0)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            if _is_new(connection, path):
                raise no_journal(path)
            yield connection
        finally:
            connection.close()


def identity_of(connection: sqlite3.Connection) -> JournalIdentity:
    """What an open journal belongs to."""
    (facts,) = connection.execute("SELECT facts FROM identity").fetchone()
    return JournalIdentity.of(facts)


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether nothing has been written to the file yet; it is not changed."""
    has_log = Path(f"{path}-wal").exists()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (n_things,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    if not has_log and path.stat().st_size < n_pages * page_size:
        # SQLite takes what is missing of a torn last page for zeros.
        raise damaged(path, "its end is missing")
    if n_things == application == version == 0:
        return True
    if application != _APPLICATION:
        raise no_journal(path)
    if version > _VERSION:
        raise JournalError(
            f"The journal {path} was made by a newer napari-octseg (format {version})",
            allowed=f"format {_VERSION}",
            todo="update napari-octseg",
        )
    return False


def _lay_out(connection: sqlite3.Connection, identity: JournalIdentity) -> None:
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO identity VALUES (?)", (identity.facts,))
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")


def _compare(found: JournalIdentity, asked: JournalIdentity, path: Path) -> None:
    """Colours and long names may change; what the arrays mean may not."""
    if (found.scan, found.shape) != (asked.scan, asked.shape):
        raise JournalError(
            f"The journal {path} belongs to another scan, of shape {found.shape}",
            allowed=f"a journal of this scan, of shape {asked.shape}",
            todo="choose another file, or open the scan that it belongs to",
        )
    for what, own, other in (
        ("label set", found.label_set.names, asked.label_set.names),
        ("layers", found.layers, asked.layers),
    ):
        if own != other:
            raise JournalError(
                f"The journal {path} was made with the {what} {', '.join(own)}",
                allowed=f"the {what} {', '.join(other)}",
                todo=f"choose another file, or grade with the {what} of the journal",
            )
