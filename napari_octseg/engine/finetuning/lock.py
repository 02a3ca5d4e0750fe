"""A lock on a file that the system frees when its process ends, however it ends.

Process numbers are used again by other processes, so a number in a file does not tell
whether the worker of a run is alive. A lock does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock


def take_lock(path: Path, patience_s: float = 10.0) -> BaseFileLock | None:
    """Take the lock of a run, for as long as the process lives and keeps the result.

    Whoever only looks holds it for a moment, and a worker that has just been stopped
    may still be ending: so there is some patience.

    Returns
    -------
    The lock; None if another process has it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=patience_s, poll_interval=0.02)
    except Timeout:
        return None
    return lock


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    from filelock import FileLock, Timeout

    if not path.exists():
        return False
    # Somebody else who looks may be in the way for a moment.
    for _ in range(3):
        try:
            with FileLock(path).acquire(timeout=0):
                return False
        except Timeout:
            time.sleep(0.001)
    return True
