"""One writer at a time, on one machine and on several that share a disk."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_octseg.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 60.0
"""How long a writer waits for another one; what is written under a lock is small."""


@contextmanager
def locked(path: Path, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold a lock file; others wait. The system lets go of it when a process dies.

    Raises
    ------
    WriteError
        If another writer holds it all the time, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=patience_s)
    try:
        lock.acquire()
    except Timeout as error:
        raise WriteError(
            f"{path.parent} is being written to by somebody else",
            allowed="one writer at a time",
            todo="wait for the other window or command to end, then do this once more",
        ) from error
    except (OSError, NotImplementedError) as error:
        raise cannot_write(path.parent, error) from error
    try:
        yield
    finally:
        lock.release()


def cannot_write(path: Path, error: Exception) -> WriteError:
    """Error of a disk that is full or read-only; nothing has changed there."""
    reason = getattr(error, "strerror", None) or str(error)
    return WriteError(
        f"{path} cannot be written to: {reason}",
        allowed="a folder in which you may write, on a disk with free space",
        todo="make room on the disk, or ask for the right to write there, then do this "
        "once more; what was there before is unchanged",
    )
