from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from napari_octseg.bundles.card import read_card
from napari_octseg.bundles.score import read_scores
from napari_octseg.engine.cross_validation import fold_of, iter_cross_validate
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.progress import outcome
from napari_octseg.engine.training import TrainSettings
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.engine.recipe import Recipe


@pytest.fixture
def short(recipe: Recipe) -> Recipe:
    """The tiny recipe with few updates."""
    return recipe.model_copy(update={"n_steps": 4, "validate_every": 2})


def test_every_scan_is_held_out_once(recipe: Recipe, data: Path) -> None:
    held_out: list[str] = []
    for fold in range(3):
        part = fold_of(recipe, ["stripes"], fold, 3)
        stripes, tissue = part.sources
        held_out += [e.name for e in list_source(stripes, data) if e.held_out]
        assert tissue == recipe.sources[1]
    assert sorted(held_out) == sorted(f"scan{n}" for n in (1, 2, 3, 4, 5, 10))


def test_figures_are_pooled_over_the_folds(
    short: Recipe, data: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(data, tmp_path / "folds", device="cpu")
    task = iter_cross_validate(short, settings, folds=2)
    steps = []
    while True:
        try:
            steps.append(next(task))
        except StopIteration as end:
            scores = end.value
            break
    assert [step.done for step in steps if "loss" in step.values] == list(range(1, 9))
    assert {step.total for step in steps} == {8}
    assert "fold 2 of 2" in steps[-1].message
    assert [score.data for score in scores] == ["stripes", "tissue"]
    for score in scores:
        assert score.n_images == score.n_patients == 6
        assert 0 <= score.dice["mean"] <= 1
        assert score.split == "cross-validation, 2 folds by patient"
    assert list(read_scores(tmp_path / "folds/cross_validation.json")) == scores
    # The folds are bundles, and are neither trained nor kept twice.
    assert not list((tmp_path / "folds").glob("*/last.pt"))
    assert sorted(p.parent.parent.name for p in tmp_path.rglob("card.json")) == [
        "fold-01",
        "fold-02",
    ]
    card = read_card(next(tmp_path.rglob("card.json")))
    assert [one.n_images for one in card.training.data] == [3, 3]
    assert "no choice by the held-out scans" in card.training.split
    again = list(iter_cross_validate(short, settings, folds=2))
    assert not any("loss" in step.values for step in again)


def test_one_scan_after_the_other_is_left_out(
    short: Recipe, data: Path, tmp_path: Path
) -> None:
    one = short.model_copy(update={"n_steps": 1})
    settings = TrainSettings(data, tmp_path, device="cpu")
    (score,) = outcome(iter_cross_validate(one, settings, names=["stripes"]))
    assert score.split == "cross-validation, one patient at a time"
    assert score.n_images == 6
    assert len(list(tmp_path.glob("fold-*"))) == 6


def test_a_fold_that_was_interrupted_goes_on(
    short: Recipe, data: Path, tmp_path: Path
) -> None:
    whole = TrainSettings(data, tmp_path / "whole", device="cpu")
    parts = replace(whole, run=tmp_path / "parts")
    expected = outcome(iter_cross_validate(short, whole, folds=2))
    task = iter_cross_validate(short, parts, folds=2)
    for _ in range(8):  # four updates, the first fold measured, three more
        next(task)
    task.close()
    rest = iter_cross_validate(short, parts, folds=2)
    losses = []
    while True:
        try:
            losses += [v for k, v in next(rest).values.items() if k == "loss"]
        except StopIteration as end:
            found = end.value
            break
    assert len(losses) == 2
    assert [s.dice for s in found] == [s.dice for s in expected]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"folds": 7}, "6 patients cannot be cut into 7 parts"),
        ({"folds": 1}, "cannot be cut into 1 parts"),
        ({"folds": 2, "names": ["stars"]}, r"'stars'.*stripes, tissue"),
    ],
)
def test_what_cannot_be_cut_is_refused(
    short: Recipe, data: Path, tmp_path: Path, options: dict[str, object], told: str
) -> None:
    settings = TrainSettings(data, tmp_path, device="cpu")
    with pytest.raises(RecipeError, match=told):
        next(iter_cross_validate(short, settings, **options))  # type: ignore[arg-type]


def test_folds_of_another_recipe_are_not_taken(
    short: Recipe, data: Path, tmp_path: Path
) -> None:
    one = short.model_copy(update={"n_steps": 1})
    settings = TrainSettings(data, tmp_path, device="cpu")
    outcome(iter_cross_validate(one, settings, folds=2, names=["stripes"]))
    longer = one.model_copy(update={"n_steps": 2})
    with pytest.raises(RecipeError, match="another recipe"):
        outcome(iter_cross_validate(longer, settings, folds=2, names=["stripes"]))
