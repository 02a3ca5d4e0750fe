"""The plan of a fine-tuning, of small bundles and data sets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_octseg.bundles.card import read_card, write_card
from napari_octseg.bundles.registry import Bundle, find_bundle
from napari_octseg.engine.data.source import BlocksHeldOut
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.finetuning.job import job_of
from napari_octseg.engine.finetuning.plan import FineTunePlan, plan_fine_tune
from napari_octseg.engine.finetuning.presets import PRESETS
from napari_octseg.engine.finetuning.settings import FineTuneSettings
from napari_octseg.engine.learning.first_weights import check_start
from napari_octseg.engine.learning.run_state import plan_of
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import ModelError, ReadError, RecipeError
from napari_octseg.labels import LabelSet
from tests.engine.graded import four_patients, graded_scan, graded_set

WithRecipe = Callable[..., Bundle]


@pytest.fixture
def plan(with_recipe: WithRecipe, tmp_path: Path) -> Callable[..., FineTunePlan]:
    """Plan the fine-tuning of a small parent on the data set in ``ds``."""
    with_recipe(phantoms=40)

    def planned(**values: Any) -> FineTunePlan:
        given = {"model": "parent", "data_set": tmp_path / "ds", "run": tmp_path / "r"}
        return plan_fine_tune(FineTuneSettings(**{**given, **values}))

    return planned


Plan = Callable[..., FineTunePlan]


def accepted(plan: FineTunePlan, parent: Path, name: str) -> None:
    """A bundle beside its parent that was trained by the recipe of a plan."""
    folder = parent.with_name(name)
    shutil.copytree(parent, folder)
    card = read_card(folder / "card.json").model_copy(update={"name": name})
    write_card(card, folder / "card.json")
    text = plan.recipe.model_dump_json()
    (folder / "recipe.json").write_text(text, encoding="utf-8")
    record = {"data": {"trained_on": plan.trained_on}}
    (folder / "finetune.json").write_text(json.dumps(record), encoding="utf-8")


def test_ground_truth_comes_first_and_replay_keeps_its_split(
    plan: Plan, tmp_path: Path, data: Path, recipe: Recipe
) -> None:
    four_patients(tmp_path / "ds")
    found = plan(replay=data)
    own, *replay = found.recipe.sources
    assert (own.name, own.kind) == ("mine", "ground truth")
    assert own.validation == ("P3",)
    assert own.versions == {f"P{n}-a": 1 for n in range(4)}
    assert (found.n_train_bscans, found.n_held_out_bscans) == (6, 2)
    assert found.recipe.start == "parent"
    assert found.recipe.fine_tunes
    assert [source.name for source in replay] == ["stripes", "tissue", "phantom"]
    for source, before in zip(replay, recipe.sources, strict=False):
        assert source.validation == before.validation
    assert sum(source.weight for source in (own, *replay)) == pytest.approx(1)
    assert own.weight == pytest.approx(0.5)
    check_start(found.recipe, data)


def test_without_the_old_data_phantoms_alone_are_replayed(
    plan: Plan, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    found = plan(preset="quick")
    _, phantom = found.recipe.sources
    assert (phantom.kind, phantom.n_most) == ("phantom", PRESETS["quick"].n_replay)
    assert any("stripes, tissue" in note for note in found.notes)


def test_a_model_of_findings_learns_mostly_by_cross_entropy(
    plan: Plan, tiny_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    assert plan().recipe.losses == Recipe.model_fields["losses"].get_default(
        call_default_factory=True
    )
    tiny_bundle("findings", size=(32, 48), layers=())
    settings = FineTuneSettings("findings", tmp_path / "ds", tmp_path / "run")
    recipe = plan_fine_tune(settings).recipe
    assert recipe.losses["cross_entropy"] > 0.8
    assert recipe.sources[0].focus > 0


def test_data_sets_that_are_not_below_the_root_are_left_out(
    plan: Plan, tmp_path: Path, data: Path
) -> None:
    four_patients(tmp_path / "ds")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/tissue").symlink_to(data / "tissue")
    found = plan(replay=tmp_path / "root")
    assert [s.name for s in found.recipe.sources] == ["mine", "tissue", "phantom"]
    assert any("not replayed: stripes" in note for note in found.notes)


def test_a_model_without_a_recipe_is_fine_tuned_without_replay(
    tiny_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    tiny_bundle("bare", size=(32, 48))
    four_patients(tmp_path / "ds")
    settings = FineTuneSettings("bare", tmp_path / "ds", tmp_path / "run")
    found = plan_fine_tune(settings)
    assert len(found.recipe.sources) == 1
    assert found.recipe.crop == (32, 48)
    assert any("may be forgotten" in note for note in found.notes)


def test_of_one_patient_blocks_are_held_out(plan: Plan, tmp_path: Path) -> None:
    scan = graded_scan("P1", range(10), spacing_um=(240.0, 4.0, 12.0))
    graded_set(tmp_path / "ds", scan)
    found = plan()
    rule = found.recipe.sources[0].validation
    assert isinstance(rule, BlocksHeldOut)
    assert rule.blocks[0].gap == 1
    assert found.n_held_out_bscans == 2
    assert found.n_train_bscans == 7
    assert "one patient" in found.held_out


def test_all_ground_truth_is_trained_on_where_none_can_be_spared(
    plan: Plan, tmp_path: Path
) -> None:
    graded_set(tmp_path / "ds", graded_scan("P1", [1, 2]))
    found = plan()
    assert (found.n_train_bscans, found.n_held_out_bscans) == (2, 0)
    assert found.held_out.startswith("nothing of yours")


def test_what_an_ancestor_was_trained_on_is_not_held_out_later(
    plan: Plan, tmp_path: Path
) -> None:
    data_set = graded_set(tmp_path / "ds", graded_scan("P1", [0, 10, 20, 30, 40]))
    first = plan()
    accepted(first, tmp_path / "models/parent", "child")
    # The same scan with more of it graded, and the data set moved to another folder.
    scan = data_set.read("P1-a")
    labels = scan.labels.copy()
    labels[[5, 15, 25, 35]] = labels[[0, 0, 0, 0]]
    data_set.add(type(scan)(**{**vars(scan), "labels": labels}))
    (tmp_path / "ds").rename(tmp_path / "moved")
    second = plan(model="child", data_set=tmp_path / "moved")
    (before,), (after,) = (
        p.recipe.sources[0].validation.blocks  # type: ignore[union-attr]
        for p in (first, second)
    )
    trained = {0, 10, 20, 30, 40} - set(range(before.first, before.last + 1))
    assert not trained & set(range(after.first, after.last + 1))
    check_start(second.recipe, tmp_path)
    # Of the data sets that the child saw, this one is no replay of itself.
    assert [s.name for s in second.recipe.sources] == ["mine", "phantom"]


def test_the_rate_does_not_sink_from_one_fine_tuning_to_the_next(
    plan: Plan, tmp_path: Path, recipe: Recipe
) -> None:
    four_patients(tmp_path / "ds")
    parent = find_bundle("parent").folder
    first = plan()
    share = PRESETS["standard"].rate
    assert first.recipe.learning_rate == pytest.approx(share * recipe.learning_rate)
    accepted(first, parent, "second")
    assert plan(model="second").recipe.learning_rate == first.recipe.learning_rate


def test_a_split_that_now_holds_out_who_was_trained_on_is_refused(
    plan: Plan, tmp_path: Path
) -> None:
    data_set = four_patients(tmp_path / "ds")
    accepted(plan(), tmp_path / "models/parent", "child")
    sides = dict.fromkeys(data_set.patients(), "train")
    data_set.set_split({**sides, "P1": "validation"})
    with pytest.raises(RecipeError, match="trained on P1, whom the split holds out"):
        plan(model="child")


def test_a_data_set_that_another_model_learnt_from_is_replayed(
    plan: Plan, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    accepted(plan(), tmp_path / "models/parent", "child")
    graded_set(
        tmp_path / "other",
        *(graded_scan(f"Q{n}", [0], first_seed=50 + n) for n in range(3)),
    )
    found = plan(model="child", data_set=tmp_path / "other")
    names = [source.name for source in found.recipe.sources]
    assert names == ["mine (yours)", "mine", "phantom"]
    assert found.recipe.sources[1].validation == ("P3",)


def test_a_patient_stays_on_one_side_in_all_data_sets(
    plan: Plan, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")  # P3 is held out
    accepted(plan(), tmp_path / "models/parent", "child")
    both = graded_set(
        tmp_path / "other",
        *(graded_scan(f"P{n}", [0], first_seed=50 + n) for n in range(4)),
    )
    found = plan(model="child", data_set=tmp_path / "other")
    assert found.recipe.sources[0].validation == ("P3",)
    both.set_split({"P1": "validation", **dict.fromkeys(("P0", "P2"), "train")})
    with pytest.raises(RecipeError, match="trained on P1, whom the split holds out"):
        plan(model="child", data_set=tmp_path / "other")
    # Of whom there is alone, something is learnt all the same.
    graded_set(tmp_path / "third", graded_scan("P3", [0, 4, 8, 12]))
    third = plan(model="child", data_set=tmp_path / "third")
    assert third.n_train_bscans == 3


def test_who_was_trained_on_is_known_though_the_data_set_has_moved(
    plan: Plan, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")  # P3 is held out
    parent = tmp_path / "models/parent"
    accepted(plan(), parent, "child")
    (tmp_path / "ds").rename(tmp_path / "moved")
    scans = [graded_scan(f"P{n}", [0], first_seed=50 + n) for n in (0, 7, 8, 9)]
    other = graded_set(tmp_path / "other", *scans)
    sides = dict.fromkeys(("P7", "P8", "P9"), "train")
    other.set_split({**sides, "P0": "validation"})
    with pytest.raises(RecipeError, match="trained on P0, whom the split holds out"):
        plan(model="child", data_set=other.folder)
    other.set_split({**sides, "P0": "train", "P9": "validation"})
    second = plan(model="child", data_set=other.folder)
    assert "not trained on (P9" in second.held_out
    settings = FineTuneSettings("child", other.folder, tmp_path / "run")
    assert job_of(settings, second).trained_on == second.trained_on
    assert sorted(map(str, second.trained_on.values())) == [
        "('P0', 'P1', 'P2')",
        "('P0', 'P7', 'P8')",
    ]
    # A grandchild keeps what its ancestors have seen, the data sets gone or not.
    accepted(second, parent, "grandchild")
    shutil.rmtree(parent.with_name("child"))
    other.folder.rename(tmp_path / "elsewhere")
    scans = [graded_scan(f"P{n}", [0], first_seed=50 + n) for n in (1, 5)]
    third = graded_set(tmp_path / "third", *scans)
    third.set_split({"P1": "validation", "P5": "train"})
    with pytest.raises(RecipeError, match="trained on P1, whom the split holds out"):
        plan(model="grandchild", data_set=third.folder)


def test_where_nobody_knows_who_was_trained_on_that_is_said(
    plan: Plan, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")
    parent = tmp_path / "models/parent"
    first = plan()
    assert "not trained on" in first.held_out
    accepted(first, parent, "child")
    (parent.with_name("child") / "finetune.json").write_text('{"data": {}}')
    (tmp_path / "ds").rename(tmp_path / "moved")
    scans = [graded_scan(f"Q{n}", [0], first_seed=50 + n) for n in range(3)]
    graded_set(tmp_path / "other", *scans)
    found = plan(model="child", data_set=tmp_path / "other")
    assert "not trained on" not in found.held_out
    assert any("child was trained on in mine is not known" in n for n in found.notes)
    assert None in found.trained_on.values()
    # Nor do its own children know; its blocks of one patient do not claim it either.
    accepted(found, parent, "grandchild")
    shutil.rmtree(parent.with_name("child"))
    graded_set(tmp_path / "one", graded_scan("P0", range(10)))
    later = plan(model="grandchild", data_set=tmp_path / "one")
    assert "not trained on" not in later.held_out
    assert any("in an earlier data set is not known" in note for note in later.notes)


def test_a_parent_that_is_gone_may_have_seen_anybody(
    plan: Plan, tmp_path: Path
) -> None:
    data_set = four_patients(tmp_path / "ds")
    parent = tmp_path / "models/parent"
    accepted(plan(), parent, "child")
    (parent.with_name("child") / "finetune.json").unlink()
    parent.rename(tmp_path / "gone")
    found = plan(model="child", data_set=data_set.folder)
    assert "not trained on" not in found.held_out
    assert any("trained on in parent is not known" in note for note in found.notes)


def test_nobody_is_trained_on_here_and_measured_in_the_replay(
    plan: Plan, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds").set_split(
        {"P0": "train", "P1": "train", "P2": "validation", "P3": "validation"}
    )
    accepted(plan(), tmp_path / "models/parent", "child")
    scans = [
        graded_scan(p, [0], first_seed=50 + 10 * n)
        for n, p in enumerate(("P3", "Q1", "Q2"))
    ]
    other = graded_set(tmp_path / "other", *scans)
    other.set_split({"P3": "train", "Q1": "validation", "Q2": "train"})
    found = plan(model="child", data_set=other.folder)
    sides = {
        source.name: {(e.patient, e.held_out) for e in list_source(source, tmp_path)}
        for source in found.recipe.sources[:2]
    }
    assert sides == {
        "mine (yours)": {("P3", False), ("Q2", False), ("Q1", True)},
        "mine": {("P0", False), ("P1", False), ("P2", True)},
    }
    (note,) = (n for n in found.notes if "P3" in n)
    assert note == "P3, held out in mine, is trained on now, so not measured there."


def test_of_a_patient_alone_whom_the_replay_holds_out_blocks_are_measured(
    plan: Plan, tmp_path: Path
) -> None:
    four_patients(tmp_path / "ds")  # P3 is held out
    accepted(plan(), tmp_path / "models/parent", "child")
    graded_set(tmp_path / "other", graded_scan("P3", range(0, 50, 5)))
    found = plan(model="child", data_set=tmp_path / "other")
    own, replay, phantom = found.recipe.sources
    assert isinstance(own.validation, BlocksHeldOut)
    assert {e.patient for e in list_source(replay, tmp_path)} == {"P0", "P1", "P2"}
    assert any("P3, held out in mine" in note for note in found.notes)
    # A replay that holds no other scan goes.
    accepted(found, tmp_path / "models/parent", "grandchild")
    graded_set(tmp_path / "third", graded_scan("P3", range(1, 50, 5)))
    names = [
        s.name
        for s in plan(model="grandchild", data_set=tmp_path / "third").recipe.sources
    ]
    assert names == ["mine (yours)", "mine", "phantom"]
    assert phantom.kind == "phantom"


def test_the_background_of_fluid_alone_may_be_any_layer(
    plan: Plan, tmp_path: Path
) -> None:
    few = LabelSet.of("background", "RNFL", "drusen")
    scans = (graded_scan(f"P{n}", [0], label_set=few, first_seed=n) for n in range(3))
    graded_set(tmp_path / "ds", *scans)
    found = plan()
    assert found.recipe.sources[0].codes == {
        0: ("background", "GCIPL"),
        1: ("RNFL",),
    }
    assert any("drusen is ignored" in note for note in found.notes)


def test_settings_come_before_the_preset(plan: Plan, tmp_path: Path) -> None:
    four_patients(tmp_path / "ds")
    usual = plan(preset="quick").recipe
    own = plan(
        preset="quick",
        n_steps=7,
        learning_rate=0.5,
        batch_size=2,
        minutes=9.0,
        scope="norm",
        seed=5,
    ).recipe
    assert (usual.minutes, usual.train_only) == (PRESETS["quick"].minutes, "all")
    assert (own.n_steps, own.learning_rate, own.batch_size) == (7, 0.5, 2)
    assert (own.minutes, own.train_only, own.seed) == (9.0, "norm", 5)
    # Updates that were asked for are not cut short.
    assert plan(preset="quick", n_steps=7).recipe.minutes is None


def test_unlabelled_scans_give_their_look(plan: Plan, tmp_path: Path) -> None:
    four_patients(tmp_path / "ds")
    np.save(tmp_path / "look.npy", np.full((3, 40, 30), 99, np.uint8))
    found = plan(unlabelled=(tmp_path / "look.npy",)).recipe
    (target,) = found.targets
    assert target.scans == (str(tmp_path / "look.npy"),)
    assert found.augment["svdna"] > 0
    assert plan().recipe.targets == ()


def test_presets_do_not_change_what_is_measured_on_the_old_data(
    plan: Plan, tmp_path: Path, data: Path
) -> None:
    four_patients(tmp_path / "ds")
    for name in PRESETS:
        found = plan(preset=name, replay=data).recipe
        assert [s.validation for s in found.sources[1:3]] == [("scan10",), (4, 5)]


def test_a_plan_may_be_followed_for_longer(plan: Plan, tmp_path: Path) -> None:
    four_patients(tmp_path / "ds")
    recipe = plan().recipe
    longer = recipe.model_copy(update={"minutes": 99.0, "n_steps": 9999})
    assert plan_of(longer) == plan_of(recipe)


def test_a_model_is_found_from_wherever_the_worker_stands(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    four_patients(tmp_path / "ds")
    (tmp_path / "mine").mkdir()
    folder = (tmp_path / "models" / "parent").rename(tmp_path / "mine" / "parent")
    monkeypatch.chdir(tmp_path)
    assert plan(model="mine/parent").recipe.start == str(folder)


def test_a_scope_that_the_network_lacks_is_refused_when_it_is_planned(
    with_recipe: WithRecipe, tmp_path: Path
) -> None:
    with_recipe(norm=False)
    four_patients(tmp_path / "ds")
    settings = FineTuneSettings(
        "parent", tmp_path / "ds", tmp_path / "run", scope="norm"
    )
    with pytest.raises(RecipeError, match="no normalisation layers"):
        plan_fine_tune(settings)


def test_what_is_not_there_is_told(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="holds no data set"):
        plan()
    four_patients(tmp_path / "ds")
    with pytest.raises(ModelError, match="No model is called 'nobody'"):
        plan(model="nobody")


def test_an_empty_data_set_is_told(plan: Plan, tmp_path: Path) -> None:
    from napari_octseg.groundtruth.data_set import DataSet

    DataSet.create(tmp_path / "ds", "mine", LabelSet.of("background", "RNFL"))
    with pytest.raises(RecipeError, match="Nothing in the data set mine is graded"):
        plan()


def test_classes_that_nobody_knows_are_told(plan: Plan, tmp_path: Path) -> None:
    strange = LabelSet.of("background", "cornea", "lens")
    graded_set(tmp_path / "ds", graded_scan("P1", [0], label_set=strange))
    with pytest.raises(RecipeError, match="cornea, lens"):
        plan()
