"""Ways to look at one image: as it is, mirrored, turned; for test-time averaging.

A retina is never shown upside down: B-scans are mirrored left to right only. En-face
images have no up, so all eight symmetries of the square are fair views of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class View:
    """Quarter turns (counter-clockwise), then mirrored left to right."""

    n_turns: int = 0
    mirrored: bool = False

    @property
    def swaps_sides(self) -> bool:
        """Whether rows become columns."""
        return self.n_turns % 2 == 1

    def of(self, images: Tensor) -> Tensor:
        """Images (…, H, W) in this view."""
        # Turning by nothing would still be a copy.
        if self.n_turns:
            images = torch.rot90(images, self.n_turns, (-2, -1))
        return images.flip(-1) if self.mirrored else images

    def undone(self, images: Tensor) -> Tensor:
        """What `of` was given, from what it returned."""
        if self.mirrored:
            images = images.flip(-1)
        return torch.rot90(images, -self.n_turns, (-2, -1)) if self.n_turns else images


AS_IS = (View(),)
BOTH_SIDES = (View(), View(mirrored=True))
ALL_EIGHT = tuple(View(n, m) for m in (False, True) for n in range(4))


def views_for(plane: Literal["bscan", "enface"], *, flips: bool) -> tuple[View, ...]:
    """The views whose probabilities are averaged for images of a plane."""
    if not flips:
        return AS_IS
    return BOTH_SIDES if plane == "bscan" else ALL_EIGHT
