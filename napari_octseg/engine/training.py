"""Train a network from a recipe: one plain loop, resumable, the best kept."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.engine.data.sampling import load_training_set
from napari_octseg.engine.learning.clock import Clock, check_limit
from napari_octseg.engine.learning.criterion import Criterion
from napari_octseg.engine.learning.example import write_example
from napari_octseg.engine.learning.fabric import launch_fabric
from napari_octseg.engine.learning.first_weights import check_start
from napari_octseg.engine.learning.run_log import RunLog
from napari_octseg.engine.learning.run_state import RunState, is_finished, read_last
from napari_octseg.engine.learning.update import update
from napari_octseg.engine.learning.validation import (
    class_scores,
    dice_scores,
    score_of_choice,
)
from napari_octseg.engine.progress import Progress
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_octseg.engine.recipe import Recipe


@dataclass(frozen=True)
class TrainSettings:
    """Where a training run finds its data, keeps its state and computes.

    data
        Root of the data folders that the recipe names.
    run
        Folder of the run: state, log and best weights; an unfinished run goes on.
    device, n_devices, n_nodes, precision
        As for `launch_fabric`.
    """

    data: Path
    run: Path
    device: str = "auto"
    n_devices: int = 1
    n_nodes: int = 1
    precision: str = "bf16-mixed"


def iter_train(
    recipe: Recipe, settings: TrainSettings
) -> Generator[Progress, None, Path]:
    """Train, yielding after every update; the best weights stay in the run folder.

    Closing the generator (Ctrl-C) keeps the best so far; calling again goes on from
    the last validation. Only its length, its words and its post-processing may differ
    in the recipe then. On the CPU the same seed gives the same weights, unless the time
    is limited.

    Yields
    ------
    Progress
        `values` holds ``loss`` and ``learning_rate``, and after a validation ``dice``
        and its parts (`dice_scores`, `class_scores`). A recipe that fine-tunes begins
        with a validation of its start, and leaves ``example.npz`` at each.

    Returns
    -------
    Path
        ``best.pt`` in the run folder: the best ``weights`` (a state dict), their
        ``step`` and the ``plan`` they were trained by. Beside it are ``last.pt`` to go
        on from, ``recipe.json``, ``log.csv`` and a TensorBoard log.

    Raises
    ------
    RecipeError
        If data are missing, the run folder holds the run of another recipe, time is
        limited on several devices (`check_limit`), or the loss is not finite any more.
    DeviceError
        If the device has too little memory for one crop.
    """
    began = time.monotonic()
    run = settings.run
    run.mkdir(parents=True, exist_ok=True)
    saved = read_last(run, recipe)
    if saved and is_finished(recipe, saved["step"], saved["stale"]):
        return run / "best.pt"
    fabric = launch_fabric(
        settings.device,
        n_devices=settings.n_devices,
        n_nodes=settings.n_nodes,
        precision=settings.precision,
    )
    check_limit(recipe, fabric.world_size)
    check_start(recipe, settings.data)
    data = load_training_set(recipe, settings.data)
    criterion = Criterion(recipe.losses, data.labels(), data.membership)
    state = RunState(recipe, data, fabric)
    state.resume(saved)
    clock = Clock(
        recipe, _seconds_left(recipe, began), step=state.step, spent=state.seconds
    )
    with RunLog(run, state.step, writes=fabric.is_global_zero) as log:
        log.keep(recipe)
        if recipe.fine_tunes and not saved:
            values = _validate(state, run, clock, log)
            message = "before the first update" + _told(values)
            yield Progress(0, recipe.n_steps, message, values=values)
        over = state.finished or clock.is_over(state.step)
        while not over:
            rate = state.schedule.rate(state.step, clock.at(state.step))
            values = update(state, criterion, rate)
            if not math.isfinite(values["loss"]):
                raise RecipeError(
                    f"The loss is {values['loss']} after {state.step} updates",
                    todo="lower learning_rate or clip in the recipe, or train in "
                    "32-true; the best weights so far are kept",
                )
            log.add(values)
            # Asked once: time that runs out a moment later is for the next update.
            over = clock.is_over(state.step)
            scores = {}
            if over or clock.is_validation_due(state.step):
                scores = _validate(state, run, clock, log)
                over = over or state.finished or clock.is_over(state.step)
            total = state.step if over else clock.n_steps(state.step)
            message = f"step {state.step} of {total}, loss {values['loss']:.3f}"
            if state.step == 1 and state.origin:
                message += f"; {state.origin}"
            message += _told(scores)
            values |= scores
            yield Progress(state.step, total, message, values=values)
    return run / "best.pt"


def _seconds_left(recipe: Recipe, began: float) -> float | None:
    """Time for updates and validations: what reading the data left, half at least."""
    if recipe.minutes is None:
        return None
    whole = 60 * recipe.minutes
    return max(whole - (time.monotonic() - began), whole / 2)


def _validate(
    state: RunState, run: Path, clock: Clock, log: RunLog
) -> dict[str, float]:
    """Measure the held-out scans, and keep the state and what is best so far."""
    began = time.monotonic()
    recipe = state.recipe
    overlaps = state.overlaps()
    scores = dice_scores(overlaps, recipe)
    if recipe.fine_tunes and not state.step:
        state.start_scores = scores
    is_better = True
    if scores:
        score = score_of_choice(scores, state.start_scores, recipe)
        is_better = state.validated(score)
    # What a model knew before cannot tell which weights are best for ground truth.
    is_judged = not recipe.fine_tunes or f"dice {recipe.sources[0].name}" in scores
    values = scores | class_scores(overlaps, recipe, state.data.tables)
    log.write(state.step, values)
    state.save(run, best=is_better or not is_judged, seconds=clock.spent)
    if recipe.fine_tunes and state.fabric.is_global_zero:
        write_example(state, run)
    clock.validated(state.step, time.monotonic() - began)
    return values


def _told(scores: dict[str, float]) -> str:
    return f", validation Dice {scores['dice']:.3f}" if scores else ""
