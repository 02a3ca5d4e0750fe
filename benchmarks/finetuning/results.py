"""Figures of a long benchmark, kept after each of its cells."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.io.atomic import written_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BASE, ALL, FINE_TUNED = "base", "trained on all", "fine-tuned"


@dataclass(frozen=True)
class Cell:
    """One model, measured.

    Attributes
    ----------
    way
        How it was made: `BASE`, `ALL`, `FINE_TUNED`, or how it was adapted.
    n_bscans, seed
        B-scans of the domain that it has seen, and by which seed they were drawn.
    dice
        Mean Dice on held-out patients of the domain.
    others
        The same on held-out patients of the data sets that the base was trained on.
    seconds
        From the start until the model was there, measuring included.
    training_s
        Of these the training alone.
    notes
        What else is to be said.
    """

    way: str
    n_bscans: int
    seed: int
    dice: float
    others: dict[str, float]
    seconds: float = 0.0
    training_s: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells it from other cells."""
        return self.way, self.n_bscans, self.seed

    @property
    def old(self) -> float:
        """Mean Dice over the old data sets."""
        return float(np.mean(list(self.others.values())))


@dataclass
class Results:
    """Cells in a JSON file: those that are there are not measured again.

    Parameters
    ----------
    path
        The file; None keeps nothing.
    """

    path: Path | None
    cells: list[Cell] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path is not None and self.path.is_file():
            found = json.loads(self.path.read_text("utf-8"))
            self.cells = [Cell(**{**c, "notes": tuple(c["notes"])}) for c in found]

    def has(self, way: str, n_bscans: int, seed: int) -> bool:
        """Whether a cell has been measured."""
        return (way, n_bscans, seed) in {cell.key for cell in self.cells}

    def add(self, cell: Cell) -> None:
        """Take a cell, and write all of them."""
        self.cells.append(cell)
        self._write()

    def put(self, place: int, cell: Cell) -> None:
        """Take a cell instead of the one in a place."""
        self.cells[place] = cell
        self._write()

    def _write(self) -> None:
        if self.path is not None:
            with written_whole(self.path) as target:
                values = [asdict(one) for one in self.cells]
                target.write_text(json.dumps(values, indent=1), encoding="utf-8")

    def of(self, way: str) -> list[Cell]:
        """Cells made in one way."""
        return [cell for cell in self.cells if cell.way == way]


def recovered(dice: float, base: float, whole: float) -> float:
    """Share of the way from the base to the model trained on all; NaN without a gap."""
    return (dice - base) / (whole - base) if whole > base else float("nan")


def summary(cells: Sequence[Cell]) -> list[list[str]]:
    """Rows of a table: each way and number of B-scans, the mean over its seeds."""
    (base,) = [cell for cell in cells if cell.way == BASE]
    (whole,) = [cell for cell in cells if cell.way == ALL]
    groups: dict[tuple[str, int], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.way, cell.n_bscans].append(cell)
    rows = []
    for (way, n_bscans), own in groups.items():
        dice = [cell.dice for cell in own]
        old = float(np.mean([cell.old for cell in own]))
        share = recovered(float(np.mean(dice)), base.dice, whole.dice)
        spread = f" ({min(dice):.3f}–{max(dice):.3f})" if len(own) > 1 else ""
        seconds = float(np.mean([cell.seconds for cell in own]))
        is_end = way in (BASE, ALL)
        rows.append(
            [
                way,
                str(n_bscans) if n_bscans else "–",
                f"{np.mean(dice):.3f}{spread}",
                "–" if is_end or np.isnan(share) else f"{share:.0%}",
                f"{old:.3f}",
                "–" if way == BASE else f"{old - base.old:+.3f}",
                f"{seconds:.0f}" if seconds else "–",
            ]
        )
    return rows


HEAD = ("model", "B-scans", "Dice", "of the gap", "Dice before", "change", "seconds")
