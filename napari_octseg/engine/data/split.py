"""Whose image is whose, and which are held out: split by patient, never by B-scan."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_octseg.engine.data.source import (
    BlocksHeldOut,
    ColumnHeldOut,
    FoldHeldOut,
    FractionHeldOut,
)
from napari_octseg.errors import RecipeError
from napari_octseg.io.format import natural_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.engine.data.source import Pictures, Source

T = TypeVar("T")

PHANTOM = "phantom"
"""Begins the name of a phantom; its number follows."""


@dataclass(frozen=True)
class Entry:
    """One image of a source: its name, its patient, and whether it is held out.

    `path` is None for phantoms and ground truth.
    """

    name: str
    path: Path | None
    patient: str
    held_out: bool


def list_source(source: Source, root: Path) -> list[Entry]:
    """The images of a source in natural order; their pixels are not read.

    Parameters
    ----------
    source
        The data set.
    root
        Root of the data folders.

    Raises
    ------
    RecipeError
        If the folder has no images, an image is not in the index or its name tells no
        patient, a name to exclude or to hold out is of none, or a patient would be on
        both sides.
    """
    if source.kind == "ground truth":
        from napari_octseg.engine.data.graded_source import graded_entries

        return _thinned(graded_entries(source, root), source)
    paths: Sequence[Path | None]
    if source.kind == "phantom":
        numbers = range(source.n_phantoms)
        paths = [None] * source.n_phantoms
        names = [f"{PHANTOM}-{number}" for number in numbers]
        rows: list[dict[str, str]] = [{} for _ in numbers]
        patients = names
    else:
        found = find_pictures(source, root)
        paths, names = found, [path.stem for path in found]
        rows = _rows(source, root, names)
        patients = [
            _patient(source, name, row) for name, row in zip(names, rows, strict=True)
        ]
    held_out = _held_out(source, names, patients, rows)
    sides = {(p, h) for p, h in zip(patients, held_out, strict=True)}
    both = sorted({p for p, h in sides if h and (p, False) in sides})
    if both:
        raise RecipeError(
            f"The patients {', '.join(both)} of {source.name!r} are partly held out",
            allowed="all or none of the images of a patient",
            todo="name patients under validation, or hold whole ones out",
        )
    every = [Entry(*one) for one in zip(names, paths, patients, held_out, strict=True)]
    return every if source.neighbours else _thinned(every, source)


def _thinned(entries: Sequence[Entry], source: Source) -> list[Entry]:
    """As many as the source asks for of each side, evenly spread."""
    kept: set[str] = set()
    for most, held_out in ((source.n_most, False), (source.n_most_held_out, True)):
        side = [entry.name for entry in entries if entry.held_out == held_out]
        kept.update(evenly_spread(side, most) if most else side)
    return [entry for entry in entries if entry.name in kept]


def evenly_spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of them, evenly spread."""
    n = len(items)
    places = np.linspace(0, n - 1, min(n, most)).round().astype(int)
    return [items[place] for place in places]


def last_number(name: str) -> str:
    """The last number in a name, as it is written; empty if there is none."""
    numbers = re.findall(r"\d+", name)
    return numbers[-1] if numbers else ""


def around_number(name: str) -> tuple[tuple[str, str], str]:
    """What stands before and after the last number of a name, and this number."""
    number = last_number(name)
    before, _, after = name.rpartition(number) if number else (name, "", "")
    return (before, after), number


def find_pictures(source: Pictures, root: Path) -> list[Path]:
    """Its files in natural order.

    Raises
    ------
    RecipeError
        If there are none, or one to exclude does not exist.
    """
    found = [p for p in (root / source.folder).glob(source.images) if p.is_file()]
    if not found:
        raise RecipeError(
            f"No images {source.images} in {root / source.folder}",
            todo="check the data folder (--data) and the recipe's source "
            f"{source.name!r}",
        )
    names = {path.stem for path in found}
    check_names(source, "exclude", source.exclude, names)
    kept = [path for path in found if path.stem not in source.exclude]
    return sorted(kept, key=lambda path: natural_key(path.name))


def _rows(source: Source, root: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """Row of the index of each image; empty ones without an index."""
    if not source.index:
        return [{} for _ in names]
    path = root / source.folder / source.index
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RecipeError(
            f"The index {path} cannot be read ({error})",
            todo=f"check `index` of the source {source.name!r}",
        ) from error
    columns = {"file", source.patient} - {""}
    if isinstance(source.validation, ColumnHeldOut):
        columns.add(source.validation.column)
    missing = sorted(columns - set(rows[0] if rows else ()))
    if missing:
        raise RecipeError(
            f"The index {path} has no column {missing[0]!r}",
            allowed=", ".join(rows[0]) if rows else "a header and one row per image",
        )
    # With or without suffix; a name may hold dots of its own.
    by_name = {row["file"].rpartition(".")[0]: row for row in rows}
    by_name |= {row["file"]: row for row in rows}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise RecipeError(
            f"The index {path} does not list {unknown[0]}",
            todo=f"complete it, or name {unknown[0]} under `exclude`",
        )
    return [by_name[name] for name in names]


def _patient(source: Source, name: str, row: dict[str, str]) -> str:
    if not source.patient:
        # B-scans of one volume are of one eye, whoever's that is.
        return "*".join(around_number(name)[0]) if source.neighbours else name
    if source.index:
        return row[source.patient]
    found = re.search(source.patient, name)
    if found is None or found[1] is None:
        raise RecipeError(
            f"The name {name!r} tells no patient by {source.patient!r}",
            todo=f"correct `patient` of the source {source.name!r}",
        )
    return found[1]


def _held_out(
    source: Source,
    names: Sequence[str],
    patients: Sequence[str],
    rows: Sequence[dict[str, str]],
) -> list[bool]:
    rule = source.validation
    if isinstance(rule, ColumnHeldOut):
        chosen = [row[rule.column] == rule.value for row in rows]
        if not any(chosen):
            raise RecipeError(
                f"No image of {source.name!r} has {rule.column} {rule.value!r}",
                allowed=", ".join(sorted({row[rule.column] for row in rows})),
            )
        return chosen
    if isinstance(rule, BlocksHeldOut):
        raise ValueError(f"{source.name} is no ground truth")
    if isinstance(rule, FractionHeldOut | FoldHeldOut):
        order = _shuffled(patients, rule.seed)
        if isinstance(rule, FoldHeldOut):
            drawn = set(order[rule.fold :: rule.of])
        else:
            drawn = set(order[: max(1, round(rule.fraction * len(order)))])
        return [patient in drawn for patient in patients]
    if len(rule) == 2 and isinstance(rule[0], int):
        first, last = int(rule[0]), int(rule[1])
        numbers = [last_number(name) for name in names]
        return [bool(n) and first <= int(n) <= last for n in numbers]
    given = {str(name) for name in rule}
    check_names(source, "validation", given, {*names, *patients})
    return [n in given or p in given for n, p in zip(names, patients, strict=True)]


def _shuffled(patients: Sequence[str], seed: int) -> list[str]:
    """The patients in an order that depends on their names and the seed alone."""
    return sorted(
        set(patients),
        key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).digest(),
    )


def check_names(
    source: Pictures, field: str, given: Sequence[str] | set[str], known: set[str]
) -> None:
    """Check that a field of a source names only what there is.

    Raises
    ------
    RecipeError
        Otherwise.
    """
    strange = sorted(set(given) - known)
    if strange:
        raise RecipeError(
            f"{field} of {source.name!r}: there is no {', '.join(strange)}",
            todo="give names without suffix, or leave them out",
        )
