"""What a training run leaves to read: its recipe, a table, a TensorBoard log."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from napari_octseg.engine.recipe import Recipe


class RunLog:
    """``recipe.json``, ``log.csv`` (a row for each validation) and a TensorBoard log.

    Parameters
    ----------
    run
        Folder of the run.
    step
        Update that the run goes on from: rows of later ones are of updates that are
        done again, and go.
    writes
        Whether this is the one of several processes that writes.
    """

    def __init__(self, run: Path, step: int = 0, *, writes: bool = True) -> None:
        self.run = run
        self.path = run / "log.csv"
        self.writes = writes
        self.rows: list[dict[str, str]] = []
        self._recent: list[dict[str, float]] = []  # since the last row
        if not writes:
            return
        from torch.utils.tensorboard import SummaryWriter

        if self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as file:
                known = list(csv.DictReader(file))
            self.rows = [row for row in known if int(row["step"]) <= step]
        self.board = SummaryWriter(str(run), purge_step=step + 1 if self.rows else None)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self.writes:
            self.board.close()

    def keep(self, recipe: Recipe) -> None:
        """Store the recipe as it was checked, with all its defaults."""
        if self.writes:
            text = recipe.model_dump_json(indent=1)
            (self.run / "recipe.json").write_text(text + "\n", encoding="utf-8")

    def add(self, values: dict[str, float]) -> None:
        """Remember the figures of one update; their means are in the next row."""
        self._recent.append(values)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Add a row: the means of the last updates, and the figures of a validation."""
        recent, self._recent = self._recent, []
        if not self.writes:
            return
        names = recent[0] if recent else ()
        means = {name: sum(v[name] for v in recent) / len(recent) for name in names}
        values = {**means, **values}
        texts = {name: f"{value:.6g}" for name, value in values.items()}
        self.rows.append({"step": str(step), **texts})
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        draft = self.path.with_suffix(".draft")
        with draft.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(self.rows)
        os.replace(draft, self.path)
        for name, value in values.items():
            # TensorBoard groups by what stands before a slash: "dice/Duke".
            self.board.add_scalar(name.replace(" ", "/", 1), value, step)
        self.board.flush()
