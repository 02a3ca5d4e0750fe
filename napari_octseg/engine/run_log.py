"""The figures of a training run: a table, and the same for TensorBoard."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class RunLog:
    """``log.csv`` with a row for each validation, and a TensorBoard log beside it.

    Parameters
    ----------
    run
        Folder of the run.
    step
        Update that the run goes on from: rows of later ones are of updates that are
        done again, and go.
    """

    def __init__(self, run: Path, step: int = 0) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.path = run / "log.csv"
        self.rows: list[dict[str, str]] = []
        if self.path.is_file():
            with self.path.open(newline="", encoding="utf-8") as file:
                known = list(csv.DictReader(file))
            self.rows = [row for row in known if int(row["step"]) <= step]
        self.board = SummaryWriter(str(run), purge_step=step + 1 if self.rows else None)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Add the figures of one validation."""
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

    def close(self) -> None:
        """Finish the TensorBoard log."""
        self.board.close()
