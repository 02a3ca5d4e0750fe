"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A place to write to; what was written there replaces `path` at the end.

    The place is a hidden folder beside `path` (same disk, so the move is atomic), with
    the file name of `path`: libraries go by the suffix and write the name into headers.
    Companion files (``.raw`` of an ``.mhd``) move before the file itself. If anything
    is raised, nothing has changed.

    Raises
    ------
    WriteError
        If the folder does not exist or cannot be written to, or the disk is full.
    """
    with _room_beside(path) as folder:
        target = folder / path.name
        yield target
        for companion in folder.iterdir():
            if companion != target:
                os.replace(companion, path.parent / companion.name)
        os.replace(target, path)


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """A folder to write to; at the end it becomes `path`, with all that is in it.

    If anything is raised, nothing has changed.

    Raises
    ------
    WriteError
        If `path` holds something already, its parent does not exist or cannot be
        written to, or the disk is full.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise WriteError(
            f"{path} is there already",
            allowed="a new or empty folder",
            todo="choose another name",
        )
    with _room_beside(path) as aside:
        target = aside / path.name
        target.mkdir()
        yield target
        if path.is_dir():
            path.rmdir()  # Windows renames over no folder, not even an empty one
        os.rename(target, path)


@contextmanager
def _room_beside(path: Path) -> Iterator[Path]:
    """A hidden folder on the disk of `path`, gone at the end; faults as WriteError."""
    if not path.parent.is_dir():
        raise WriteError(
            f"There is no folder {path.parent}", todo="make it, or choose another"
        )
    try:
        with tempfile.TemporaryDirectory(
            prefix=f".{path.name}.", dir=path.parent, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)
    except OSError as error:
        raise WriteError(
            f"{path.name} cannot be written: {error.strerror or error}",
            todo="check the free space of the disk and who may write there",
        ) from error
