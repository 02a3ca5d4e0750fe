from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
import torch

from napari_octseg.bundles.card import Architecture
from napari_octseg.bundles.registry import load_network
from napari_octseg.engine.first_weights import take_weights
from napari_octseg.engine.training import TrainSettings, iter_train
from napari_octseg.errors import RecipeError
from napari_octseg.networks import ARCHITECTURES, build

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.engine.recipe import Recipe
    from tests.conftest import MakeBundle


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


def test_first_weights_come_from_a_bundle_as_far_as_they_fit(
    tiny_bundle: MakeBundle,
) -> None:
    given = load_network(tiny_bundle("parent", widths=(8, 16))).state_dict()
    network = build("unet", {"n_classes": 5, "widths": [8, 16]})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    message = take_weights(network, "parent")
    after = network.state_dict()
    taken = [name for name in after if torch.equal(after[name], given[name])]
    kept = [name for name in after if torch.equal(after[name], before[name])]
    assert "head.weight" in kept
    assert "encoder.0.0.weight" in taken
    assert message == f"{len(after) - 2} of {len(after)} tensors come from parent"


def test_a_bundle_that_shares_no_tensor_is_refused_as_a_start(
    tiny_bundle: MakeBundle,
) -> None:
    tiny_bundle("parent")
    with pytest.raises(RecipeError, match="Not one tensor of the model 'parent'"):
        take_weights(torch.nn.Conv2d(1, 1, 1), "parent")


class TwoOutputs(torch.nn.Module):
    """Two maps that share nothing; `forward` gives the second."""

    divisor = 2

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.early = torch.nn.Conv2d(1, n_classes, 3, padding=1)
        self.late = torch.nn.Conv2d(1, n_classes, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outputs(x)[-1]

    def outputs(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.early(x), self.late(x)


def test_every_output_of_a_network_is_supervised(
    recipe: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ARCHITECTURES, "two-outputs", TwoOutputs)
    two = recipe.model_copy(
        update={
            "architecture": Architecture(
                name="two-outputs", arguments={"n_classes": 3}
            ),
            "n_steps": 2,
            "validate_every": 1,
            "ema": 0.0,
        }
    )
    torch.manual_seed(two.seed)
    first = TwoOutputs(3).state_dict()
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    drain(two, settings)
    trained = torch.load(settings.run / "last.pt")["average"]
    assert all(not torch.equal(first[name], trained[name]) for name in first)


def test_scans_of_any_size_are_validated(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    native = recipe.input.model_copy(update={"size": None, "divisor": 16})
    odd = recipe.model_copy(update={"input": native, "n_steps": 1, "validate_every": 1})
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    (step,) = iter_train(odd, settings)  # 48 × 40 px, 40 is no multiple of 16
    assert 0 <= step.values["dice"] <= 1
