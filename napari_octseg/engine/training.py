"""Train a network from a recipe: one plain loop, resumable, the best kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_octseg.engine.data.sampling import load_training_set
from napari_octseg.engine.learning.criterion import Criterion
from napari_octseg.engine.learning.fabric import launch_fabric
from napari_octseg.engine.learning.first_weights import check_start
from napari_octseg.engine.learning.run_log import RunLog
from napari_octseg.engine.learning.run_state import RunState, is_finished, read_last
from napari_octseg.engine.learning.validation import dice_scores
from napari_octseg.engine.preprocess import normalise
from napari_octseg.engine.progress import Progress
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from torch import Tensor

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
    in the recipe then. On the CPU the same seed gives the same weights.

    Yields
    ------
    Progress
        `values` holds ``loss``, and after a validation ``dice`` and its parts.

    Returns
    -------
    Path
        ``best.pt`` in the run folder: the best ``weights`` (a state dict), their
        ``step`` and the ``plan`` they were trained by. Beside it are ``last.pt`` to go
        on from, ``recipe.json``, ``log.csv`` and a TensorBoard log.

    Raises
    ------
    RecipeError
        If data are missing, the run folder holds the run of another recipe, or the
        loss is not finite any more.
    """
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
    check_start(recipe, settings.data)
    data = load_training_set(recipe, settings.data)
    criterion = Criterion(recipe.losses, data.labels(), data.membership)
    state = RunState(recipe, data, fabric)
    state.resume(saved)
    with RunLog(run, state.step, writes=fabric.is_global_zero) as log:
        log.keep(recipe)
        while not state.finished:
            values = _update(state, criterion)
            if not math.isfinite(values["loss"]):
                raise RecipeError(
                    f"The loss is {values['loss']} after {state.step} updates",
                    todo="lower learning_rate or clip in the recipe, or train in "
                    "32-true; the best weights so far are kept",
                )
            log.add(values)
            message = (
                f"step {state.step} of {recipe.n_steps}, loss {values['loss']:.3f}"
            )
            if state.step == 1 and state.origin:
                message += f"; {state.origin}"
            if state.step % recipe.validate_every == 0 or state.step == recipe.n_steps:
                scores = dice_scores(state.overlaps(), recipe)
                best = state.validated(scores["dice"]) if scores else True
                log.write(state.step, scores)
                state.save(run, best=best)
                values |= scores
                if scores:
                    message += f", validation Dice {scores['dice']:.3f}"
            yield Progress(state.step, recipe.n_steps, message, values=values)
    return run / "best.pt"


def _update(state: RunState, criterion: Criterion) -> dict[str, float]:
    """One optimiser update on one batch; its figures."""
    recipe, fabric, network = state.recipe, state.fabric, state.network
    rate = state.schedule.rate(state.step)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    batch = state.data.batch(recipe.batch_size)
    images = normalise(batch.images, recipe.input.intensity)
    images = fabric.to_device(images).to(memory_format=torch.channels_last)
    codes = fabric.to_device(batch.codes)
    network.train()
    with fabric.autocast():
        outputs = _outputs(network, images)
    loss = criterion(outputs, codes, batch.membership)
    figures = {"loss": loss.detach()}
    if state.adversary is not None:
        judgement, own = state.adversary(images, outputs[-1], codes, batch.membership)
        figures |= {"adversarial": judgement.detach(), "discriminator": own}
        loss = loss + judgement
    state.optimiser.zero_grad(set_to_none=True)
    fabric.backward(loss)
    if recipe.clip:
        fabric.clip_gradients(network, state.optimiser, max_norm=recipe.clip)
    state.optimiser.step()
    state.step += 1
    state.follow()
    return {name: float(value) for name, value in figures.items()} | {
        "learning_rate": rate
    }


def _outputs(network: torch.nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """All logits that are supervised: those of `forward`, or the network's own."""
    several = getattr(network, "outputs", None)
    if several is None:
        return (network(images),)
    found: tuple[Tensor, ...] = several(images)
    return found
