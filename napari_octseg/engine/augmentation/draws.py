"""Random numbers of the augmentation, from one seed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


class Draws:
    """Draws of one random stream, whose state can be kept and gone on with.

    Parameters
    ----------
    seed
        Same seed, same draws.
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, half_range: float) -> float:
        """A number in ±`half_range`."""
        return (self.share() * 2 - 1) * half_range

    def share(self) -> float:
        """A number in 0…1."""
        return float(torch.rand((), generator=self.generator))

    def chance(self, probability: float) -> bool:
        """True in this share of the cases."""
        return self.share() < probability

    def below(self, n: int) -> int:
        """An integer in 0…`n` − 1."""
        return int(torch.randint(n, (), generator=self.generator))

    def normal(self, *shape: int) -> Tensor:
        """Normal deviates of zero mean and unit variance."""
        return torch.randn(shape, generator=self.generator)

    def smooth(self, n: int, amplitude: float, n_knots: int = 5) -> Tensor:
        """A smooth curve (n,), within about ±`amplitude`."""
        knots = torch.rand(1, 1, 1, n_knots, generator=self.generator) * 2 - 1
        # Bicubic, because a kink in a layer is nothing that an eye does.
        curve = functional.interpolate(
            knots * amplitude, size=(1, n), mode="bicubic", align_corners=True
        )
        return curve[0, 0, 0]

    def smooth_field(self, rows: int, columns: int, knot_px: int) -> Tensor:
        """A smooth field (rows, columns), within about ±1, a knot each `knot_px`."""
        n_knots = (2 + rows // knot_px, 2 + columns // knot_px)
        knots = torch.rand(1, 1, *n_knots, generator=self.generator) * 2 - 1
        field = functional.interpolate(
            knots, size=(rows, columns), mode="bicubic", align_corners=True
        )
        return field[0, 0]
