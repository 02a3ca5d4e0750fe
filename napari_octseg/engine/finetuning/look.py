"""What the training scans of a model look like, as one histogram of grey values.

A bundle may hold it as numbers (``look.json``): whoever has the model but not its data
knows it all the same. Phantoms alone are a poor stand-in: their grey values are not
those of the real scans.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.bundles.part import readable_json
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.data.datasets import load_source
from napari_octseg.engine.data.labelled_images import read_picture
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.engine.steps.histogram import N_LEVELS, grey_shares, rounded
from napari_octseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.bundles.registry import Bundle
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.recipe import Recipe

logger = logging.getLogger(__name__)

LOOK_FILE = "look.json"
_RECIPE = "recipe.json"
_MOST_IMAGES = 24
"""Training scans of a source that stand for all of them."""
_MOST_PHANTOMS = 6
"""Phantoms take time to make; six are two of each look."""
_N_RANKS = 2001


@dataclass(frozen=True, eq=False)
class Look:
    """The typical grey values of a model's training scans.

    Attributes
    ----------
    shares
        (256,) float64: share of pixels at or below each grey level, rising to 1.
    sources
        Names of the data sets that it was computed of.
    n_images
        Of how many B-scans.
    """

    shares: NDArray[np.float64]
    sources: tuple[str, ...]
    n_images: int

    @property
    def text(self) -> str:
        """What it was computed of, for people."""
        return f"{self.n_images} training scans of {', '.join(self.sources)}"


def training_look(bundle: Bundle, data: Path | None = None) -> Look:
    """The look of the scans that a model was trained on.

    Parameters
    ----------
    bundle
        It, or a model that it comes from, holds its look, or a recipe that names its
        training data.
    data
        Root of the data folders: if a data set of the recipe is there, the look is
        computed anew.

    Raises
    ------
    ModelError
        If neither the model nor any it comes from holds a look, or has a recipe with
        training scans that are here.
    """
    chain = _chain(bundle)
    recipes = (one.folder / _RECIPE for one in chain)
    path = next((path for path in recipes if path.is_file()), None)
    recipe = None if path is None else read_recipe(path)
    if recipe is not None and data is not None and _has_pictures(recipe, data):
        return look_of(recipe, data)
    for one in chain:
        if (one.folder / LOOK_FILE).is_file():
            return read_look(one.folder / LOOK_FILE)
    if recipe is not None and any(s.kind == "phantom" for s in recipe.sources):
        return look_of(recipe, None)
    raise ModelError(
        f"Nothing tells what the training scans of {bundle.name!r} look like",
        allowed=f"a model with a {LOOK_FILE}, with a {_RECIPE} that has phantoms, or "
        "whose data sets are here",
        todo="give the folder of its data sets (--data), or leave the grey values "
        "as they are (--no-histogram)",
    )


def look_of(recipe: Recipe, data: Path | None) -> Look:
    """The look of a recipe's training scans.

    Phantoms are made anew. Pictures are read from `data`, those of held-out patients
    left out; data sets that are not there are left out too, and so is ground truth that
    a model was fine-tuned on: its look was that of the parent still.

    Parameters
    ----------
    recipe
        With phantoms, or with data sets that are there.
    data
        Root of the data folders; None: phantoms alone.
    """
    each = [(source, _looks_of(source, data, recipe)) for source in recipe.sources]
    found = [(source, images) for source, images in each if images]
    shares = typical_shares(
        [shares for _, images in found for shares in images],
        [source.weight / len(images) for source, images in found for _ in images],
    )
    n_images = sum(len(images) for _, images in found)
    return Look(shares, tuple(source.name for source, _ in found), n_images)


def look_text(look: Look) -> str:
    """A look as the text of a `look.json`."""
    values = {
        "sources": look.sources,
        "n_images": look.n_images,
        "shares": rounded(look.shares),
    }
    return readable_json(values) + "\n"


def read_look(path: Path) -> Look:
    """Read a `look.json`.

    Raises
    ------
    ModelError
        If it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        shares = np.asarray(values["shares"], np.float64)
        if shares.shape != (N_LEVELS,) or (np.diff(shares) < 0).any():
            raise ValueError(f"shares of shape {shares.shape}")
        return Look(shares, tuple(values["sources"]), int(values["n_images"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{path} cannot be read ({error})", todo="restore or remove it"
        ) from error


def typical_shares(
    looks: Sequence[NDArray[np.float64]], weights: Sequence[float]
) -> NDArray[np.float64]:
    """The histogram in the middle of several.

    The mean of the grey values at equal rank (the barycentre of the Wasserstein
    distance). The mean of the histograms themselves would be flatter than any of them:
    a scan matched to it would get a contrast that no scanner has.

    Parameters
    ----------
    looks
        `grey_shares` of single scans, (256,) each.
    weights
        How much each counts; none negative. If all are 0 they count alike.

    Returns
    -------
    (256,) float64, rising to 1.
    """
    levels = np.arange(N_LEVELS) / (N_LEVELS - 1)
    ranks = np.linspace(0, 1, _N_RANKS)
    each = np.stack([_at_ranks(shares, ranks, levels) for shares in looks])
    counted = np.asarray(weights, np.float64)
    if not counted.any():
        counted = np.ones(len(looks))
    typical = np.average(each, axis=0, weights=counted)
    # Of equal values the highest rank is the share at or below them.
    values, last = np.unique(typical[::-1], return_index=True)
    shares = np.interp(levels, values, ranks[::-1][last], left=0, right=1)
    return np.asarray(np.maximum.accumulate(shares), np.float64)


def _at_ranks(
    shares: NDArray[np.float64],
    ranks: NDArray[np.float64],
    levels: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Grey value of each rank of one scan, as `match_histogram` reads it."""
    taken = np.diff(shares, prepend=0) > 0
    values: NDArray[np.float64] = np.interp(ranks, shares[taken], levels[taken])
    return values


def _chain(bundle: Bundle) -> list[Bundle]:
    """A model, the one that it was made from, and so on, as far as they are here."""
    found = [bundle]
    while True:
        card = found[-1].card
        parent = card.training.parent if card is not None else None
        known = [one.card.name for one in found if one.card is not None]
        if not parent or parent in known:
            return found
        try:
            found.append(find_bundle(parent))
        except ModelError as error:
            logger.info("%s", error)
            return found


def _has_pictures(recipe: Recipe, data: Path) -> bool:
    return any(
        source.kind == "images" and (data / source.folder).is_dir()
        for source in recipe.sources
    )


def _looks_of(
    source: Source, data: Path | None, recipe: Recipe
) -> list[NDArray[np.float64]]:
    """`grey_shares` of some training scans of a source; none if they are not here."""
    if source.kind == "phantom":
        few = {"n_phantoms": min(source.n_phantoms, _MOST_PHANTOMS), "validation": ()}
        made = load_source(source.model_copy(update=few), data or Path(), recipe)
        return [grey_shares([one.volume.bscan_as_shown(one.index)]) for one in made]
    if source.kind != "images" or data is None or not (data / source.folder).is_dir():
        return []
    trained = [e.path for e in list_source(source, data) if e.path and not e.held_out]
    places = np.linspace(0, len(trained) - 1, min(len(trained), _MOST_IMAGES))
    chosen = [trained[int(place)] for place in places.round()]
    pictures = [read_picture(path, source) for path in chosen]
    return [grey_shares([picture.bscan_as_shown(0)]) for picture in pictures]
