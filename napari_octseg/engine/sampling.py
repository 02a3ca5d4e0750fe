"""Draw training samples from the sources of a recipe: by weight, cropped, augmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_octseg.engine.augment import Augmenter, AugmentSettings
from napari_octseg.engine.datasets import (
    LabelledBscan,
    code_table,
    is_held_out,
    load_source,
    membership_of,
    on_network_grid,
)
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_octseg.engine.recipe import Recipe


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
        Crop, augmentation and seed.
    train, validation
        Samples to draw from, and held-out ones.
    membership
        Of each source, (n_codes, n_classes) bool.
    weights
        Of each source: its share of the drawn samples.
    """

    def __init__(
        self,
        recipe: Recipe,
        train: Sequence[Sample],
        validation: Sequence[Sample],
        membership: Sequence[Tensor],
        weights: Sequence[float],
    ) -> None:
        self.validation = list(validation)
        self.membership = list(membership)
        self.weights = list(weights)
        self._crop = recipe.crop
        self._samples = [
            [s for s in train if s.source == source] for source in range(len(weights))
        ]
        self._random = torch.Generator().manual_seed(recipe.seed)
        self._augment = Augmenter(AugmentSettings(**recipe.augment), recipe.seed + 1)

    def batch(self, n: int) -> Batch:
        """`n` augmented crops, each of a source drawn by weight."""
        drawn = [self._draw() for _ in range(n)]
        crops = [self._augment(s.image, s.codes, self._crop) for s in drawn]
        return Batch(
            torch.stack([image for image, _ in crops]),
            torch.stack([codes for _, codes in crops]),
            torch.stack([self.membership[s.source] for s in drawn]),
        )

    def labels(self) -> Iterator[tuple[Tensor, int]]:
        """Codes (H, W) of every training sample, and the number of its source."""
        for samples in self._samples:
            for sample in samples:
                yield sample.codes, sample.source

    def reseed(self, seed: int) -> None:
        """Draw other samples: each of several processes has its own."""
        self._random.manual_seed(seed)
        self._augment.random.manual_seed(seed + 1)

    def state_dict(self) -> dict[str, Tensor]:
        """State of the random numbers, to go on from with `load_state_dict`."""
        return {
            "draw": self._random.get_state(),
            "augment": self._augment.random.get_state(),
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on with the random numbers of a `state_dict`."""
        self._random.set_state(state["draw"])
        self._augment.random.set_state(state["augment"])

    def _draw(self) -> Sample:
        weights = torch.tensor(self.weights)
        source = int(torch.multinomial(weights, 1, generator=self._random))
        own = self._samples[source]
        return own[int(torch.randint(len(own), (), generator=self._random))]


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
    n_codes = max(len(table.names) for table in tables)
    train: list[Sample] = []
    validation: list[Sample] = []
    weights = []
    for number, source in enumerate(recipe.sources):
        bscans = load_source(source, data, recipe)
        held_out = [b for b in bscans if is_held_out(b.name, source)]
        kept = [b for b in bscans if not is_held_out(b.name, source)]
        train += [_sample(b, recipe, number) for b in kept]
        validation += [_sample(b, recipe, number) for b in held_out]
        weights.append(source.weight if kept else 0.0)
    if not train or not any(weights):
        raise RecipeError(
            f"The recipe {recipe.name!r} leaves no B-scan to train on",
            todo="hold out fewer, or give a source a weight above 0",
        )
    return TrainingSet(
        recipe,
        train,
        validation,
        [membership_of(table, n_codes) for table in tables],
        weights,
    )


def _sample(bscan: LabelledBscan, recipe: Recipe, source: int) -> Sample:
    image, codes = on_network_grid(bscan, recipe.input.size)
    return Sample(image[None], codes, source, patient=bscan.name)
