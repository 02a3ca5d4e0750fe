from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from napari_octseg.engine.learning.run_log import RunLog
from napari_octseg.engine.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from pathlib import Path


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_figure_has_a_column_of_its_own(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log.write(10, {"loss": 0.5, "dice Duke": 0.25})
        log.write(20, {"loss": 0.125, "dice Duke": 0.5, "discriminator": 2})
    assert rows(tmp_path) == [
        {"step": "10", "loss": "0.5", "dice Duke": "0.25", "discriminator": ""},
        {"step": "20", "loss": "0.125", "dice Duke": "0.5", "discriminator": "2"},
    ]


def test_figures_of_updates_are_averaged_since_the_last_row(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        for loss in (1.0, 3.0):
            log.add({"loss": loss})
        log.write(2, {"dice": 0.5})
        log.add({"loss": 7.0})
        log.write(3, {"dice": 0.6})
    assert [row["loss"] for row in rows(tmp_path)] == ["2", "7"]


def test_updates_that_are_done_again_are_logged_once(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        for step in (10, 20, 30):
            log.write(step, {"loss": step})
    with RunLog(tmp_path, step=20) as again:
        again.write(30, {"loss": 3})
    assert [row["loss"] for row in rows(tmp_path)] == ["10", "20", "3"]


def test_only_one_of_several_processes_writes(tmp_path: Path, recipe: Recipe) -> None:
    with RunLog(tmp_path, writes=False) as log:
        log.keep(recipe)
        log.add({"loss": 1.0})
        log.write(1, {"dice": 0.5})
    assert not list(tmp_path.iterdir())


def test_the_recipe_is_stored_so_that_it_can_be_read(
    tmp_path: Path, recipe: Recipe
) -> None:
    with RunLog(tmp_path) as log:
        log.keep(recipe)
    assert read_recipe(tmp_path / "recipe.json") == recipe


def test_tensorboard_reads_the_same_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    with RunLog(tmp_path) as log:
        log.write(10, {"loss": 0.5, "dice Duke": 0.25})
        log.write(20, {"loss": 0.25, "dice Duke": 0.5})
    board = EventAccumulator(str(tmp_path))
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("dice/Duke")] == [
        (10, 0.25),
        (20, 0.5),
    ]
