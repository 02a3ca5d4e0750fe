"""Draw training samples from the sources of a recipe: by weight, cropped, augmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_octseg.engine.augment import Augmenter, augment_settings
from napari_octseg.engine.datasets import (
    CodeTable,
    LabelledBscan,
    code_table,
    load_source,
    membership_of,
    on_network_grid,
)
from napari_octseg.engine.draws import Draws
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.engine.source import Source

_MOST_TRIES = 20  # crops drawn anew for want of rare pixels
_MOST_PLACES = 4096


@dataclass(frozen=True, eq=False)
class Sample:
    """A labelled scan on the network's grid.

    image
        (C, H, W) float32 in 0…1; C is 1 + 2 * n_neighbours.
    codes
        (H, W) uint8, numbered as `code_table` does, `IGNORE` where nobody labelled.
    source
        Number of its source in the recipe.
    patient
        Whose scan it is.
    """

    image: Tensor
    codes: Tensor
    source: int
    patient: str


@dataclass(frozen=True, eq=False)
class Batch:
    """Crops to train on.

    images
        (N, C, H, W) float32 in 0…1, before intensity normalisation.
    codes
        (N, H, W) uint8 with `IGNORE`.
    membership
        (N, n_codes, n_classes) bool: the classes that each code may stand for.
    """

    images: Tensor
    codes: Tensor
    membership: Tensor


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
    """

    def __init__(
        self,
        recipe: Recipe,
        train: Sequence[Sample],
        validation: Sequence[Sample],
        tables: Sequence[CodeTable],
    ) -> None:
        n_codes = max(len(table.names) for table in tables)
        self.validation = list(validation)
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

    def batch(self, n: int) -> Batch:
        """`n` augmented crops, each of a source drawn by weight."""
        drawn = [self._draw() for _ in range(n)]
        return Batch(
            torch.stack([image for image, _, _ in drawn]),
            torch.stack([codes for _, codes, _ in drawn]),
            torch.stack([self.membership[source] for _, _, source in drawn]),
        )

    def labels(self) -> Iterator[tuple[Tensor, int]]:
        """Codes (H, W) of every training sample, and the number of its source."""
        for pool in self._pools:
            for sample in pool.samples:
                yield sample.codes, sample.source

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

    def _draw(self) -> tuple[Tensor, Tensor, int]:
        """Image and codes of an augmented crop, and the number of its source."""
        weights = torch.tensor(self.weights)
        number = int(torch.multinomial(weights, 1, generator=self._draws.generator))
        pool = self._pools[number]
        for _ in range(_MOST_TRIES):
            sample, centre = pool.draw(self._draws)
            image, codes = self._augment.warp(
                sample.image, sample.codes, self._crop, centre
            )
            if pool.keeps(codes, self._draws):
                break
        return self._augment.recolour(image), codes, number


class Pool:
    """The training samples of one source, and which of their pixels are rare.

    Parameters
    ----------
    source
        Says how often crops are centred on rare pixels.
    samples
        What to draw from.
    focus
        Numbered codes of the rare pixels.
    """

    def __init__(
        self, source: Source, samples: Sequence[Sample], focus: Sequence[int]
    ) -> None:
        self.source = source
        self.samples = list(samples)
        self._focus = torch.tensor(focus, dtype=torch.uint8)
        self._places = [self._places_of(s.codes) for s in samples if source.focus]

    def draw(self, draws: Draws) -> tuple[Sample, tuple[int, int] | None]:
        """A sample, and where to centre the crop (None: anywhere)."""
        chosen = draws.below(len(self.samples))
        if not self.source.focus or not draws.chance(self.source.focus):
            return self.samples[chosen], None
        places = self._places[chosen]
        if not len(places):
            return self.samples[chosen], None
        row, column = places[draws.below(len(places))].tolist()
        return self.samples[chosen], (row, column)

    def keeps(self, codes: Tensor, draws: Draws) -> bool:
        """Whether a crop is to be trained on: all with rare pixels, some without."""
        if self.source.keep_empty == 1 or self._is_focus(codes).any():
            return True
        return draws.chance(self.source.keep_empty)

    def _is_focus(self, codes: Tensor) -> Tensor:
        return torch.isin(codes, self._focus)

    def _places_of(self, codes: Tensor) -> Tensor:
        """(n, 2) rows and columns of rare pixels, at most some evenly spread ones."""
        places = self._is_focus(codes).nonzero()
        return places[:: 1 + len(places) // _MOST_PLACES].to(torch.int32)


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
    loaded = TrainingSet(recipe, train, validation, tables)
    if not any(loaded.weights):
        raise RecipeError(
            f"The recipe {recipe.name!r} leaves no B-scan to train on",
            todo="hold out fewer, or give a source a weight above 0",
        )
    return loaded


def _sample(bscan: LabelledBscan, recipe: Recipe, source: int) -> Sample:
    image, codes = on_network_grid(bscan, recipe.input)
    return Sample(image, codes, source, bscan.patient)
