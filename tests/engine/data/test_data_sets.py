import json
from pathlib import Path

import pytest

from napari_octseg.bundles.registry import Bundle
from napari_octseg.engine.data.data_sets import choose_data
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError


@pytest.fixture
def bundle(tiny_bundle, recipe: Recipe) -> Bundle:  # type: ignore[no-untyped-def]
    made: Bundle = tiny_bundle("tiny")
    (made.folder / "recipe.json").write_text(recipe.model_dump_json())
    return made


def test_all_own_data_sets_are_the_default(bundle: Bundle, recipe: Recipe) -> None:
    (choice,) = choose_data(bundle)
    assert choice.recipe == recipe
    assert (choice.names, choice.own) == ((), True)


def test_data_sets_are_chosen_by_name(bundle: Bundle) -> None:
    (choice,) = choose_data(bundle, ["tissue"])
    assert choice.names == ("tissue",)


def test_sources_of_ones_own_are_measured_as_the_model_is_trained(
    bundle: Bundle, recipe: Recipe, tmp_path: Path
) -> None:
    mine = {"name": "mine", "folder": "here", "codes": {"1": ["RNFL"]}}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"sources": [mine]}))
    own, other = choose_data(bundle, ["stripes", str(path)])
    assert (own.names, own.own) == (("stripes",), True)
    assert not other.own
    assert [source.name for source in other.recipe.sources] == ["mine"]
    assert other.recipe.input == recipe.input


def test_a_whole_recipe_is_taken_as_it_is(
    tiny_bundle,  # type: ignore[no-untyped-def]
    tiny_recipe: Path,
    recipe: Recipe,
) -> None:
    bare = tiny_bundle("bare")
    (choice,) = choose_data(bare, [str(tiny_recipe)])
    assert choice.recipe == recipe
    with pytest.raises(RecipeError, match=r"no recipe\.json"):
        choose_data(bare)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"sources": [{"name": "a", "codes": {"1": ["lung"]}}]}', "lung"),
        ('{"sources": [{"name": "a", "colour": 1}]}', "colour"),
        ("{", "cannot be read"),
        ("[1]", "recipe"),
    ],
)
def test_a_wrong_file_is_told(
    bundle: Bundle, tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(RecipeError, match=told):
        choose_data(bundle, [str(path)])


def test_an_unknown_data_set_is_answered_with_the_known_ones(bundle: Bundle) -> None:
    with pytest.raises(RecipeError, match="stripes, tissue"):
        choose_data(bundle, ["strips"])
