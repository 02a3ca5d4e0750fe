"""Dice of a model on held-out patients, as `napari-octseg evaluate` measures it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.evaluation import iter_evaluate
from napari_octseg.engine.progress import outcome

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.bundles.score import Score
    from napari_octseg.engine.recipe import Recipe


def measured(
    model: str, recipe: Recipe, data: Path, names: tuple[str, ...]
) -> dict[str, float]:
    """Mean Dice of some sources of a recipe by name, on what it holds out.

    Parameters
    ----------
    model
        Name or folder of a bundle.
    recipe
        Says what labels mean and which patients are held out.
    data
        Root of the data folders.
    names
        The sources.
    """
    scores = outcome(iter_evaluate(model, recipe, data, names=names, device="cpu"))
    found = {score.data: mean_dice(score) for score in scores}
    return {name: dice for name, dice in found.items() if np.isfinite(dice)}


def mean_dice(score: Score) -> float:
    """Mean over the classes that somebody labelled; NaN if there are none.

    Of a class that only the model sees, Dice is 0, however few pixels it has.
    """
    labelled = [
        score.dice[name] for name, seen in score.support.items() if seen.n_images
    ]
    return float(np.mean(labelled)) if labelled else float("nan")


def old_sources(recipe: Recipe) -> tuple[str, ...]:
    """Sources of a base model that hold something out."""
    return tuple(s.name for s in recipe.sources if s.validation != ())
