"""How long a fine-tuning may take, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.engine.finetuning.settings import PresetName
    from napari_octseg.engine.recipe import Scope


@dataclass(frozen=True)
class Preset:
    """A way to fine-tune.

    Parameters
    ----------
    title
        For people.
    n_steps, minutes
        Updates at most, and time at most (None: as long as they take).
    n_validations, n_validated
        How often held-out B-scans are looked at, and how many of each data set then; 0
        takes all. The gate measures all of them.
    scope
        As `Recipe.train_only`.
    rate
        Largest learning rate, as a share of that of the training that began the model;
        a model that was fine-tuned goes on with its rate.
    n_replay, n_replay_held_out
        Images of each of the model's own data sets to train on, and to measure on; 0
        takes all.
    n_held_out
        Held-out B-scans of the ground truth to measure on; 0 takes all.
    n_looks
        Unlabelled B-scans whose look is given to others.
    norm_batches
        As in the recipe: 0 where there are too few images to take statistics from.
    """

    title: str
    n_steps: int
    minutes: float | None
    n_validations: int
    n_validated: int
    scope: Scope
    rate: float
    n_replay: int
    n_replay_held_out: int
    n_held_out: int
    n_looks: int
    norm_batches: int


PRESETS: dict[PresetName, Preset] = {
    "quick": Preset(
        title="quick: up to 3 minutes",
        n_steps=240,
        minutes=1.5,
        n_validations=5,
        n_validated=5,
        scope="all",
        rate=0.1,
        n_replay=36,
        n_replay_held_out=8,
        n_held_out=10,
        n_looks=8,
        norm_batches=0,
    ),
    "standard": Preset(
        title="standard: up to an hour",
        n_steps=800,
        minutes=45.0,
        n_validations=12,
        n_validated=12,
        scope="all",
        rate=0.1,
        n_replay=60,
        n_replay_held_out=10,
        n_held_out=60,
        n_looks=32,
        norm_batches=16,
    ),
    "thorough": Preset(
        title="thorough: as long as it takes",
        n_steps=3000,
        minutes=None,
        n_validations=30,
        n_validated=40,
        scope="all",
        rate=0.1,
        n_replay=0,
        n_replay_held_out=0,
        n_held_out=0,
        n_looks=96,
        norm_batches=32,
    ),
}

LEAST_WARM_UP = 10
"""Updates with rising learning rate: the optimiser knows no gradient at first."""
