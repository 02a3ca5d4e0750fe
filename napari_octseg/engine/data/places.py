"""Where on this computer lies what the recipe of a shared model only names.

A bundle is passed on, so its recipe tells no folder of whoever made it: ground truth is
known by its id, a parent by its name. Here is noted, beside the user's runs and in no
bundle, where the two were.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_octseg.bundles.registry import has_bundle
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.errors import OctsegError, ReadError
from napari_octseg.groundtruth.data_set import DataSet

if TYPE_CHECKING:
    from napari_octseg.engine.data.source import Source

Kind = Literal["data set", "model"]
_PLACES = ".places"


def remember_place(kind: Kind, name: str, folder: Path) -> None:
    """Note where something lies.

    Parameters
    ----------
    kind
        What it is.
    name
        `DataSet.id`, or the name of a model that is not listed.
    folder
        Absolute path.

    Raises
    ------
    OSError
        If the note cannot be written.
    """
    note = _note_of(kind, name)
    note.parent.mkdir(parents=True, exist_ok=True)
    run_folder.write_json(note, {"kind": kind, "name": name, "folder": str(folder)})


def data_set_of(source: Source, root: Path) -> DataSet:
    """The data set of ground truth: in its folder, or where it lay on this computer.

    Parameters
    ----------
    source
        One that names its data set by id is given no other.
    root
        Root of the data folders; the folder of the source may be absolute.

    Raises
    ------
    ReadError
        If the data set is in neither place, or damaged.
    """
    here = root / source.folder
    trouble: OctsegError | None = None
    for folder in (here, _place_of("data set", source.data_set)):
        if folder is None:
            continue
        try:
            found = DataSet.open(folder)
        except OctsegError as error:
            trouble = trouble or error
            continue
        if source.data_set in ("", found.id):
            return found
    raise trouble or ReadError(
        f"The data set in {here} is another one than that of {source.name!r}",
        todo="give the folder that the right one is in (--data)",
    )


def model_of(name: str) -> str:
    """A model by its name, or by its folder if it is listed no more but known here."""
    folder = _place_of("model", name)
    return name if folder is None or has_bundle(name) else str(folder)


def _place_of(kind: Kind, name: str) -> Path | None:
    if not name:
        return None
    try:
        return Path(str(run_folder.read_json(_note_of(kind, name))["folder"]))
    except (ReadError, KeyError):
        return None


def _note_of(kind: Kind, name: str) -> Path:
    digest = hashlib.sha256(f"{kind} {name}".encode()).hexdigest()[:16]
    return run_folder.runs_dir() / _PLACES / f"{digest}.json"
