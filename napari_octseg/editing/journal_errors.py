"""What can go wrong with the file of a journal, in words that say what to do."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_octseg.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite reports into a `JournalError` that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(error, path) from error


def _explained(error: sqlite3.Error, path: Path) -> JournalError:
    place = getattr(error, "sqlite_errorcode", 0)
    code = place & 0xFF  # the kind; the rest tells where within SQLite it arose
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalError(
            f"The journal {path} is open in another window",
            allowed="one window per scan and label set",
            todo="close the scan in the other window, then open it here again",
        )
    # A file that may not be written cannot be held alone either.
    if place in (sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_IOERR_RDLOCK) or code in (
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    ):
        return no_place(path, str(error))
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return JournalError(
            f"The disk is full or does not answer ({error}): {path}",
            allowed="edits that can be saved; those saved before are safe",
            todo="make room on the disk, then do this once more",
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return damaged(path, str(error))
    return JournalError(
        f"The journal {path} does not work: {error}",
        todo="close the scan and open it again; edits saved before are safe",
    )


def no_place(path: Path, reason: str) -> JournalError:
    """Error of a folder that cannot be written to."""
    return JournalError(
        f"The journal {path} cannot be written: {reason}",
        allowed="a folder in which you may write",
        todo="choose another folder by the variable OCTSEG_JOURNALS, or ask for the "
        "right to write there",
    )


def no_journal(path: Path) -> JournalError:
    """Error of a file that is something else; it has not been changed."""
    return JournalError(
        f"{path} is no journal",
        allowed="a journal of napari-octseg, or a file that is not there yet",
        todo="choose another file; this one was left as it is",
    )


def damaged(path: Path, reason: str) -> JournalError:
    """Error of a file of which a part is wrong or missing; it has not been changed."""
    return JournalError(
        f"{path} is no journal, or a damaged one: {reason}",
        allowed="a journal of napari-octseg",
        todo="keep the file, move it elsewhere and begin anew",
    )
