"""Small JSON files that appear complete or not at all, and are checked when read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import ReadError
from napari_octseg.io.atomic import written_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BLOCK = 1 << 20


def write_json(path: Path, facts: Mapping[str, Any]) -> None:
    """Write or replace a JSON object.

    Raises
    ------
    WriteError
        If the disk refuses; the file is as before then.
    """
    with written_whole(path) as target:
        target.write_text(text_of(facts), encoding="utf-8")


def text_of(facts: Mapping[str, Any]) -> str:
    """A JSON object for people: indented, in the order given."""
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ReadError
        If it is missing or something else.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError(
            f"{path} cannot be read ({error})",
            todo="take this file from a copy of the data set",
        ) from error
    if not isinstance(facts, dict):
        raise ReadError(f"{path} holds no JSON object", allowed="{…}")
    return facts


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 digits."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
