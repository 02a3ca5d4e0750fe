"""Which labelled data a model is to be measured on: its own, or others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from napari_octseg.engine.recipe import Recipe, read_recipe
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.bundles.registry import Bundle


@dataclass(frozen=True)
class DataChoice:
    """Sources `names` of a recipe, all if empty; `own` if it is the bundle's."""

    recipe: Recipe
    names: tuple[str, ...] = ()
    own: bool = True


def choose_data(bundle: Bundle, given: Sequence[str] = ()) -> list[DataChoice]:
    """What to measure a bundle on.

    Parameters
    ----------
    bundle
        Its ``recipe.json`` names the data sets that it was trained and measured on.
    given
        Names of these, or paths of JSON files: a recipe, or just ``{"sources": […]}``
        with sources as in a recipe. All data sets of the bundle by default.

    Raises
    ------
    RecipeError
        If the bundle has no recipe though one is needed, there is neither a data set
        nor a file of that name, or a file has a wrong field, which is named.
    """
    path = bundle.folder / "recipe.json"
    own = read_recipe(path) if path.is_file() else None
    known = [] if own is None else [source.name for source in own.sources]
    chosen = []
    names = tuple(name for name in given if name in known)
    if own is not None and (names or not given):
        chosen.append(DataChoice(own, names))
    for name in given:
        if name not in known:
            chosen.append(DataChoice(_from_file(Path(name), own, known), own=False))
    if not chosen:
        raise RecipeError(
            f"The model {bundle.name!r} has no recipe.json that names its data",
            todo="give the path of a recipe",
        )
    return chosen


def _from_file(path: Path, own: Recipe | None, known: Sequence[str]) -> Recipe:
    if not path.is_file():
        raise RecipeError(
            f"There is neither a data set nor a recipe file {str(path)!r}",
            allowed=", ".join(known) or "the path of a recipe",
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecipeError(
            f"{path} cannot be read ({error})",
            todo="give a recipe, or a JSON file that holds its sources",
        ) from error
    if own is None or not isinstance(values, dict) or set(values) != {"sources"}:
        return read_recipe(path)
    # Sources alone are measured as those of the model's own recipe are.
    whole = {**own.model_dump(mode="json"), **values}
    try:
        return Recipe.model_validate(whole)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "sources"
        raise RecipeError(f"{path}: {field}: {first['msg']}") from error
