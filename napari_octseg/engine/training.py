"""Train a network from a recipe: one plain loop, resumable, the best kept."""

from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_octseg.engine.device import choose_device
from napari_octseg.engine.first_weights import take_weights
from napari_octseg.engine.losses import code_logits, dice_cross_entropy
from napari_octseg.engine.metrics import Overlap
from napari_octseg.engine.preprocess import network_size, normalise
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.sampling import TrainingSet, load_training_set
from napari_octseg.errors import RecipeError
from napari_octseg.labels import IGNORE
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_octseg.engine.recipe import Recipe


@dataclass(frozen=True)
class TrainSettings:
    """Where a training run finds its data and keeps its state.

    data
        Root of the data folders that the recipe names.
    run
        Folder of the run: state, log and best weights; an unfinished run goes on.
    device
        As for `choose_device`.
    """

    data: Path
    run: Path
    device: str = "auto"


def iter_train(
    recipe: Recipe, settings: TrainSettings
) -> Generator[Progress, None, Path]:
    """Train, yielding after every update; the best weights stay in the run folder.

    Closing the generator (Ctrl-C) keeps the best so far; calling again goes on from
    the last validation. Only the number of steps may differ then.

    Yields
    ------
    Progress
        `values` holds ``loss``, and after a validation ``dice`` and its parts.

    Returns
    -------
    Path
        ``best.pt`` in the run folder: the best ``weights`` (a state dict), their
        ``step`` and the ``plan`` they were trained by.

    Raises
    ------
    RecipeError
        If data are missing, or the run folder holds the run of another recipe.
    """
    settings.run.mkdir(parents=True, exist_ok=True)
    device = choose_device(settings.device).device
    data = load_training_set(recipe, settings.data)
    torch.manual_seed(recipe.seed)
    network = build(recipe.architecture.name, recipe.architecture.arguments)
    if recipe.start:
        take_weights(network, recipe.start)
    state = _TrainingState(network.to(device), data, recipe)
    state.resume(settings.run / "last.pt", plan_of(recipe))
    rate = recipe.learning_rate
    while state.step < recipe.n_steps:
        for group in state.optimiser.param_groups:
            group["lr"] = rate * _schedule(state.step, recipe)
        loss = _update(state, recipe, device)
        values = {"loss": loss, "learning_rate": rate * _schedule(state.step, recipe)}
        finished = state.step == recipe.n_steps
        message = f"step {state.step} of {recipe.n_steps}, loss {loss:.3f}"
        if state.step % recipe.validate_every == 0 or finished:
            values |= validate(state.average, data, recipe, device)
            score = values.get("dice", 0.0)
            message += f", validation Dice {score:.3f}"
            if score >= state.best or not data.validation:
                state.best = score
                _write(
                    settings.run / "best.pt",
                    {
                        "weights": state.average.state_dict(),
                        "step": state.step,
                        "plan": plan_of(recipe),
                    },
                )
            _write(
                settings.run / "last.pt", {**state.as_dict(), "plan": plan_of(recipe)}
            )
            _log(settings.run / "log.csv", {"step": state.step, **values})
        yield Progress(state.step, recipe.n_steps, message, values=values)
    return settings.run / "best.pt"


def plan_of(recipe: Recipe) -> str:
    """The part of a recipe that must not change within a run, as text."""
    # A run may be made longer, or looked at more often, and stays the same run; so it
    # does when a later version knows settings that this recipe leaves at their default.
    return recipe.model_dump_json(
        exclude={"n_steps", "validate_every"}, exclude_defaults=True
    )


def check_plan(found: object, recipe_plan: str, run: Path) -> None:
    """Refuse weights that were trained by another recipe.

    Raises
    ------
    RecipeError
        If `found` is not `recipe_plan`.
    """
    if found != recipe_plan:
        raise RecipeError(
            f"{run} holds a run of another recipe (or an earlier form of this one)",
            todo="give another folder with --run, or remove that one to start anew",
        )


@torch.no_grad()
def validate(
    network: nn.Module, data: TrainingSet, recipe: Recipe, device: torch.device
) -> dict[str, float]:
    """Mean Dice of the held-out B-scans on the network's grid.

    Returns
    -------
    ``dice``, the mean over the sources, and ``dice <source>``, the mean over its codes
    of the Dice pooled over its B-scans.
    """
    network.eval()
    pooled: dict[int, dict[int, Overlap]] = {}
    for sample in data.validation:
        batch = normalise(sample.image[None], recipe.input.intensity)
        depth, width = sample.codes.shape
        rows, columns = network_size((depth, width), recipe.input)
        batch = functional.pad(
            batch, (0, columns - width, 0, rows - depth), mode="replicate"
        )
        with torch.autocast(device.type, torch.bfloat16):
            logits = network(batch.to(device, memory_format=torch.channels_last))
        logits = logits[..., :depth, :width]
        member = data.membership[sample.source]
        codes = code_logits(logits, member[None].to(device)).argmax(1)[0].cpu()
        own = pooled.setdefault(sample.source, {})
        counted = sample.codes != IGNORE
        for code in range(1, int(member.any(1).sum())):
            p, t = (codes == code) & counted, (sample.codes == code) & counted
            found = Overlap(int((p & t).sum()), int(p.sum()), int(t.sum()))
            own[code] = own.get(code, Overlap(0, 0, 0)) + found
    scores = {
        f"dice {recipe.sources[source].name}": _mean([o.dice for o in own.values()])
        for source, own in pooled.items()
    }
    return {**scores, "dice": _mean(list(scores.values()))} if scores else {}


class _TrainingState:
    """Weights, their running mean, optimiser and random numbers of a run."""

    def __init__(self, network: nn.Module, data: TrainingSet, recipe: Recipe) -> None:
        self.data = data
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = build(
            recipe.architecture.name, recipe.architecture.arguments
        ).to(next(network.parameters()).device)
        self.average.load_state_dict(network.state_dict())
        self.optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        self.step = 0
        self.best = -1.0
        self.decay = recipe.ema

    def follow(self) -> None:
        """Move the running mean towards the weights; fast in the beginning."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(
                self.average.state_dict().values(),
                self.network.state_dict().values(),
                strict=True,
            ):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)

    def as_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "data": self.data.state_dict(),
            "torch": torch.get_rng_state(),
            "step": self.step,
            "best": self.best,
        }

    def resume(self, path: Path, plan: str) -> None:
        """Go on from the last validation of an unfinished run, if there is one."""
        if not path.is_file():
            return
        # Random states must stay on the CPU; load_state_dict moves the rest itself.
        saved = torch.load(path, map_location="cpu", weights_only=True)
        check_plan(saved.get("plan"), plan, path.parent)
        self.network.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.data.load_state_dict(saved["data"])
        torch.set_rng_state(saved["torch"])
        self.step, self.best = saved["step"], saved["best"]


def _update(state: _TrainingState, recipe: Recipe, device: torch.device) -> float:
    """One optimiser update on one batch; the loss."""
    drawn = state.data.batch(recipe.batch_size)
    batch = normalise(drawn.images, recipe.input.intensity)
    codes, membership = drawn.codes.to(device), drawn.membership.to(device)
    state.network.train()
    # bf16 keeps float32's range: no loss scaling is needed on any device.
    with torch.autocast(device.type, torch.bfloat16):
        outputs = _outputs(
            state.network,
            batch.to(device, memory_format=torch.channels_last, non_blocking=True),
        )
    losses = [
        dice_cross_entropy(
            logits,
            codes,
            membership,
            dice_weight=recipe.dice_weight,
            entropy_weight=recipe.entropy_weight,
        )
        for logits in outputs
    ]
    loss = torch.stack(losses).mean()
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    state.step += 1
    state.follow()
    return float(loss.detach())


def _outputs(network: nn.Module, batch: Tensor) -> tuple[Tensor, ...]:
    """All logits that are supervised: those of `forward`, or the network's own."""
    several = getattr(network, "outputs", None)
    if several is None:
        return (network(batch),)
    found: tuple[Tensor, ...] = several(batch)
    return found


def _schedule(step: int, recipe: Recipe) -> float:
    """Share of the learning rate: linear warm-up, then half a cosine to 1 %."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    done = (step - recipe.warm_up) / max(recipe.n_steps - recipe.warm_up, 1)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(done, 1))) / 2


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _write(path: Path, state: dict[str, Any]) -> None:
    """Write all of it or nothing: a run may be stopped at any moment."""
    draft = path.with_suffix(".draft")
    torch.save(state, draft)
    os.replace(draft, path)


def _log(path: Path, values: dict[str, float]) -> None:
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "values"])
        writer.writerow([values["step"], json.dumps(values)])
