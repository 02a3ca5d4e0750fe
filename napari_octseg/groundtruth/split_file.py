"""The sides of patients as a data set keeps them; drawn and written in one step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError
from napari_octseg.groundtruth.json_files import read_json, write_json
from napari_octseg.groundtruth.locking import locked
from napari_octseg.groundtruth.split import check_split, proposed_split
from napari_octseg.groundtruth.versions import LOCK, damaged, read_entries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SPLIT = "split.json"


def patients_in(folder: Path) -> tuple[str, ...]:
    """Pseudonyms of the patients of a data set, in order."""
    return tuple(sorted({entry.patient for entry in read_entries(folder)}))


def read_split(folder: Path) -> dict[str, str]:
    """Side of each patient that somebody decided.

    Raises
    ------
    ReadError
        If the file is damaged.
    """
    path = folder / _SPLIT
    if not path.is_file():
        return {}
    split = {str(key): str(value) for key, value in read_json(path).items()}
    try:
        check_split(split, split)
    except LabelError as error:
        raise damaged(path, error) from error
    return split


def write_sides(folder: Path, sides: Mapping[str, str]) -> None:
    """Decide on some patients; see `DataSet.set_split`."""
    check_split(sides, patients_in(folder))
    with locked(folder / LOCK):
        _write(folder, sides)


def draw_sides(
    folder: Path, asked: Mapping[str, str], fraction: float, seed: int
) -> dict[str, str]:
    """A side for every patient; see `DataSet.propose_split`."""
    patients = patients_in(folder)
    check_split(asked, patients)
    decided = {**read_split(folder), **asked}
    return proposed_split(patients, decided, fraction, seed)


def write_drawn_sides(
    folder: Path, asked: Mapping[str, str], fraction: float, seed: int
) -> dict[str, str]:
    """Decide on every patient; see `DataSet.fill_split`."""
    with locked(folder / LOCK):
        sides = draw_sides(folder, asked, fraction, seed)
        _write(folder, sides)
    return sides


def _write(folder: Path, sides: Mapping[str, str]) -> None:
    # Those who have no scan any more stay decided.
    decided = {**read_split(folder), **sides}
    write_json(folder / _SPLIT, dict(sorted(decided.items())))
