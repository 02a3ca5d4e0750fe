"""Small choices kept between sessions: who grades, and which keys do what."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import platformdirs

from napari_octseg.errors import WriteError
from napari_octseg.io.atomic import written_whole

logger = logging.getLogger(__name__)


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
    path = choices_path()
    choices = {**_read(), name: value}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"The folder {path.parent} cannot be made: {error.strerror or error}",
            todo="check who may write there",
        ) from error
    with written_whole(path) as target:
        target.write_text(json.dumps(choices, indent=2), encoding="utf-8")


def _read() -> dict[str, Any]:
    try:
        choices = json.loads(choices_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        # Damaged choices must not keep the window from opening.
        logger.warning("the choices cannot be read: %s", error)
        return {}
    return choices if isinstance(choices, dict) else {}
