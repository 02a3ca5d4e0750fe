"""The files opened last, kept between sessions."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path

import platformdirs

logger = logging.getLogger(__name__)

_LIMIT = 10


def recent_list_path() -> Path:
    """File that holds the list."""
    folder = platformdirs.user_state_dir("napari-octseg", appauthor=False)
    return Path(folder) / "recent.json"


def recent_files() -> list[Path]:
    """Files and folders opened last that are still there, newest first."""
    try:
        entries = json.loads(recent_list_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        # A damaged list of recent files must not keep the window from opening.
        logger.warning("the list of recent files cannot be read: %s", error)
        return []
    if not isinstance(entries, list):
        return []
    paths = [Path(entry) for entry in entries if isinstance(entry, str)]
    return [path for path in paths if path.exists()]


def remember(path: Path) -> None:
    """Put a file or folder at the top of the list.

    The list is replaced in one step: a crash leaves the old or the new one.
    """
    path = path.resolve()
    kept = [path, *(old for old in recent_files() if old != path)][:_LIMIT]
    target = recent_list_path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=target.parent, suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([str(entry) for entry in kept], file, indent=2)
        os.replace(draft, target)
    except OSError as error:
        logger.warning("the list of recent files cannot be written: %s", error)
