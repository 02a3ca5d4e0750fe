"""The labelled scans of one source, and where in them crops are taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_octseg.engine.steps.roi import entropy_roi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.engine.augmentation.draws import Draws
    from napari_octseg.engine.data.source import Source

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
    weights
        (W,) float32: how much each column counts; None if all count alike.
    """

    image: Tensor
    codes: Tensor
    source: int
    patient: str
    weights: Tensor | None = None


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
        self._rare = [self._places_of(s.codes) for s in samples if source.focus]
        self._seen = [_seen_places(s.image) for s in samples if source.roi]

    def draw(self, draws: Draws) -> tuple[Sample, tuple[int, int] | None]:
        """A sample, and where to centre the crop (None: anywhere)."""
        chosen = draws.below(len(self.samples))
        for chance, found in (
            (self.source.focus, self._rare),
            (self.source.roi, self._seen),
        ):
            if chance and draws.chance(chance) and len(found[chosen]):
                places = found[chosen]
                row, column = places[draws.below(len(places))].tolist()
                return self.samples[chosen], (row, column)
        return self.samples[chosen], None

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


def _seen_places(image: Tensor) -> Tensor:
    """(n, 2): the middle row of the region with structure, at every 10th column."""
    region = torch.from_numpy(entropy_roi(image[len(image) // 2].numpy()))[:, ::10]
    rows = torch.arange(len(region))[:, None]
    n_rows = region.sum(0)
    middle = (region * rows).sum(0) // n_rows.clamp_min(1)
    places = torch.stack([middle, torch.arange(region.shape[1]) * 10], dim=-1)
    return places[n_rows > 0]
