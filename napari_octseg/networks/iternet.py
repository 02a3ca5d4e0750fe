"""IterNet: a U-Net whose vessel map is mended by mini U-Nets that share their weights.

Li et al., "IterNet: Retinal Image Segmentation Utilizing Structural Redundancy in
Vessel Networks", WACV 2020. The mini U-Net has the two levels below its first that the
authors trained with; their figure draws one more.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class DroppedConv(nn.Sequential):
    """Two 3×3 convolutions, each with ReLU and dropout."""

    def __init__(self, in_channels: int, out_channels: int, *, dropout: float) -> None:
        super().__init__(
            *(
                part
                for n_in in (in_channels, out_channels)
                for part in (
                    nn.Conv2d(n_in, out_channels, 3, padding=1),
                    nn.ReLU(inplace=True),
                    nn.Dropout(dropout),
                )
            )
        )


class Hourglass(nn.Module):
    """All of a U-Net below its first level, and the way back up to that level.

    Parameters
    ----------
    widths
        Channels of each level; the first is that of input and output.
    dropout
        Rate after each activation.

    Notes
    -----
    Shape: (N, widths[0], H, W) → the same; H and W divisible by
    ``2 ** (len(widths) - 1)``.
    """

    def __init__(self, widths: Sequence[int], *, dropout: float) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.pool = nn.MaxPool2d(2)
        self.encoder = nn.ModuleList(
            DroppedConv(high, low, dropout=dropout) for high, low in steps
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(low, high, 2, stride=2) for high, low in reversed(steps)
        )
        self.decoder = nn.ModuleList(
            DroppedConv(2 * high, high, dropout=dropout) for high, _ in reversed(steps)
        )

    def forward(self, x: Tensor) -> Tensor:
        """First-level feature on the way down → on the way up."""
        skips = []
        for level in self.encoder:
            skips.append(x)
            x = level(self.pool(x))
        for up, level in zip(self.up, self.decoder, strict=True):
            x = level(torch.cat([skips.pop(), up(x)], dim=1))
        return x


class IterNet(nn.Module):
    """A U-Net of five levels, then mini U-Nets of three that share one set of weights.

    Each mini U-Net sees the first-level features of all before it.

    Parameters
    ----------
    in_channels
        Channels of the image; an image of one channel is repeated.
    width
        Channels of the first level; they double with each level.
    n_minis
        Mini U-Nets, at least one. There is one more output than that.
    dropout
        Rate after each activation.

    Notes
    -----
    Shape: (N, in_channels or 1, H, W) → logits (N, 2, H, W) of background and vessel;
    H and W divisible by ``divisor``. The background's logit is 0, so softmax over the
    two is the published sigmoid.
    """

    divisor = 16

    def __init__(
        self,
        *,
        in_channels: int = 3,
        width: int = 32,
        n_minis: int = 3,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if n_minis < 1:
            raise ValueError(f"n_minis {n_minis}: at least one is needed")
        self.in_channels = in_channels
        self.base_first = DroppedConv(in_channels, width, dropout=dropout)
        self.base = Hourglass([width * 2**i for i in range(5)], dropout=dropout)
        self.mini_first = DroppedConv(width, width, dropout=dropout)
        self.mini = Hourglass([width * 2**i for i in range(3)], dropout=dropout)
        # These alone are not shared: each mini U-Net sees one feature more.
        self.reduce = nn.ModuleList(
            nn.Conv2d((2 + i) * width, width, 1) for i in range(n_minis)
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in range(1 + n_minis))
        self._initialise()

    def _initialise(self) -> None:
        """He initialisation before ReLU, Glorot elsewhere; no bias.

        Published is Glorot throughout, with which the signal halves at each of thirty
        ReLUs and training starts slowly.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.xavier_uniform_(module.weight)
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and (
                module.bias is not None
            ):
                nn.init.zeros_(module.bias)

    def outputs(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits of the U-Net and of each mini U-Net; training supervises them all.

        Parameters
        ----------
        x
            (N, in_channels or 1, H, W).

        Returns
        -------
        ``1 + n_minis`` logits (N, 2, H, W); `forward` returns the last.
        """
        features = self._features(x)
        return tuple(
            _two_classes(head(feature))
            for head, feature in zip(self.heads, features, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 2, H, W) of images (N, in_channels or 1, H, W)."""
        return _two_classes(self.heads[-1](self._features(x)[-1]))

    def _features(self, x: Tensor) -> list[Tensor]:
        """What each head sees, (N, width, H, W)."""
        seen = [self.base_first(x.expand(-1, self.in_channels, -1, -1))]
        features = [self.base(seen[0])]
        for reduce in self.reduce:
            seen.append(self.mini_first(features[-1]))
            features.append(self.mini(reduce(torch.cat(seen, dim=1))))
        return features


def _two_classes(vessel: Tensor) -> Tensor:
    """Logits (N, 1, H, W) of a sigmoid as those of a softmax over two classes."""
    return torch.cat([torch.zeros_like(vessel), vessel], dim=1)
