import csv
from pathlib import Path

import pytest
import torch

from napari_octseg.engine.recipe import Recipe
from napari_octseg.engine.training import TrainSettings, iter_train
from napari_octseg.errors import RecipeError


def drain(recipe: Recipe, settings: TrainSettings) -> list[float]:
    """Train to the end; the loss of every update."""
    return [step.values["loss"] for step in iter_train(recipe, settings)]


def weights(run: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(run / "best.pt")["weights"]
    return loaded


def test_a_tiny_network_learns_stripes(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    steps = list(iter_train(recipe, settings))
    assert steps[-1].done == recipe.n_steps
    assert steps[-1].values["loss"] < 0.5 * steps[0].values["loss"]
    assert steps[-1].values["dice stripes"] > 0.8
    assert steps[-1].values["dice tissue"] > 0.8
    with (tmp_path / "run/log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["30", "60"]


def test_the_same_seed_gives_the_same_weights_also_across_an_interruption(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    short = recipe.model_copy(update={"n_steps": 8, "validate_every": 4})
    whole = TrainSettings(data, tmp_path / "whole", device="cpu")
    drain(short, whole)
    parts = TrainSettings(data, tmp_path / "parts", device="cpu")
    task = iter_train(short, parts)
    for _ in range(6):
        next(task)
    task.close()  # stopped after step 6; step 4 was the last that was kept
    assert len(drain(short, parts)) == 4
    first, second = weights(whole.run), weights(parts.run)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_finished_run_is_not_done_again(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    short = recipe.model_copy(update={"n_steps": 2, "validate_every": 2})
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    assert len(drain(short, settings)) == 2
    assert drain(short, settings) == []


def test_without_training_data_it_says_so(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    source = recipe.sources[0].model_copy(
        update={"validation": tuple(f"scan{n}" for n in (1, 2, 3, 4, 5, 10))}
    )
    nothing = recipe.model_copy(update={"sources": (source,)})
    with pytest.raises(RecipeError, match="no B-scan to train on"):
        drain(nothing, TrainSettings(data, tmp_path / "run"))


def test_a_run_of_another_recipe_is_not_gone_on_with(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    short = recipe.model_copy(update={"n_steps": 2, "validate_every": 2})
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    drain(short, settings)
    longer = short.model_copy(update={"n_steps": 4})
    assert len(drain(longer, settings)) == 2
    with pytest.raises(RecipeError, match="another recipe"):
        drain(short.model_copy(update={"seed": 9}), settings)
