"""How far a training is: by its updates, or by the time that it may take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from napari_octseg.engine.recipe import Recipe

_LEAST_WAIT = 3
"""Where time is short at least so much of it is spent on updates, for each validation.
"""
LEAST_STEPS = 20
"""Updates that are done however long they take: of fewer nothing is learnt."""


def check_limit(recipe: Recipe, n_processes: int) -> None:
    """Refuse a limit of time where several processes train together.

    Each has a clock of its own: one would validate, or end, while another waits for it
    to exchange gradients.

    Raises
    ------
    RecipeError
        If the recipe has ``minutes`` and there is more than one process.
    """
    if recipe.minutes is not None and n_processes > 1:
        raise RecipeError(
            f"minutes is {recipe.minutes:g} in the recipe, and {n_processes} processes "
            "train together, each with a clock of its own",
            allowed="a limit of time on one device alone; on several, n_steps",
            todo="leave minutes out and set n_steps, or train on one device",
        )


class Clock:
    """Follows a run to the end of its updates or of its time, whichever comes first.

    `LEAST_STEPS` updates, or all if there are fewer, are done in any case.

    Parameters
    ----------
    recipe
        Tells how many updates there are, and how many between two validations.
    seconds
        Time for all updates and validations; None: as long as they take.
    step, spent
        Updates that an earlier part of the run did, and the seconds that it took.
    """

    def __init__(
        self, recipe: Recipe, seconds: float | None, *, step: int, spent: float
    ) -> None:
        self._recipe = recipe
        self._seconds = seconds
        self._began = time.monotonic() - spent
        self._last_s = 0.0  # what the last validation took
        self._validated_at = self._began
        self._n_validated = int(self.at(step) // recipe.validate_every)

    @property
    def spent(self) -> float:
        """Seconds since the begin of the run."""
        return time.monotonic() - self._began

    def at(self, step: int) -> float:
        """How far the run is after `step` updates, 0…n_steps.

        More than `step` where the time will be over before the updates are done.
        """
        n_steps = self._recipe.n_steps
        if self._seconds is None:
            return step
        # The end needs a validation of its own.
        left = max(self._seconds - self._last_s, 1e-9)
        share = min(self.spent / left, step / min(LEAST_STEPS, n_steps))
        return min(max(step, n_steps * share), n_steps)

    def n_steps(self, step: int) -> int:
        """Updates that there will be, as far as can be told."""
        far = self.at(step)
        if far <= step:
            return self._recipe.n_steps
        return max(step, round(self._recipe.n_steps * step / far))

    def is_over(self, step: int) -> bool:
        """Whether all updates are done, or their time is over."""
        return self.at(step) >= self._recipe.n_steps

    def is_validation_due(self, step: int) -> bool:
        """Whether it is time for a validation: as often as the recipe says."""
        if self.is_over(step):
            return True
        n = int(self.at(step) // self._recipe.validate_every)
        if n <= self._n_validated:
            return False
        waited = time.monotonic() - self._validated_at
        return self._seconds is None or waited >= _LEAST_WAIT * self._last_s

    def validated(self, step: int, seconds: float) -> None:
        """Take note of a validation after `step` updates, and how long it took."""
        self._last_s = seconds
        self._validated_at = time.monotonic()
        self._n_validated = int(self.at(step) // self._recipe.validate_every)
