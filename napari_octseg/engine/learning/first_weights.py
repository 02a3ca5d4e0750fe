"""First weights of a training, from a model that is there already."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.data.places import model_of
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.errors import ModelError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.data.split import Entry
    from napari_octseg.engine.recipe import Recipe

logger = logging.getLogger(__name__)


def take_weights(network: nn.Module, start: str) -> str:
    """Copy the tensors of a bundle that have the same name and shape in `network`.

    Parameters
    ----------
    network
        Changed in place; what the bundle lacks keeps its random weights.
    start
        Name or folder of a bundle.

    Returns
    -------
    How many tensors were taken, of how many, for people.

    Raises
    ------
    ModelError
        If there is no such bundle, or it is broken.
    RecipeError
        If not one tensor fits.
    """
    given = load_network(find_bundle(start)).state_dict()
    own = network.state_dict()
    fitting = {
        name: value
        for name, value in given.items()
        if name in own and own[name].shape == value.shape
    }
    if not fitting:
        raise RecipeError(
            f"Not one tensor of the model {start!r} fits the network of the recipe",
            todo="name a model of the same architecture as start, or none",
        )
    network.load_state_dict(own | fitting)
    message = f"{len(fitting)} of {len(own)} tensors come from {start}"
    logger.info(message)
    return message


def check_start(recipe: Recipe, data: Path) -> None:
    """Refuse first weights that have seen what this recipe holds out.

    Looks through the recipes of the bundle that it starts from, of the one that this
    was started from, and so on. A bundle without a recipe tells nothing.

    Parameters
    ----------
    recipe
        Of the training that is to begin.
    data
        Root of the data folders.

    Raises
    ------
    RecipeError
        If a held-out patient was trained on: figures on him would mean nothing.
    """
    for earlier, start in ancestors(recipe.start):
        for source in recipe.sources:
            for other in earlier.sources:
                _check_source(source, other, start, data)


def ancestors(start: str) -> Iterator[tuple[Recipe, str]]:
    """Recipes of a bundle, of the one that it was started from, and so on.

    Ends at one without a recipe, or that is no longer there.

    Parameters
    ----------
    start
        Name or folder of the first bundle, or nothing.

    Yields
    ------
    Each recipe, and the name of its bundle. What the recipe was started from is a
    folder where nothing is called so any more.

    Raises
    ------
    ModelError
        If there is no first bundle.
    """
    visited: set[str] = set()
    while start and start not in visited:
        try:
            folder = find_bundle(start).folder
        except ModelError:
            if not visited:
                raise
            logger.warning("%s is gone: what it was trained on is unknown", start)
            return
        visited.add(start)
        path = folder / "recipe.json"
        if not path.is_file():
            logger.warning("%s has no recipe: what it was trained on is unknown", start)
            return
        earlier = read_recipe(path)
        earlier = earlier.model_copy(update={"start": model_of(earlier.start)})
        yield earlier, start
        start = earlier.start


def _check_source(source: Source, other: Source, start: str, data: Path) -> None:
    if source.kind == "phantom":
        return
    if source.data_set and source.data_set == other.data_set:
        other = other.model_copy(update={"folder": source.folder})  # it may have moved
    if source.kind != other.kind or source.folder != other.folder:
        return
    held_out = {_key(e): e for e in list_source(source, data) if e.held_out}
    trained = {_key(e) for e in list_source(other, data) if not e.held_out}
    seen = sorted({held_out[key].patient for key in held_out if key in trained})
    if seen:
        raise RecipeError(
            f"The model {start!r} was trained on {', '.join(seen)} of "
            f"{source.name!r}, whom this recipe holds out",
            allowed="a start that has not seen them, or no start",
            todo="hold out what the earlier recipe held out",
        )


def _key(entry: Entry) -> object:
    """The same for the same image, whatever the source calls it."""
    return entry.path or entry.name
