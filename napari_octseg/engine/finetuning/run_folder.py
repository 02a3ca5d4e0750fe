"""The folder of a fine-tuning: where it lies, what its files are called."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from napari_octseg.errors import ReadError, WriteError

RUNS_VARIABLE = "OCTSEG_RUNS"
"""Environment variable that names another folder for the runs."""

SETTINGS = "settings.json"
RECIPE = "recipe.json"
JOB = "job.json"
STATUS = "status.json"
EVENTS = "events.jsonl"
LOG = "worker.log"
TABLE = "log.csv"
LOCK = "worker.lock"
PID = "worker.pid"
CANCEL = "cancel"
STOPPED = "stopped"
BEST = "best.pt"
LAST = "last.pt"
EXAMPLE = "example.npz"
CANDIDATE = "candidate"
COMPARISON = "comparison.json"
WORST = "worst.npz"
_ELSEWHERE = ".elsewhere"
"""Folder in that of the runs: a note of each run that lies in another place."""


def runs_dir() -> Path:
    """Folder of the user's runs; `OCTSEG_RUNS` names another."""
    chosen = os.environ.get(RUNS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("napari-octseg", appauthor=False), "runs")


def new_run_folder(model: str) -> Path:
    """A folder for a new run, named after time and model; it is not made yet.

    Parameters
    ----------
    model
        Name or folder of the model that is to be fine-tuned.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(model).name) or "model"
    first = runs_dir() / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    folder, number = first, 2
    while folder.exists():
        folder = first.with_name(f"{first.name}-{number}")
        number += 1
    return folder


def make_run_folder(folder: Path) -> None:
    """Make the folder of a new run.

    Raises
    ------
    WriteError
        If it holds anything already, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise WriteError(
                f"The run folder {folder} is not empty",
                todo="choose another, resume the run in it, or discard it",
            )
    except OSError as error:
        raise WriteError(
            f"The run folder {folder} cannot be made: {error.strerror or error}",
            todo="choose another folder for the run",
        ) from error


def remember(folder: Path) -> None:
    """Take note of a run that lies elsewhere, so that it is listed with the others.

    Raises
    ------
    OSError
        If the note cannot be written.
    """
    note = _note_of(folder)
    if folder.parent != runs_dir().resolve():
        note.parent.mkdir(parents=True, exist_ok=True)
        write_json(note, {"folder": str(folder)})


def forget(folder: Path) -> None:
    """Drop the note of a run that is gone."""
    _note_of(folder).unlink(missing_ok=True)


def known_folders() -> list[Path]:
    """Folders of all runs that are there, those elsewhere included, in any order."""
    found = [path.parent for path in runs_dir().glob(f"*/{STATUS}")]
    for note in (runs_dir() / _ELSEWHERE).glob("*.json"):
        try:
            folder = Path(str(read_json(note)["folder"]))
        except (ReadError, KeyError):
            continue  # dropped meanwhile
        if (folder / STATUS).is_file():
            found.append(folder)
        elif folder.parent.is_dir():
            note.unlink(missing_ok=True)  # removed by hand
    # Those with a dot are half removed.
    return [folder for folder in found if not folder.name.startswith(".")]


def _note_of(folder: Path) -> Path:
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return runs_dir() / _ELSEWHERE / f"{name}.json"


def write_json(path: Path, values: object) -> None:
    """Write a small JSON file, all of it or nothing.

    A reader never finds half of it, and a crash while writing leaves the old one.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    # Of two threads or processes each has a draft of its own.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        draft.write_text(text + "\n", encoding="utf-8")
        _replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that `write_json` wrote.

    Raises
    ------
    ReadError
        If it is missing or holds anything but an object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ReadError(
            f"{path} cannot be read ({error})",
            todo="give the folder of a fine-tuning; if it is damaged, remove it",
        ) from error
    if not isinstance(values, dict):
        raise ReadError(f"{path} holds no JSON object")
    return values


def _replace(draft: Path, path: Path) -> None:
    # Windows refuses to replace a file while somebody reads it.
    for _ in range(20):
        try:
            os.replace(draft, path)
            return
        except PermissionError:
            time.sleep(0.01)
    os.replace(draft, path)
