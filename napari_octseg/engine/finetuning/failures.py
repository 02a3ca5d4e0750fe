"""What went wrong in a worker, in words that help whoever sees only the window."""

from __future__ import annotations

import errno
import shutil
from typing import TYPE_CHECKING

from napari_octseg.errors import DeviceError, OctsegError, TaskError, WriteError

if TYPE_CHECKING:
    from pathlib import Path

_LITTLE_BYTES = 64 << 20
_OF_DISK = ("PytorchStreamWriter", "iostream error", "No space left")
"""How torch says that a file could not be written; it does not say why."""


def as_user_error(error: Exception, folder: Path) -> OctsegError:
    """An error of the libraries below as one of ours; ours as they are.

    Parameters
    ----------
    error
        What ended the run.
    folder
        Of the run: whether its disk is full is looked at.
    """
    if isinstance(error, OctsegError):
        return error
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return DeviceError(
            f"The memory was too small for the fine-tuning: {first}",
            allowed="a smaller batch or a smaller model",
            todo="close other programs, choose a smaller batch or the CPU, and resume",
        )
    if isinstance(error, OSError) or any(sign in str(error) for sign in _OF_DISK):
        return _of_disk(error, first, folder)
    return TaskError(
        f"The fine-tuning failed: {first}",
        todo="resume it; if it fails again, look into worker.log in the run folder",
    )


def _of_disk(error: Exception, first: str, folder: Path) -> WriteError:
    free = shutil.disk_usage(folder).free
    is_full = free < _LITTLE_BYTES or getattr(error, "errno", None) in (
        errno.ENOSPC,
        errno.EDQUOT,
    )
    if is_full:
        return WriteError(
            f"The disk of {folder} is full ({free >> 20} MiB are free)",
            allowed="a disk with some hundred MiB of free space",
            todo="make room on the disk, then resume the run: what it has learnt until "
            "its last validation is kept",
        )
    name = getattr(error, "filename", None)
    return WriteError(
        f"A file could not be read or written: {name or folder}: {first}",
        todo="check that the disk is there and who may write there, then resume",
    )
