"""All that a training needs to go on after an interruption, and its files."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any, cast

import torch

from napari_octseg.engine.learning.adversarial import Adversary
from napari_octseg.engine.learning.first_weights import take_weights
from napari_octseg.engine.learning.norm_statistics import (
    norm_layers,
    refresh_statistics,
)
from napari_octseg.engine.learning.optimisers import make_optimiser
from napari_octseg.engine.learning.schedule import Schedule
from napari_octseg.engine.learning.scope import kept_parts, limit_training, trained
from napari_octseg.engine.learning.validation import held_out_overlaps
from napari_octseg.engine.preprocess import normalise
from napari_octseg.errors import RecipeError
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lightning_fabric import Fabric
    from torch import Tensor

    from napari_octseg.engine.data.sampling import TrainingSet
    from napari_octseg.engine.metrics import Overlap
    from napari_octseg.engine.recipe import Recipe

_WORDS = ("version", "title", "description", "limits", "licence", "reference", "split")
_LENGTH = ("n_steps", "validate_every", "minutes", "patience")


def plan_of(recipe: Recipe) -> str:
    """The part of a recipe that must not change within a run, as text."""
    # A run may be made longer, looked at more often or described better, and stays the
    # same run; so it does when a later version knows settings that this recipe leaves
    # at their default.
    free = {*_WORDS, *_LENGTH, "postprocess"}
    return recipe.model_dump_json(exclude=free, exclude_defaults=True)


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


def read_last(run: Path, recipe: Recipe) -> dict[str, Any]:
    """State of an unfinished run of this recipe; empty if there is none.

    Raises
    ------
    RecipeError
        If the folder holds the run of another recipe.
    """
    if not (run / "last.pt").is_file():
        return {}
    # Random states must stay on the CPU; `load_state_dict` moves the rest itself.
    saved: dict[str, Any] = torch.load(
        run / "last.pt", map_location="cpu", weights_only=True
    )
    check_plan(saved.get("plan"), plan_of(recipe), run)
    return saved


def is_finished(recipe: Recipe, step: int, stale: int) -> bool:
    """Whether all updates are done, or the score has not risen for long enough."""
    return step >= recipe.n_steps or 0 < recipe.patience <= stale


class RunState:
    """Networks, optimisers and random numbers of a run.

    Parameters
    ----------
    recipe
        Of the training.
    data
        What is drawn from; of several processes each draws its own samples.
    fabric
        Devices and precision.

    Attributes
    ----------
    network, optimiser
        As Fabric wraps them.
    plain
        The network itself.
    average
        The network with the running mean of the weights.
    step
        Updates done.
    n_at_once
        Crops that the device has room for.
    seconds
        Time that the run took until it was saved.
    start_scores
        Figures before the first update, where a model is fine-tuned.
    best, stale
        Best score of the validations; how many since then were no better.
    """

    def __init__(self, recipe: Recipe, data: TrainingSet, fabric: Fabric) -> None:
        self.recipe, self.data, self.fabric = recipe, data, fabric
        torch.manual_seed(recipe.seed)
        plain = build(recipe.architecture.name, recipe.architecture.arguments)
        self.origin = take_weights(plain, recipe.start) if recipe.start else ""
        plain = plain.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        limit_training(plain, recipe.train_only)
        self.plain = plain
        self._optimiser = make_optimiser(
            recipe.optimiser,
            trained(plain),
            learning_rate=recipe.learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
        self.average = fabric.to_device(copy.deepcopy(plain).eval())
        self.network, self.optimiser = fabric.setup(plain, self._optimiser)
        if hasattr(plain, "outputs"):
            self.network.mark_forward_method("outputs")
        self.schedule = Schedule(recipe)
        self.adversary = _adversary_of(recipe, data, fabric)
        if fabric.world_size > 1:
            data.reseed(recipe.seed + 1000 * fabric.global_rank)
        torch.manual_seed(recipe.seed + fabric.global_rank)  # dropout
        self.step = 0
        self.n_at_once = recipe.batch_size
        self.seconds = 0.0
        self.start_scores: dict[str, float] = {}
        self.best = -1.0
        self.stale = 0

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return is_finished(self.recipe, self.step, self.stale)

    def follow(self) -> None:
        """Move the running mean towards the weights; fast in the beginning."""
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        new = self.plain.state_dict()
        with torch.no_grad():
            for name, mean in self.average.state_dict().items():
                # Batch norm counts its batches in whole numbers.
                if mean.is_floating_point():
                    mean.lerp_(new[name], 1 - decay)
                else:
                    mean.copy_(new[name])

    def overlaps(self) -> list[list[Overlap]]:
        """Pixel counts of the running mean on what is held out."""
        self._refresh_average()
        return held_out_overlaps(self.average, self.data, self.recipe, self.fabric)

    def _refresh_average(self) -> None:
        """Give the running mean of the weights batch-norm statistics of its own."""
        layers = norm_layers(self.average)
        # Before the first update the statistics are those of the weights.
        if not layers or not self.step or not self.recipe.norm_batches:
            return
        drawn = self.data.state_dict()
        with self.fabric.autocast():
            refresh_statistics(
                self.average,
                self._some_images(),
                kept=kept_parts(self.average, self.recipe),
            )
        # The training goes on with the crops that it would have had.
        self.data.load_state_dict(drawn)
        if self.fabric.world_size > 1:
            for layer in layers:
                for own in (layer.running_mean, layer.running_var):
                    assert own is not None  # batch norm keeps them here
                    own.copy_(cast("Tensor", self.fabric.all_reduce(own)))  # their mean

    def _some_images(self) -> Iterator[Tensor]:
        for _ in range(self.recipe.norm_batches):
            crops = self.data.batch(self.recipe.batch_size).images
            images = normalise(crops, self.recipe.input.intensity)
            yield self.fabric.to_device(images).to(memory_format=torch.channels_last)

    def validated(self, score: float) -> bool:
        """Take note of the score of a validation; whether none was better so far.

        Of equal weights the later ones are kept: what nobody can measure yet (a class
        that is not found at all) is learnt nevertheless.
        """
        self.schedule.validated(score)
        self.stale = 0 if score > self.best else self.stale + 1
        is_best = score >= self.best
        self.best = max(score, self.best)
        return is_best

    def save(self, run: Path, *, best: bool, seconds: float = 0.0) -> None:
        """Write ``last.pt``, and ``best.pt`` if the weights are the best so far."""
        random = self._random_states()
        if not self.fabric.is_global_zero:
            return
        plan = plan_of(self.recipe)
        if best:
            weights = self.average.state_dict()
            _write(
                run / "best.pt", {"weights": weights, "step": self.step, "plan": plan}
            )
        adversary = self.adversary
        state = {
            "network": self.plain.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
            "adversary": adversary.state_dict() if adversary else None,
            "random": random,
            "step": self.step,
            "seconds": seconds,
            "start_scores": self.start_scores,
            "best": self.best,
            "stale": self.stale,
            "plan": plan,
        }
        _write(run / "last.pt", state)

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from what `read_last` found; from the beginning if that is empty."""
        if not saved:
            return
        self.plain.load_state_dict(saved["network"])
        self.average.load_state_dict(saved["average"])
        self._optimiser.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        if self.adversary is not None:
            self.adversary.load_state_dict(saved["adversary"])
        self.step, self.best, self.stale = saved["step"], saved["best"], saved["stale"]
        # Earlier forms of a run know neither.
        self.seconds = saved.get("seconds", 0.0)
        self.start_scores = saved.get("start_scores", {})
        if len(saved["random"]) == self.fabric.world_size:
            self._set_random(saved["random"][self.fabric.global_rank])

    def _random_states(self) -> list[dict[str, torch.Tensor]]:
        """States of the random numbers of every process."""
        own = {"torch": torch.get_rng_state(), **self.data.state_dict()}
        if self.fabric.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state(self.fabric.device)
        if self.fabric.world_size == 1:
            return [own]
        every: list[dict[str, torch.Tensor]] = [
            {} for _ in range(self.fabric.world_size)
        ]
        torch.distributed.all_gather_object(every, own)
        return every

    def _set_random(self, own: dict[str, torch.Tensor]) -> None:
        own = dict(own)
        torch.set_rng_state(own.pop("torch"))
        cuda = own.pop("cuda", None)
        if cuda is not None and self.fabric.device.type == "cuda":
            torch.cuda.set_rng_state(cuda, self.fabric.device)
        self.data.load_state_dict(own)


def _adversary_of(
    recipe: Recipe, data: TrainingSet, fabric: Fabric
) -> Adversary | None:
    if recipe.adversarial is None:
        return None
    if not any(bool((member.sum(1) <= 1).all()) for member in data.membership):
        raise RecipeError(
            "adversarial: no data set tells all its classes apart, so there are no "
            "drawn labels to show to the discriminator",
            todo="add a source whose codes are one class each, or leave it out",
        )
    n_channels = 1 + 2 * recipe.input.n_neighbours
    images = (recipe.batch_size, n_channels, *recipe.crop)
    probabilities = (recipe.batch_size, len(recipe.classes), *recipe.crop)
    return Adversary(recipe.adversarial, fabric, (images, probabilities))


def _write(path: Path, state: dict[str, Any]) -> None:
    """Write all of it or nothing: a run may be stopped at any moment."""
    draft = path.with_suffix(".draft")
    torch.save(state, draft)
    os.replace(draft, path)
