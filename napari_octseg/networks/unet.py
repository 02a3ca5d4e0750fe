"""A configurable 2-D U-Net (Ronneberger et al., MICCAI 2015).

It covers the OCTID U-Net (16…256 wide, dropout, no batch normalisation) and the Duke
U-Net (64…1024 wide, batch normalisation, no convolution bias).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence


class DoubleConv(nn.Sequential):
    """Two 3×3 convolutions with ReLU; dropout between them, batch norm after each."""

    def __init__(
        self, in_channels: int, out_channels: int, *, norm: bool, dropout: float
    ) -> None:
        def conv(n_in: int) -> list[nn.Module]:
            # Batch norm has an offset of its own, a bias before it would do nothing.
            plain = nn.Conv2d(n_in, out_channels, 3, padding=1, bias=not norm)
            normed = [nn.BatchNorm2d(out_channels)] if norm else []
            return [plain, *normed, nn.ReLU(inplace=True)]

        between = [nn.Dropout(dropout)] if dropout else []
        super().__init__(*conv(in_channels), *between, *conv(out_channels))


class UNet(nn.Module):
    """U-Net whose last of `widths` is the bottleneck.

    Parameters
    ----------
    in_channels, n_classes
        Channels of the input and of the logits.
    widths
        Channels of each level, top to bottom; at least two.
    dropout
        Rate of each of the ``2 * len(widths) - 1`` double convolutions, down, bottom
        and up again; empty for none.
    norm
        Batch normalisation after each convolution, which then has no bias.

    Notes
    -----
    Shape: (N, in_channels, H, W) → logits (N, n_classes, H, W); H and W divisible by
    ``divisor``.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        n_classes: int,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        dropout: Sequence[float] = (),
        norm: bool = True,
    ) -> None:
        super().__init__()
        n_levels = len(widths)
        if n_levels < 2:
            raise ValueError(f"widths {tuple(widths)}: at least two levels are needed")
        rates = list(dropout) or [0.0] * (2 * n_levels - 1)
        if len(rates) != 2 * n_levels - 1:
            raise ValueError(
                f"{len(rates)} dropout rates for {n_levels} levels, "
                f"{2 * n_levels - 1} are needed"
            )
        self.divisor = 2 ** (n_levels - 1)
        inputs = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            DoubleConv(n_in, n_out, norm=norm, dropout=rate)
            for n_in, n_out, rate in zip(inputs, widths, rates[:n_levels], strict=True)
        )
        self.pool = nn.MaxPool2d(2)
        upwards = list(pairwise(reversed(widths)))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(n_low, n_high, 2, stride=2) for n_low, n_high in upwards
        )
        self.decoder = nn.ModuleList(
            DoubleConv(2 * n_high, n_high, norm=norm, dropout=rate)
            for (_, n_high), rate in zip(upwards, rates[n_levels:], strict=True)
        )
        self.head = nn.Conv2d(widths[0], n_classes, 1)
        self._initialise()

    def _initialise(self) -> None:
        """He initialisation (ReLU), as both published networks use."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, n_classes, H, W) of images (N, in_channels, H, W)."""
        skips = []
        for level in self.encoder[:-1]:
            x = level(x)  # (N, width, H / 2^level, W / 2^level)
            skips.append(x)
            x = self.pool(x)
        x = self.encoder[-1](x)
        for up, level in zip(self.up, self.decoder, strict=True):
            x = level(torch.cat([skips.pop(), up(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits
