"""Small choices kept between sessions: who grades, and which keys do what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import platformdirs

from napari_octseg.widgets._settings_file import read_settings, write_settings


def choices_path() -> Path:
    """File that holds the choices."""
    folder = platformdirs.user_config_dir("napari-octseg", appauthor=False)
    return Path(folder) / "correct.json"


def kept_choice(name: str) -> Any:
    """What was kept under a name; None before anything was."""
    return _read().get(name)


def keep_choice(name: str, value: Any) -> None:
    """Keep a choice; the file is replaced in one step.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    write_settings(choices_path(), {**_read(), name: value})


def _read() -> dict[str, Any]:
    choices = read_settings(choices_path())
    return choices if isinstance(choices, dict) else {}
