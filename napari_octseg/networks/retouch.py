"""The fluid network of the RETOUCH challenge's team RMIT: valid padding, many scales.

Tennakoon et al., "Retinal fluid segmentation in OCT images using adversarial loss based
convolutional neural networks", ISBI 2018.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

BORDER = 46
"""px that the valid convolutions lose on every side."""
LEAST = 96
"""Fewest rows and columns that leave an output."""
_GRID = 8  # rows and columns of the raw input are multiples of it
_SKIP_CROPS = ((5, 4), (17, 17), (42, 42))  # before and after, deepest level first


class ValidConvs(nn.Sequential):
    """3×3 convolutions with ReLU, without padding; behind them batch norm if wanted."""

    def __init__(self, *widths: int, norm: bool = True) -> None:
        convs = (
            part
            for n_in, n_out in pairwise(widths)
            for part in (nn.Conv2d(n_in, n_out, 3), nn.ReLU(inplace=True))
        )
        super().__init__(*convs, *([nn.BatchNorm2d(widths[-1])] if norm else []))


def he_initialise(network: nn.Module) -> None:
    """He initialisation (ReLU) of all convolutions."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class RetouchNet(nn.Module):
    """U-Net with valid padding, whose classes are told from all four scales at once.

    Parameters
    ----------
    in_channels
        Channels of the image, published: three neighbouring B-scans. An image of one
        channel is repeated.
    n_classes
        Channels of the logits.
    width
        Channels of the first level; they double with each of the four levels.
    dropout
        Rates of whole channels: before the convolutions of the three decoder levels,
        deepest first, and before the head.
    reduce
        Work on means of so many × so many pixels, published 1. At 2 a slim network sees
        twice as far and takes a quarter of the time; logits are interpolated back.
    rectify
        Put the logits through ReLU as published. A class whose logits start below 0
        everywhere then never learns, so it is off.

    Notes
    -----
    Shape: (N, in_channels or 1, H, W) → logits (N, n_classes, H, W), any H and W.
    Published: batch norm behind the ReLU, weight decay 1e-4.
    """

    divisor = 1

    def __init__(
        self,
        *,
        in_channels: int = 3,
        n_classes: int = 4,
        width: int = 64,
        dropout: Sequence[float] = (0.25, 0.25, 0.5, 0.25),
        reduce: int = 1,
        rectify: bool = False,
    ) -> None:
        super().__init__()
        if len(dropout) != 4:
            raise ValueError(f"{len(dropout)} dropout rates, 4 are needed")
        if reduce < 1:
            raise ValueError(f"reduce {reduce} must be 1 or more")
        self.in_channels = in_channels
        self.reduce = reduce
        self.rectify = rectify
        widths = [width * 2**level for level in range(4)]
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 7, padding=3), nn.ReLU(inplace=True)
        )
        self.encoder = nn.ModuleList(
            ValidConvs(n_in, n_out, n_out)
            for n_in, n_out in zip([width, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        upwards = list(pairwise(reversed(widths)))
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(n_low, n_high, 2, stride=2), nn.ReLU(inplace=True)
            )
            for n_low, n_high in upwards
        )
        self.dropout = nn.ModuleList(nn.Dropout2d(rate) for rate in dropout)
        self.decoder = nn.ModuleList(
            ValidConvs(2 * n_high, n_high, n_high, norm=n_high != width)
            for _, n_high in upwards
        )
        self.head = MultiScaleHead([n for n, _ in upwards] + [width], n_classes)
        he_initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of every pixel, from an image continued by its mirror image.

        Parameters
        ----------
        x
            (N, in_channels or 1, H, W).

        Returns
        -------
        (N, n_classes, H, W), in one pass: no seams and no lost border.
        """
        rows, columns = x.shape[-2:]
        if self.reduce == 1:
            return self.valid(mirrored(x))[..., :rows, :columns]
        small = functional.avg_pool2d(x, self.reduce, ceil_mode=True)
        high, wide = small.shape[-2:]
        logits = self.valid(mirrored(small))[..., :high, :wide]
        full = functional.interpolate(
            logits, scale_factor=float(self.reduce), mode="bilinear"
        )
        return full[..., :rows, :columns]

    def valid(self, x: Tensor) -> Tensor:
        """Logits of the pixels whose surroundings are all in the image, as published.

        Parameters
        ----------
        x
            (N, in_channels or 1, H, W); H and W multiples of 8, at least 96.

        Returns
        -------
        (N, n_classes, H - 92, W - 92): pixel (r, c) belongs to (r + 46, c + 46) of `x`.
        """
        x = self.stem(x.expand(-1, self.in_channels, -1, -1))
        skips = []
        for level in self.encoder[:-1]:
            x = level(x)
            skips.append(x)
            x = self.pool(x)
        x = self.encoder[-1](x)
        features = [x]
        steps = zip(_SKIP_CROPS, self.up, self.dropout, self.decoder, strict=False)
        for (before, after), up, dropout, level in steps:
            skip = skips.pop()[..., before:-after, before:-after]
            x = level(dropout(torch.cat([up(x), skip], dim=1)))
            features.append(x)
        features[-1] = self.dropout[-1](x)
        logits: Tensor = self.head(features)
        return functional.relu(logits) if self.rectify else logits


class MultiScaleHead(nn.Module):
    """A 3×3 convolution of the features of all scales, upsampled and concatenated.

    The published layer convolves 15 ``width`` channels at full resolution. Here each
    scale is multiplied with the weights of the nine taps first; only these products are
    upsampled, added up, and shifted by their taps. That is the same sum, with an eighth
    of the multiplications.

    Parameters
    ----------
    widths
        Channels of each scale, coarsest first. Each has twice the resolution of the one
        before and has lost 2 px more on every side.
    n_classes
        Channels of the logits.
    """

    def __init__(self, widths: Sequence[int], n_classes: int) -> None:
        super().__init__()
        self.widths = list(widths)
        self.n_classes = n_classes
        self.conv = nn.Conv2d(sum(widths), n_classes, 3, padding=1, bias=False)
        self.bias = nn.Parameter(torch.zeros(n_classes, 1, 1))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features (N, widths[i], H_i, W_i) → logits (N, n_classes, H, W)."""
        parts = self._tap_weights()
        pairs = zip(features, parts, strict=True)
        return self.combined([functional.conv2d(x, part) for x, part in pairs])

    def _tap_weights(self) -> list[Tensor]:
        """For each scale (9 · n_classes, channels, 1, 1), tap by tap."""
        weight = self.conv.weight.permute(2, 3, 0, 1).flatten(0, 2)[..., None, None]
        starts = [sum(self.widths[:scale]) for scale in range(len(self.widths))]
        return [
            weight[:, start : start + width]
            for start, width in zip(starts, self.widths, strict=True)
        ]

    def as_pointwise(self) -> list[nn.Conv2d]:
        """The products of each scale with the taps, as 1×1 convolutions."""
        products = []
        for weight in self._tap_weights():
            n_taps, width = weight.shape[:2]
            product = nn.Conv2d(width, n_taps, 1, bias=False)
            product.weight = nn.Parameter(weight.detach().clone())
            products.append(product)
        return products

    def combined(self, products: Sequence[Tensor]) -> Tensor:
        """Products (N, 9 · n_classes, H_i, W_i) → logits (N, n_classes, H, W)."""
        taps = products[0]
        for product in products[1:]:
            larger = functional.interpolate(taps, scale_factor=2.0, mode="nearest")
            taps = larger[..., 2:-2, 2:-2] + product
        logits: Tensor = self.bias
        for tap in range(9):
            down, right = tap // 3 - 1, tap % 3 - 1
            classes = taps[:, tap * self.n_classes : (tap + 1) * self.n_classes]
            # A row that comes from below: one less above, one of zeros below.
            logits = logits + functional.pad(classes, (-right, right, -down, down))
        return logits


@fx.wrap
def mirrored(x: Tensor) -> Tensor:
    """An image continued on all sides by its mirror image, for `RetouchNet.valid`.

    By `BORDER` above and left, and below and right by as much as leaves at least the
    image. An image smaller than the border is mirrored again and again.
    """
    for dim in (2, 3):
        size = x.shape[dim]
        end = size + BORDER + (-size - 2 * BORDER) % _GRID
        place = torch.arange(-BORDER, end, device=x.device) % (2 * size)
        x = x.index_select(dim, torch.minimum(place, 2 * size - 1 - place))
    return x
