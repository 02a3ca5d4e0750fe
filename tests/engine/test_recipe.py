import copy
import json
from pathlib import Path

import pytest

from napari_octseg.bundles.card import Step
from napari_octseg.engine.learning.run_state import plan_of
from napari_octseg.engine.recipe import Recipe, read_recipe
from napari_octseg.errors import RecipeError

SHIPPED = sorted((Path(__file__).parents[2] / "models").glob("*/recipe.json"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.parent.name)
def test_shipped_recipes_are_valid(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.name == path.parent.name
    assert recipe.label_set.names[0] == "background"


def changed(recipe: Recipe, path: Path, **values: object) -> Path:
    whole = copy.deepcopy(recipe.model_dump(mode="json"))
    whole.update(values)
    path.write_text(json.dumps(whole))
    return path


def test_a_misspelt_setting_is_named(recipe: Recipe, tmp_path: Path) -> None:
    path = changed(recipe, tmp_path / "r.json", learning_rte=1)
    with pytest.raises(RecipeError, match="learning_rte"):
        read_recipe(path)


def test_a_class_with_two_meanings_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    source = recipe.sources[0].model_dump(mode="json")
    source["codes"] = {"0": ["background"], "1": ["RNFL"], "2": ["RNFL", "GCIPL"]}
    path = changed(recipe, tmp_path / "r.json", sources=[source])
    with pytest.raises(RecipeError, match=r"RNFL.*two different meanings"):
        read_recipe(path)


def test_codes_of_unknown_classes_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    source = recipe.sources[0].model_dump(mode="json")
    source["codes"] = {"0": ["background"], "1": ["fluid"]}
    path = changed(recipe, tmp_path / "r.json", sources=[source])
    with pytest.raises(RecipeError, match="fluid"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"augment": {"rotaton": 3}}, r"augment.*rotaton.*rotation_deg"),
        ({"augment": {"noise": -0.1}}, "augment.noise"),
        (
            {
                "input": {"intensity": "local_contrast"},
                "postprocess": [{"name": "within_retina", "arguments": {}}],
            },
            "'within_retina' looks at the grey values",
        ),
        ({"crop": [31, 32]}, r"crop.*multiples of 2"),
        ({"crop": [0, 32]}, "crop"),
        ({"crop": [32, 64]}, r"crop.*larger than input\.size"),
        ({"name": "Tiny Net"}, "name"),
        ({"classes": ["RNFL", "background", "GCIPL"]}, "must be 'background'"),
        ({"layers": ["RNFL", "INL"]}, "INL"),
        ({"losses": {"dise": 1}}, r"losses.*dise.*median_frequency"),
        ({"losses": {"dice": 0}}, "losses.*above 0"),
        ({"losses": {"dice": -1}}, "losses.dice"),
        ({"optimiser": "lion"}, "optimiser"),
        ({"schedule": "steps"}, "decay_after.*'steps'"),
        ({"schedule": "plateau", "decay_after": 0}, "decay_after.*'plateau'"),
        ({"adversarial": {"weight": 1}}, r"adversarial\.architecture"),
    ],
)
def test_what_would_fail_or_do_nothing_in_the_training_is_refused(
    recipe: Recipe, tmp_path: Path, values: dict[str, object], told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        read_recipe(changed(recipe, tmp_path / "r.json", **values))


@pytest.mark.parametrize(
    "codes",
    [
        {},
        {"0": []},
        {"0": ["background"], "256": ["RNFL"]},
        {"0": ["background"], "-1": ["RNFL"]},
    ],
)
def test_codes_that_no_label_picture_can_hold_are_refused(
    recipe: Recipe, tmp_path: Path, codes: dict[str, list[str]]
) -> None:
    source = {**recipe.sources[1].model_dump(mode="json"), "codes": codes}
    with pytest.raises(RecipeError, match="codes of tissue"):
        read_recipe(changed(recipe, tmp_path / "r.json", sources=[source]))


def test_settings_of_the_augmentation_are_taken(recipe: Recipe, tmp_path: Path) -> None:
    path = changed(recipe, tmp_path / "r.json", augment={"noise": 0, "shear": 0.1})
    assert read_recipe(path).augment == {"noise": 0.0, "shear": 0.1}


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_what_is_no_recipe_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(RecipeError):
        read_recipe(path)
    with pytest.raises(RecipeError, match=r"recipe\.json"):
        read_recipe(tmp_path / "absent.json")


def test_recipes_of_the_published_systems_are_data(
    recipe: Recipe, tmp_path: Path
) -> None:
    judge = {"name": "retouch-discriminator", "arguments": {"n_classes": 3}}
    path = changed(
        recipe,
        tmp_path / "r.json",
        losses={"balanced_cross_entropy": 0.5, "foreground_dice": 0.5},
        optimiser="sgdm",
        schedule="steps",
        decay_after=30,
        decay_factor=0.1,
        patience=5,
        clip=0,
        start="octid-unet",
        adversarial={"architecture": judge, "weight": 0.33},
    )
    given = read_recipe(path)
    assert given.adversarial is not None
    assert given.adversarial.momentum == 0.5
    assert given.losses["foreground_dice"] == 0.5


def test_a_run_stays_the_same_when_only_words_and_length_differ(
    recipe: Recipe,
) -> None:
    plan = plan_of(recipe)
    for changes in (
        {"n_steps": 7, "validate_every": 1, "patience": 3},
        {"title": "Other", "limits": "Other", "version": "2"},
        {"postprocess": (Step(name="remove_small"),)},
    ):
        assert plan_of(recipe.model_copy(update=changes)) == plan
    for changes in ({"seed": 5}, {"losses": {"dice": 1.0}}, {"start": "octid-unet"}):
        assert plan_of(recipe.model_copy(update=changes)) != plan


def test_settings_at_their_default_are_no_part_of_the_plan(recipe: Recipe) -> None:
    assert recipe.optimiser == "adamw"
    assert "optimiser" not in plan_of(recipe)
    assert "sgdm" in plan_of(recipe.model_copy(update={"optimiser": "sgdm"}))
