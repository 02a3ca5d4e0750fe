from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from napari_octseg.engine.run_log import RunLog

if TYPE_CHECKING:
    from pathlib import Path


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_figure_has_a_column_of_its_own(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.write(10, {"loss": 0.5, "dice Duke": 0.25})
    log.write(20, {"loss": 0.125, "dice Duke": 0.5, "discriminator": 2})
    log.close()
    assert rows(tmp_path) == [
        {"step": "10", "loss": "0.5", "dice Duke": "0.25", "discriminator": ""},
        {"step": "20", "loss": "0.125", "dice Duke": "0.5", "discriminator": "2"},
    ]


def test_updates_that_are_done_again_are_logged_once(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    for step in (10, 20, 30):
        log.write(step, {"loss": step})
    log.close()
    again = RunLog(tmp_path, step=20)
    again.write(30, {"loss": 3})
    again.close()
    assert [row["loss"] for row in rows(tmp_path)] == ["10", "20", "3"]


def test_tensorboard_reads_the_same_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    log = RunLog(tmp_path)
    log.write(10, {"loss": 0.5, "dice Duke": 0.25})
    log.write(20, {"loss": 0.25, "dice Duke": 0.5})
    log.close()
    board = EventAccumulator(str(tmp_path))
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("dice/Duke")] == [
        (10, 0.25),
        (20, 0.5),
    ]
