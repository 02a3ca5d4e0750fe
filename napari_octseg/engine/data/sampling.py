"""Draw training samples from the sources of a recipe: by weight, cropped, augmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_octseg.engine.augment import Augmenter, augment_settings
from napari_octseg.engine.augmentation.draws import Draws
from napari_octseg.engine.augmentation.restyling import Restyler, load_styles
from napari_octseg.engine.augmentation.warp import warp_codes, warp_image
from napari_octseg.engine.data.datasets import (
    CodeTable,
    LabelledBscan,
    code_table,
    load_source,
    membership_of,
    on_network_grid,
    weights_on_grid,
)
from napari_octseg.engine.data.pool import Pool
from napari_octseg.engine.data.pool import Sample as Sample
from napari_octseg.engine.data.split import evenly_spread
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_octseg.engine.augmentation.svdna import Style
    from napari_octseg.engine.recipe import Recipe

_MOST_TRIES = 20  # crops drawn anew for want of rare pixels


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops to train on.

    images
        (N, C, H, W) float32 in 0…1, before intensity normalisation.
    codes
        (N, H, W) uint8 with `IGNORE`.
    membership
        (N, n_codes, n_classes) bool: the classes that each code may stand for.
    weights
        (N, H, W) float32: how much each pixel counts; None if all count alike.
    """

    images: Tensor
    codes: Tensor
    membership: Tensor
    weights: Tensor | None = None

    def part(self, first: int, last: int) -> Batch:
        """The crops from `first` up to, not including, `last`."""
        return Batch(
            self.images[first:last],
            self.codes[first:last],
            self.membership[first:last],
            None if self.weights is None else self.weights[first:last],
        )


@dataclass(frozen=True, eq=False)
class _Crop:
    """A crop as `Batch` stacks them; `source` is the number of its source."""

    image: Tensor
    codes: Tensor
    source: int
    weights: Tensor | None


class TrainingSet:
    """Training and validation samples of all sources of a recipe.

    Parameters
    ----------
    recipe
        Sources, crop, augmentation and seed.
    train, validation
        Samples to draw from, and held-out ones.
    tables
        Code table of each source.
    styles
        Looks of other scans, one list for each target of the recipe.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: Sequence[Sample],
        validation: Sequence[Sample],
        tables: Sequence[CodeTable],
        styles: Sequence[Sequence[Style]] = (),
    ) -> None:
        n_codes = max(len(table.names) for table in tables)
        self.validation = _some_of_each(validation, recipe.n_validated)
        self.tables = list(tables)
        self.membership = [membership_of(table, n_codes) for table in tables]
        self._crop = recipe.crop
        self._pools = []
        for number, (source, table) in enumerate(
            zip(recipe.sources, tables, strict=True)
        ):
            focus = [table.mapping[code] for code in source.focus_codes]
            own = [s for s in train if s.source == number]
            self._pools.append(Pool(source, own, focus))
        self.weights = [p.source.weight if p.samples else 0.0 for p in self._pools]
        self._draws = Draws(recipe.seed)
        settings = augment_settings(recipe.input.plane, recipe.augment)
        self._augment = Augmenter(settings, recipe.seed + 1)
        self._restyle = Restyler(styles, settings)

    def batch(self, n: int) -> Batch:
        """`n` augmented crops, each of a source drawn by weight."""
        drawn = [self._draw() for _ in range(n)]
        return Batch(
            torch.stack([one.image for one in drawn]),
            torch.stack([one.codes for one in drawn]),
            torch.stack([self.membership[one.source] for one in drawn]),
            _stacked_weights(drawn),
        )

    @property
    def train(self) -> list[Sample]:
        """All training samples, source by source."""
        return [sample for pool in self._pools for sample in pool.samples]

    def labels(self) -> Iterator[tuple[Tensor, int]]:
        """Codes (H, W) of every training sample, and the number of its source."""
        return ((sample.codes, sample.source) for sample in self.train)

    def reseed(self, seed: int) -> None:
        """Draw other samples: each of several processes has its own."""
        self._draws.generator.manual_seed(seed)
        self._augment.draws.generator.manual_seed(seed + 1)

    def state_dict(self) -> dict[str, Tensor]:
        """State of the random numbers, to go on from with `load_state_dict`."""
        return {
            "draw": self._draws.generator.get_state(),
            "augment": self._augment.draws.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on with the random numbers of a `state_dict`."""
        self._draws.generator.set_state(state["draw"])
        self._augment.draws.generator.set_state(state["augment"])

    def _draw(self) -> _Crop:
        """An augmented crop of a source drawn by weight."""
        weights = torch.tensor(self.weights)
        number = int(torch.multinomial(weights, 1, generator=self._draws.generator))
        pool = self._pools[number]
        for _ in range(_MOST_TRIES):
            sample, centre = pool.draw(self._draws)
            depth, width = sample.codes.shape
            grid = self._augment.draw_grid((depth, width), self._crop, centre)
            codes = warp_codes(sample.codes, grid)
            if pool.keeps(codes, self._draws):
                break
        image = self._restyle(sample.image, self._augment.draws)
        image = self._augment.recolour(warp_image(image, grid))
        return _Crop(image, codes, number, _warped_weights(sample, grid))


def load_training_set(recipe: Recipe, data: Path) -> TrainingSet:
    """Load every source of the recipe onto the network's grid.

    Parameters
    ----------
    recipe
        Names sources, label mapping, held-out scans, crop and augmentation.
    data
        Root of the data folders.

    Raises
    ------
    RecipeError
        If data are missing, or nothing is left to train on.
    """
    tables = [code_table(source, recipe.classes) for source in recipe.sources]
    train: list[Sample] = []
    validation: list[Sample] = []
    for number, source in enumerate(recipe.sources):
        for bscan in load_source(source, data, recipe):
            side = validation if bscan.held_out else train
            side.append(_sample(bscan, recipe, number))
    trained = {
        source.name: [s.image for s in train if s.source == number]
        for number, source in enumerate(recipe.sources)
    }
    styles = load_styles(recipe, data, trained)
    loaded = TrainingSet(recipe, train, validation, tables, styles)
    if not any(loaded.weights):
        raise RecipeError(
            f"The recipe {recipe.name!r} leaves no B-scan to train on",
            todo="hold out fewer, or give a source a weight above 0",
        )
    return loaded


def _sample(bscan: LabelledBscan, recipe: Recipe, source: int) -> Sample:
    image, codes = on_network_grid(bscan, recipe.input)
    weights = weights_on_grid(bscan, codes.shape[1])
    return Sample(image, codes, source, bscan.patient, weights)


def _some_of_each(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most so many samples of each source, evenly spread; 0 takes all."""
    if not most:
        return list(samples)
    by_source: dict[int, list[Sample]] = {}
    for sample in samples:
        by_source.setdefault(sample.source, []).append(sample)
    return [s for own in by_source.values() for s in evenly_spread(own, most)]


def _warped_weights(sample: Sample, grid: Tensor) -> Tensor | None:
    """(rows, columns): how much each pixel of a crop counts."""
    if sample.weights is None:
        return None
    return warp_image(sample.weights.expand(sample.codes.shape)[None], grid)[0]


def _stacked_weights(crops: Sequence[_Crop]) -> Tensor | None:
    if all(crop.weights is None for crop in crops):
        return None
    return torch.stack(
        [
            torch.ones(crop.codes.shape) if crop.weights is None else crop.weights
            for crop in crops
        ]
    )
