"""What a data set is, as its folder tells: name, classes and layers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError, ReadError, WriteError
from napari_octseg.groundtruth.json_files import read_json, write_json
from napari_octseg.groundtruth.locking import cannot_write, locked
from napari_octseg.groundtruth.versions import LOCK, damaged
from napari_octseg.labels import LabelClass, LabelSet

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = 1
_FACTS = "dataset.json"


@dataclass(frozen=True)
class Description:
    """See `DataSet`."""

    id: str
    name: str
    label_set: LabelSet
    layers: tuple[str, ...]


def begin(folder: Path, description: Description) -> None:
    """Write the description of a new data set; see `DataSet.create`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_empty(folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    facts = {
        "schema": _SCHEMA,
        "id": description.id,
        "name": description.name,
        "classes": [asdict(one) for one in description.label_set.classes],
        "layers": list(description.layers),
    }
    with locked(folder / LOCK):
        _check_empty(folder)
        write_json(folder / _FACTS, facts)


def described(folder: Path) -> Description:
    """The description in a folder; see `DataSet.open`."""
    path = folder / _FACTS
    if not path.is_file():
        raise ReadError(
            f"{folder} holds no data set",
            allowed=f"a folder with a file {_FACTS}",
            todo="choose the folder of a data set, or begin a new one",
        )
    facts = read_json(path)
    if facts.get("schema") != _SCHEMA:
        raise ReadError(
            f"The data set {folder} is of format {facts.get('schema')!r}",
            allowed=f"format {_SCHEMA}",
            todo="update napari-octseg",
        )
    try:
        classes = tuple(LabelClass(**one) for one in facts["classes"])
        return Description(
            str(facts["id"]),
            str(facts["name"]),
            LabelSet(classes),
            tuple(facts["layers"]),
        )
    except (LabelError, KeyError, TypeError) as error:
        raise damaged(path, error) from error


def _check_empty(folder: Path) -> None:
    # Hidden files are the system's, or our lock.
    there = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    if there:
        raise WriteError(
            f"{folder} holds {there[0]} already",
            allowed="a new folder, or an empty one",
            todo="choose another folder, or open the data set that is there",
        )
