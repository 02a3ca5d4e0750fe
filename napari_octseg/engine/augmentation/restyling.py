"""Give training scans the look of others, now and then (`svdna`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.card import DataSource
from napari_octseg.engine.augmentation.svdna import Anatomy, Style, restyle
from napari_octseg.engine.data.datasets import image_on_grid
from napari_octseg.engine.data.labelled_images import read_picture
from napari_octseg.engine.data.split import evenly_spread, find_pictures
from napari_octseg.errors import RecipeError
from napari_octseg.io import read_volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_octseg.engine.augment import AugmentSettings
    from napari_octseg.engine.augmentation.draws import Draws
    from napari_octseg.engine.data.source import Target
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.volume import OCTVolume


def load_styles(
    recipe: Recipe, data: Path, trained: Mapping[str, Sequence[Tensor]]
) -> list[list[Style]]:
    """The looks that a recipe names as targets, one list for each target.

    Parameters
    ----------
    recipe
        Names the targets.
    data
        Root of the data folders.
    trained
        Training images (C, H, W) of each source by its name.

    Raises
    ------
    RecipeError
        If a target has no images.
    """
    styles = []
    middle = recipe.input.n_neighbours
    for target in recipe.targets:
        if target.source:
            images = [image[middle] for image in trained[target.source]]
        else:
            seen = _bscans_of(target, data)
            images = [image_on_grid(v, i, recipe.input)[middle] for v, i in seen]
        if not images:
            raise RecipeError(
                f"The target {target.name!r} has no images",
                todo=f"leave it out, or train on some scans of {target.source!r}",
            )
        styles.append([Style(image) for image in evenly_spread(images, target.n_most)])
    return styles


def _bscans_of(target: Target, data: Path) -> Iterator[tuple[OCTVolume, int]]:
    """The B-scans of a target: volumes, and which of their B-scans are meant."""
    if not target.scans:
        for path in evenly_spread(find_pictures(target, data), target.n_most):
            yield read_picture(path, target), 0
        return
    chosen = evenly_spread(target.scans, target.n_most)
    for number, name in enumerate(chosen):
        volume = read_volume(data / name)
        # What is left over is given to the first scans.
        share = (target.n_most + len(chosen) - 1 - number) // len(chosen)
        for index in evenly_spread(range(volume.n_bscans), share):
            yield volume, index


def _n_images(target: Target, data: Path) -> int:
    """How many B-scans `_bscans_of` gives; only scans are read for it."""
    if target.scans:
        return sum(1 for _ in _bscans_of(target, data))
    return min(len(find_pictures(target, data)), target.n_most)


def unlabelled_sources(recipe: Recipe, data: Path) -> list[DataSource]:
    """What the card says of the targets; those that are sources are told of already."""
    return [
        DataSource(
            name=target.name,
            n_images=_n_images(target, data),
            devices=target.devices,
            labels=target.description or "none: their noise and grey values alone",
            licence=target.licence,
            reference=target.reference,
        )
        for target in recipe.targets
        if not target.source
    ]


class Restyler:
    """Changes the look of training scans by the chances of the settings.

    Parameters
    ----------
    styles
        One list for each target; each target is drawn alike.
    settings
        Chances, and range of the components that count as anatomy.
    """

    def __init__(
        self, styles: Sequence[Sequence[Style]], settings: AugmentSettings
    ) -> None:
        self._styles = styles
        self._settings = settings
        self._anatomies: dict[int, Anatomy] = {}

    def __call__(self, image: Tensor, draws: Draws) -> Tensor:
        """A training image (C, H, W) with its own look or that of another.

        What has been computed of an image is kept, so it must not change or go.
        """
        s = self._settings
        if not self._styles or not (s.svdna or s.match):
            return image
        lot = draws.share()
        if lot >= s.svdna + s.match:
            return image
        of_target = self._styles[draws.below(len(self._styles))]
        style = of_target[draws.below(len(of_target))]
        if lot >= s.svdna:
            return style.match(image)
        least, most = int(s.components_least), int(s.components_most)
        k = least + draws.below(most - least + 1)
        if id(image) not in self._anatomies:
            self._anatomies[id(image)] = Anatomy(image)
        return restyle(image, self._anatomies[id(image)], style, k, draws)
