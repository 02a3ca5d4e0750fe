"""What the boundary tools know of a B-scan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.editing.likeness import surroundings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sight:
    """What the tools know of a B-scan: the same as in the window.

    Attributes
    ----------
    image
        (depth, width) float32 in 0…1.
    names
        Of the boundaries.
    likely
        (n_boundaries, depth, width) float32 in 0…1: the model's word, None without.
    """

    image: NDArray[np.float32]
    names: tuple[str, ...]
    likely: NDArray[np.float32] | None = None

    @cached_property
    def costs(self) -> list[NDArray[np.float32]]:
        """Cost of each boundary."""
        return [
            boundary_cost(
                self.image,
                polarity=polarity_of(name, among=self.names),
                probability=None if self.likely is None else self.likely[k],
            )
            for k, name in enumerate(self.names)
        ]

    @cached_property
    def around(self) -> NDArray[np.float32]:
        """For the live-wire: what each place looks like."""
        return surroundings(self.image)
