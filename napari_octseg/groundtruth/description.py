"""What a data set is, as its folder tells: name, classes and layers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError, ReadError, WriteError
from napari_octseg.groundtruth.json_files import read_json, write_json
from napari_octseg.groundtruth.locking import cannot_write, locked
from napari_octseg.groundtruth.pseudonyms import secret_mark, secret_path
from napari_octseg.groundtruth.versions import LOCK, damaged
from napari_octseg.labels import LabelClass, LabelSet

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = 1
_FACTS = "dataset.json"
_MARK = "secret_mark"


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


def check_secret(folder: Path, patient: str) -> None:
    """Refuse a pseudonym that was made here with another secret than those before.

    Two secrets give one person two pseudonyms: a split would part scans of one person.
    The mark of the secret is written with the first patient whose pseudonym is made.

    Raises
    ------
    LabelError
        If it was.
    WriteError
        If the disk refuses.
    """
    own = described(folder)
    mark = secret_mark(own.id, patient)
    if mark is None or _agrees(folder, mark):
        return
    with locked(folder / LOCK):
        if not _agrees(folder, mark):
            facts = read_json(folder / _FACTS)
            write_json(folder / _FACTS, {**facts, _MARK: mark})


def check_own_secret(folder: Path) -> None:
    """Refuse to make pseudonyms with a secret that is not that of the data set.

    Raises
    ------
    LabelError
        If it is another one.
    ReadError, WriteError
        If the secret of this user cannot be read or made.
    """
    mark = secret_mark(described(folder).id)
    assert mark is not None  # there is always a secret
    _agrees(folder, mark)


def _agrees(folder: Path, mark: str) -> bool:
    """Whether a secret is that of the data set; False if there is none yet."""
    facts = read_json(folder / _FACTS)
    if _MARK not in facts:
        return False
    if facts[_MARK] != mark:
        raise LabelError(
            f"The pseudonyms of the data set {facts.get('name')} were made with "
            "another secret than yours: a patient who is in it would be a second "
            "person",
            allowed=f"pseudonyms made with its secret; yours is {secret_path()}",
            todo="choose a patient from the list (on the command line --patient P-…); "
            f"for a new one, get the file {secret_path().name} of whoever added "
            "patients before, and let OCTSEG_SECRETS name its folder",
        )
    return True


def _check_empty(folder: Path) -> None:
    # Hidden files are the system's, or our lock.
    there = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    if there:
        raise WriteError(
            f"{folder} holds {there[0]} already",
            allowed="a new folder, or an empty one",
            todo="choose another folder, or open the data set that is there",
        )
