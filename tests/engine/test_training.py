from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
import torch

from napari_octseg.bundles.card import Architecture, Input
from napari_octseg.bundles.registry import load_network
from napari_octseg.engine import training
from napari_octseg.engine.learning.fabric import launch_fabric
from napari_octseg.engine.learning.first_weights import check_start, take_weights
from napari_octseg.engine.recipe import Adversarial
from napari_octseg.engine.training import TrainSettings, iter_train
from napari_octseg.errors import RecipeError
from napari_octseg.networks import ARCHITECTURES, build

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.engine.recipe import Recipe
    from tests.conftest import MakeBundle

JUDGED = {
    "adversarial": Adversarial(
        architecture=Architecture(
            name="retouch-discriminator",
            arguments={"in_channels": 1, "n_classes": 3, "width": 2},
        ),
        learning_rate=0.01,
    ),
    # The smallest that this discriminator takes.
    "input": Input(size=(70, 30), divisor=2),
    "crop": (70, 30),
}
"""Changes of the tiny recipe that train it against a discriminator."""


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


def test_a_start_that_saw_held_out_patients_is_refused(
    recipe: Recipe, data: Path, tiny_bundle: MakeBundle
) -> None:
    parent = tiny_bundle("parent")
    path = parent.folder / "recipe.json"
    path.write_text(recipe.model_dump_json(), encoding="utf-8")
    same = recipe.model_copy(update={"start": "parent"})
    check_start(same, data)
    source = recipe.sources[0].model_copy(update={"validation": ("scan1",)})
    other = same.model_copy(update={"sources": (source, *recipe.sources[1:])})
    with pytest.raises(RecipeError, match="'parent' was trained on scan1 of 'stripes'"):
        check_start(other, data)
    # Through a bundle that was itself started from the one that saw them.
    child = tiny_bundle("child")
    (child.folder / "recipe.json").write_text(other.model_dump_json(), encoding="utf-8")
    with pytest.raises(RecipeError, match="'parent' was trained on scan1"):
        check_start(other.model_copy(update={"start": "child"}), data)


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


def test_the_same_seed_gives_the_same_weights(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    dropping = {"n_classes": 3, "widths": [4, 8], "dropout": [0.5, 0.5, 0.5]}
    short = recipe.model_copy(
        update={
            "architecture": Architecture(name="unet", arguments=dropping),
            "n_steps": 3,
            "validate_every": 3,
        }
    )
    runs = [TrainSettings(data, tmp_path / name, device="cpu") for name in "ab"]
    losses = [drain(short, settings) for settings in runs]
    first, second = (weights(settings.run) for settings in runs)
    assert losses[0] == losses[1]
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = TrainSettings(data, tmp_path / "c", device="cpu")
    assert drain(short.model_copy(update={"seed": 2}), other) != losses[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"optimiser": "sgdm", "schedule": "plateau", "decay_after": 1},
        {"optimiser": "adam", "schedule": "steps", "decay_after": 3},
        {"losses": {"median_frequency": 1.0}, "clip": 0.0, "ema": 0.0},
        {**JUDGED, "start": "parent"},
    ],
)
def test_all_that_a_recipe_can_name_goes_on_exactly_after_an_interruption(
    recipe: Recipe,
    data: Path,
    tmp_path: Path,
    tiny_bundle: MakeBundle,
    changes: dict[str, object],
) -> None:
    tiny_bundle("parent", widths=(8, 16))
    short = recipe.model_copy(update={"n_steps": 4, "validate_every": 2, **changes})
    whole = TrainSettings(data, tmp_path / "whole", device="cpu")
    drain(short, whole)
    parts = TrainSettings(data, tmp_path / "parts", device="cpu")
    task = iter_train(short, parts)
    for _ in range(3):
        next(task)
    task.close()
    drain(short, parts)
    first, second = (
        torch.load(settings.run / "last.pt") for settings in (whole, parts)
    )
    for part in ("network", "average"):
        assert all(
            torch.equal(first[part][key], second[part][key]) for key in first[part]
        )
    rows = [(s.run / "log.csv").read_text() for s in (whole, parts)]
    assert rows[0].splitlines()[-1] == rows[1].splitlines()[-1]


def test_an_adversarial_run_logs_both_sides(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    short = recipe.model_copy(update={"n_steps": 2, "validate_every": 2, **JUDGED})
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    drain(short, settings)
    with (settings.run / "log.csv").open() as file:
        (row,) = csv.DictReader(file)
    # Of two logits without knowledge: log 2.
    assert 0.2 < float(row["adversarial"]) < 3
    assert 0.2 < float(row["discriminator"]) < 3


def test_it_stops_when_the_score_no_longer_rises(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    still = recipe.model_copy(
        update={
            "n_steps": 50,
            "validate_every": 2,
            "patience": 3,
            "learning_rate": 1e-12,
            "warm_up": 0,
            "architecture": Architecture(
                name="unet", arguments={"n_classes": 3, "widths": [4, 8], "norm": False}
            ),
        }
    )
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    # Three validations are no better than the first; of equal ones the last is kept.
    assert len(drain(still, settings)) == 8
    assert torch.load(settings.run / "best.pt")["step"] == 8
    assert drain(still, settings) == []


def test_the_best_weights_are_kept_not_the_last(
    recipe: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.6, 0.4])
    monkeypatch.setattr(
        "napari_octseg.engine.training.dice_scores",
        lambda overlaps, recipe: {"dice": next(scores)},
    )
    short = recipe.model_copy(update={"n_steps": 3, "validate_every": 1})
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    drain(short, settings)
    assert torch.load(settings.run / "best.pt")["step"] == 2
    assert torch.load(settings.run / "last.pt")["step"] == 3


def test_without_held_out_scans_the_last_weights_are_kept(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    every = recipe.model_copy(
        update={
            "sources": tuple(
                s.model_copy(update={"validation": ()}) for s in recipe.sources
            ),
            "n_steps": 4,
            "validate_every": 1,
            "patience": 1,
        }
    )
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    assert len(drain(every, settings)) == 4
    assert torch.load(settings.run / "best.pt")["step"] == 4


def test_words_and_post_processing_may_change_within_a_run(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    short = recipe.model_copy(update={"n_steps": 2, "validate_every": 2})
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    drain(short, settings)
    told = short.model_copy(update={"limits": "Knows stripes only.", "n_steps": 3})
    assert len(drain(told, settings)) == 1


def test_precision_is_chosen(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    short = recipe.model_copy(update={"n_steps": 1, "validate_every": 1})
    losses = [
        drain(short, TrainSettings(data, tmp_path / p, device="cpu", precision=p))[0]
        for p in ("bf16-mixed", "32-true")
    ]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_a_loss_that_leaves_the_numbers_ends_the_training(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    wild = recipe.model_copy(
        update={
            "optimiser": "sgdm",
            "learning_rate": 1e30,
            "warm_up": 0,
            "clip": 0.0,
            "validate_every": 1,
        }
    )
    settings = TrainSettings(data, tmp_path / "run", device="cpu")
    with pytest.raises(RecipeError, match="lower learning_rate"):
        drain(wild, settings)
    assert (settings.run / "best.pt").is_file()


def test_a_discriminator_without_whole_labels_is_refused(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    _, tissue = recipe.sources  # its one code is RNFL or GCIPL
    judged = recipe.model_copy(update={"sources": (tissue,), **JUDGED})
    with pytest.raises(RecipeError, match="adversarial: no data set tells"):
        drain(judged, TrainSettings(data, tmp_path / "run", device="cpu"))


def test_several_processes_are_refused_a_limit_of_time_before_anything_is_read(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fabric = launch_fabric("cpu")
    monkeypatch.setattr(type(fabric), "world_size", 2)
    monkeypatch.setattr(training, "launch_fabric", lambda *_, **__: fabric)
    settings = TrainSettings(tmp_path / "no data", tmp_path / "run", device="cpu")
    with pytest.raises(RecipeError, match=r"minutes is 1 .* 2 processes"):
        drain(recipe.model_copy(update={"minutes": 1.0}), settings)
    assert not list((tmp_path / "run").iterdir())
