"""How the learning rate changes during a training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.engine.recipe import Recipe

_LAST = 0.01
"""Share of the learning rate that the cosine ends with."""


class Schedule:
    """Learning rate of every update, as the recipe says.

    After a linear warm-up: ``cosine``, half a cosine down to 1 %; ``steps``, times
    ``decay_factor`` after every ``decay_after`` updates; ``plateau``, times
    ``decay_factor`` whenever ``decay_after`` validations brought no better score;
    ``constant``.

    Parameters
    ----------
    recipe
        Of the training.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.best = -math.inf
        self.stale = 0
        self.n_decays = 0

    def rate(self, step: int, at: float | None = None) -> float:
        """Learning rate of the update after `step` updates.

        Parameters
        ----------
        step
            Updates done.
        at
            How far the run is, in updates: more than `step` where its time will end
            before its updates do.
        """
        recipe = self.recipe
        if step < recipe.warm_up:
            return recipe.learning_rate * (step + 1) / recipe.warm_up
        if recipe.schedule == "cosine":
            n_left = max(recipe.n_steps - recipe.warm_up, 1)
            far = step if at is None else at
            done = min(max(far - recipe.warm_up, 0) / n_left, 1)
            fall = (1 + math.cos(math.pi * done)) / 2
            return recipe.learning_rate * (_LAST + (1 - _LAST) * fall)
        n_decays = self.n_decays
        if recipe.schedule == "steps":
            n_decays = step // recipe.decay_after
        return recipe.learning_rate * float(recipe.decay_factor**n_decays)

    def validated(self, score: float) -> None:
        """Tell the score of a validation; more is better."""
        if score > self.best:
            self.best, self.stale = score, 0
            return
        self.stale += 1
        if self.recipe.schedule == "plateau" and self.stale >= self.recipe.decay_after:
            self.n_decays, self.stale = self.n_decays + 1, 0

    def state_dict(self) -> dict[str, float]:
        """What `load_state_dict` needs to go on."""
        return {"best": self.best, "stale": self.stale, "n_decays": self.n_decays}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on where a `state_dict` was taken."""
        self.best = state["best"]
        self.stale, self.n_decays = int(state["stale"]), int(state["n_decays"])
