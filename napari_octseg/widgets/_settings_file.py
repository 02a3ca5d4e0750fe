"""Small JSON files that are kept between sessions."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import WriteError
from napari_octseg.io.atomic import written_whole

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)


def read_settings(path: Path) -> Any:
    """What a file holds; None if there is none, or it is damaged (the log says so)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        # Damaged settings must not keep the window from opening.
        logger.warning("%s cannot be read: %s", path, error)
        return None


def write_settings(path: Path, value: object) -> None:
    """Replace a file in one step: a crash leaves the old or the new one.

    Raises
    ------
    WriteError
        If it, or its folder, cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"The folder {path.parent} cannot be made: {error.strerror or error}",
            todo="check who may write there",
        ) from error
    with written_whole(path) as target:
        target.write_text(json.dumps(value, indent=2), encoding="utf-8")
