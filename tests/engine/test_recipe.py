import copy
import json
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_what_is_no_recipe_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(RecipeError):
        read_recipe(path)
    with pytest.raises(RecipeError, match=r"recipe\.json"):
        read_recipe(tmp_path / "absent.json")
