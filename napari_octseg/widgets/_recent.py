"""The files opened last, kept between sessions."""

from __future__ import annotations

import logging
from pathlib import Path

import platformdirs

from napari_octseg.errors import WriteError
from napari_octseg.widgets._settings_file import read_settings, write_settings

logger = logging.getLogger(__name__)

_LIMIT = 10


def recent_list_path() -> Path:
    """File that holds the list."""
    folder = platformdirs.user_state_dir("napari-octseg", appauthor=False)
    return Path(folder) / "recent.json"


def recent_files() -> list[Path]:
    """Files and folders opened last that are still there, newest first."""
    entries = read_settings(recent_list_path())
    if not isinstance(entries, list):
        return []
    paths = [Path(entry) for entry in entries if isinstance(entry, str)]
    return [path for path in paths if path.exists()]


def remember(path: Path) -> None:
    """Put a file or folder at the top of the list."""
    path = path.resolve()
    kept = [path, *(old for old in recent_files() if old != path)][:_LIMIT]
    try:
        write_settings(recent_list_path(), [str(entry) for entry in kept])
    except WriteError as error:
        logger.warning("the list of recent files cannot be written: %s", error)
