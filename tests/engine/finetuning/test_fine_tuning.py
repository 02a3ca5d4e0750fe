"""A fine-tuning of a tiny network from its plan to its best weights."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octseg.bundles.card import ModelCard, Weights, class_entries
from napari_octseg.bundles.registry import load_network, write_bundle
from napari_octseg.engine.finetuning.plan import FineTunePlan, plan_fine_tune
from napari_octseg.engine.finetuning.settings import FineTuneSettings
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.engine.recipe import Recipe
from napari_octseg.engine.training import TrainSettings, iter_train
from napari_octseg.labels import IGNORE
from napari_octseg.networks import build
from tests.engine.graded import four_patients, graded_scan, graded_set

Planned = Callable[..., tuple[FineTunePlan, TrainSettings]]


@pytest.fixture(scope="module")
def learnt(
    recipe: Recipe, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder with a model that knows bright stripes, and nothing of dark ones."""
    folder = tmp_path_factory.mktemp("learnt")
    plain = recipe.model_copy(update={"name": "parent", "validate_every": 60})
    best = outcome(iter_train(plain, TrainSettings(data, folder / "run", device="cpu")))
    network = build(plain.architecture.name, plain.architecture.arguments)
    network.load_state_dict(torch.load(best)["weights"])
    card = ModelCard(
        name="parent",
        version="1",
        title="Tiny",
        description="For tests.",
        architecture=plain.architecture,
        weights=Weights(sha256="0" * 64, n_parameters=1),
        classes=class_entries(plain.label_set),
        layers=plain.layers,
        input=plain.input,
        licence="none",
    )
    text = {"recipe.json": plain.model_dump_json()}
    write_bundle(folder / "models/parent", card, network, extras=text)
    return folder / "models"


@pytest.fixture
def planned(
    learnt: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Planned:
    """Plan a fine-tuning of that model on the data set ``ds``."""
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(learnt))

    def plan(**values: object) -> tuple[FineTunePlan, TrainSettings]:
        given = {"preset": "quick", "n_steps": 120, "replay": data, **values}
        settings = FineTuneSettings(
            "parent",
            tmp_path / "ds",
            tmp_path / "run",
            **given,  # type: ignore[arg-type]
        )
        train = TrainSettings(settings.replay or data, settings.run, device="cpu")
        return plan_fine_tune(settings), train

    return plan


def trained(plan: FineTunePlan, settings: TrainSettings) -> list[Progress]:
    return list(iter_train(plan.recipe, settings))


def test_it_learns_the_new_and_keeps_the_old(planned: Planned, tmp_path: Path) -> None:
    four_patients(tmp_path / "ds")
    # The presets are gentler: the contrary of what is known takes more updates then.
    steps = trained(*planned(learning_rate=0.005))
    first, last = steps[0], steps[-1]
    assert (first.done, last.done) == (0, 120)
    assert first.values["dice mine"] < 0.3
    assert last.values["dice mine"] > 0.8
    # Dark on bright is the contrary of all that it knew: something of that it loses.
    for name in ("stripes", "tissue"):
        assert last.values[f"dice {name}"] > first.values[f"dice {name}"] - 0.1
    early, late = (
        np.mean([s.values["loss"] for s in part]) for part in (steps[1:6], steps[-5:])
    )
    assert late < 0.8 * early
    own = [last.values[f"dice mine / {name}"] for name in ("RNFL", "GCIPL")]
    assert last.values["dice mine"] == pytest.approx(np.mean(own))
    known = (last.values["dice stripes"] + last.values["dice tissue"]) / 2
    assert last.values["dice"] == pytest.approx((last.values["dice mine"] + known) / 2)
    with (tmp_path / "run/log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["step"] == "0"
    assert float(rows[-1]["dice mine / RNFL"]) == pytest.approx(own[0], abs=1e-4)


def test_the_example_is_held_out_and_shows_what_is_seen(
    planned: Planned, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    plan, settings = planned(n_steps=2)
    task = iter_train(plan.recipe, settings)
    next(task)
    with np.load(settings.run / "example.npz") as before:
        held = dict(before)
    task.close()
    assert held["image"].dtype == np.float32
    assert held["image"].shape == held["truth"].shape == (32, 32)
    assert 0 <= held["image"].min() < held["image"].max() <= 1
    assert set(np.unique(held["truth"])) <= {0, 1, 2, IGNORE}
    assert set(np.unique(held["prediction"])) <= {0, 1, 2}


def test_the_first_validation_is_that_of_the_parent(
    planned: Planned, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    plan, settings = planned(n_steps=2)
    task = iter_train(plan.recipe, settings)
    next(task)
    task.close()
    from napari_octseg.bundles.registry import find_bundle

    kept = torch.load(settings.run / "best.pt")["weights"]
    own = load_network(find_bundle("parent")).state_dict()
    assert all(torch.equal(kept[name], own[name]) for name in own)


@pytest.mark.parametrize("scope", ["decoder", "norm"])
def test_only_the_chosen_part_changes(
    planned: Planned, tmp_path: Path, scope: str
) -> None:
    four_patients(tmp_path / "ds")
    plan, settings = planned(n_steps=4, scope=scope)
    trained(plan, settings)
    from napari_octseg.bundles.registry import find_bundle

    network = load_network(find_bundle("parent"))
    before = network.state_dict()
    after = torch.load(settings.run / "last.pt")["average"]
    norms = {
        f"{name}.{key}"
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for key in module.state_dict()
    }
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    if scope == "decoder":
        assert not [name for name in changed if name.startswith("encoder")]
    else:
        assert changed <= norms


def test_statistics_of_the_start_are_kept_where_that_is_asked_for(
    planned: Planned, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    plan, settings = planned(n_steps=4)
    recipe = plan.recipe.model_copy(update={"norm_batches": 0})
    list(iter_train(recipe, settings))
    from napari_octseg.bundles.registry import find_bundle

    before = load_network(find_bundle("parent")).state_dict()
    after = torch.load(settings.run / "last.pt")["average"]
    statistics = [name for name in before if "running" in name]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)


def test_with_nothing_held_out_the_last_weights_are_kept(
    planned: Planned, tmp_path: Path
) -> None:
    graded_set(tmp_path / "ds", graded_scan("P1", [0, 3]))
    plan, settings = planned(n_steps=6, learning_rate=0.5)
    steps = trained(plan, settings)
    # So large a rate harms what was known; that must not choose the weights.
    assert steps[-1].values["dice"] < steps[0].values["dice"]
    assert torch.load(settings.run / "best.pt")["step"] == 6


def test_the_time_ends_a_run_with_a_validation(
    planned: Planned, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    plan, settings = planned(n_steps=100_000, minutes=0.05)
    steps = trained(plan, settings)
    last = steps[-1]
    assert 0 < last.done < 100_000
    assert last.total == last.done
    assert "dice mine" in last.values
    rates = [step.values["learning_rate"] for step in steps[1:]]
    assert rates[-1] < 0.2 * max(rates)


def test_a_run_that_was_stopped_goes_on_exactly(
    planned: Planned, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    plan, settings = planned(n_steps=6)
    recipe = plan.recipe.model_copy(update={"validate_every": 2})
    whole = TrainSettings(settings.data, tmp_path / "whole", device="cpu")
    list(iter_train(recipe, whole))
    task = iter_train(recipe, settings)
    for _ in range(4):
        next(task)
    task.close()
    list(iter_train(recipe, settings))
    first, second = (
        torch.load(one.run / "last.pt")["average"] for one in (whole, settings)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
