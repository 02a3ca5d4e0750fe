"""RASP-Net: residual encoder, dilated pyramids, an asymmetric decoder.

Hassan et al., "Joint Segmentation and Quantification of Chorioretinal Biomarkers in
Optical Coherence Tomography Scans: A Deep Learning Approach", IEEE Trans. Instrum.
Meas. 70 (2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence


class NormedConv(nn.Sequential):
    """A convolution that keeps the size, batch normalisation, and ReLU if wanted."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        *,
        dilation: int = 1,
        relu: bool = True,
    ) -> None:
        # The bias does nothing before a batch norm; the published network counts it.
        convolution = nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            padding=dilation * (kernel // 2),
            dilation=dilation,
        )
        after = [nn.ReLU(inplace=True)] if relu else []
        super().__init__(convolution, nn.BatchNorm2d(out_channels), *after)


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution beside a shortcut; ReLU after their sum.

    The shortcut is a 1×1 convolution where the channels grow (the published expansion
    unit) and nothing where they stay (the residual unit).
    """

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        out_channels = 4 * width
        self.body = nn.Sequential(
            NormedConv(in_channels, width),
            NormedConv(width, width, 3),
            NormedConv(width, out_channels, relu=False),
        )
        self.shortcut: nn.Module = (
            nn.Identity()
            if in_channels == out_channels
            else NormedConv(in_channels, out_channels, relu=False)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, 4 · width, H, W)."""
        out: Tensor = self.relu(self.body(x) + self.shortcut(x))
        return out


class Pyramid(nn.Module):
    """Parallel dilated 3×3 convolutions, one beside the other (ASPP)."""

    def __init__(
        self, in_channels: int, out_channels: int, rates: Sequence[int]
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            NormedConv(in_channels, out_channels // len(rates), 3, dilation=rate)
            for rate in rates
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, out_channels, H, W)."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Stage(nn.Sequential):
    """Half the size: an expansion unit, `n_residual` residual units, a pyramid."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        n_residual: int,
        out_channels: int,
        rates: Sequence[int],
    ) -> None:
        super().__init__(
            nn.MaxPool2d(2),
            Bottleneck(in_channels, width),
            *(Bottleneck(4 * width, width) for _ in range(n_residual)),
            Pyramid(4 * width, out_channels, rates),
        )


class Up(nn.Module):
    """Twice the size: 1×1 convolutions, a 7×7 transposed one, a last 1×1."""

    def __init__(
        self, in_channels: int, width: int, out_channels: int, n_before: int
    ) -> None:
        super().__init__()
        inputs = [in_channels, *[width] * (n_before - 1)]
        self.before = nn.Sequential(*(NormedConv(n_in, width) for n_in in inputs))
        # Of n rows this makes 2n + 1, enough for the odd size that pooling rounds off.
        self.up = nn.ConvTranspose2d(width, width, 7, stride=2, padding=2)
        self.after = NormedConv(width, out_channels)

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """(N, in_channels, H, W) → (N, out_channels, rows and columns of `like`)."""
        rows, columns = like.shape[-2], like.shape[-1]
        x = self.before(x)
        doubled = in_phases(x, self.up) if self.training else self.up(x)
        # One row too many at most: the centre crop takes it from the end.
        out: Tensor = self.after(doubled[..., :rows, :columns])
        return out


def in_phases(x: Tensor, conv: nn.ConvTranspose2d) -> Tensor:
    """What `conv` (7×7, stride 2, padding 2) makes of `x`, as one plain convolution.

    Each of the 2 × 2 phases of the output is a convolution of the input with every
    second tap. Forward and backward are ten times as fast on a CPU, which has no quick
    form for transposed convolutions wider than their stride.

    Parameters
    ----------
    x
        (N, C_in, H, W).

    Returns
    -------
    (N, C_out, 2 H + 1, 2 W + 1).
    """
    taps = functional.pad(conv.weight, (0, 1, 0, 1))  # 8×8: four for each phase
    taps = taps.reshape(conv.in_channels, conv.out_channels, 4, 2, 4, 2).flip(2, 4)
    # (in, out, row, row phase, column, column phase) → out · phases, as shuffled below
    kernel = taps.permute(1, 3, 5, 0, 2, 4).flatten(0, 2)
    bias = None if conv.bias is None else conv.bias.repeat_interleave(4)
    phases = functional.conv2d(x, kernel, bias, padding=2)
    return functional.pixel_shuffle(phases, 2)[..., :-1, :-1]


class RASPNet(nn.Module):
    """Bottleneck-residual encoder with four ASPP modules; decoder without skips.

    The decoder sees nothing of the encoder but the sizes to crop to, so that inputs of
    any size from 16 px are taken.

    Parameters
    ----------
    in_channels, n_classes
        Channels of the image and of the logits; an image of one channel is repeated.
    width
        Base width *m* of the published network, divisible by 4.
    rates
        Dilation of the four branches of each ASPP module.

    Notes
    -----
    Shape: (N, in_channels or 1, H, W) → logits (N, n_classes, H, W).
    """

    divisor = 1

    def __init__(
        self,
        *,
        in_channels: int = 3,
        n_classes: int = 12,
        width: int = 8,
        rates: Sequence[int] = (1, 6, 12, 18),
    ) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(
                f"width {width}: a multiple of 4 is needed, the last ASPP module has "
                "branches of width / 4 channels"
            )
        if len(rates) != 4 or min(rates) < 1:
            raise ValueError(
                f"rates {tuple(rates)}: four dilation rates from 1 on are needed"
            )
        m = width
        self.in_channels = in_channels
        self.stem = NormedConv(in_channels, 4 * m, 3)
        self.stages = nn.ModuleList(
            Stage(n_in, bottleneck, n_residual, n_out, rates)
            for n_residual, (n_in, bottleneck, n_out) in enumerate(
                [
                    (4 * m, 2 * m, 8 * m),
                    (8 * m, 4 * m, 4 * m),
                    (4 * m, 8 * m, 2 * m),
                    (2 * m, 16 * m, m),
                ],
                start=1,
            )
        )
        self.ups = nn.ModuleList(
            [
                Up(m, 32 * m, 16 * m, n_before=1),
                Up(16 * m, 16 * m, 8 * m, n_before=1),
                Up(8 * m, 8 * m, 4 * m, n_before=2),
                Up(4 * m, 4 * m, 4 * m, n_before=3),
            ]
        )
        self.head = nn.Conv2d(4 * m, n_classes, 1)
        self._initialise()

    def _initialise(self) -> None:
        """Glorot, and a narrow normal distribution in the ASPP modules; no bias."""
        in_pyramids = {
            module
            for pyramid in self.modules()
            if isinstance(pyramid, Pyramid)
            for module in pyramid.modules()
        }
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                if module in in_pyramids:
                    nn.init.normal_(module.weight, std=0.01)
                else:
                    nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, n_classes, H, W) of images (N, in_channels or 1, H, W)."""
        x = self.stem(x.expand(-1, self.in_channels, -1, -1))
        sizes = []
        for stage in self.stages:
            sizes.append(x)
            x = stage(x)
        for up in self.ups:
            x = up(x, sizes.pop())
        logits: Tensor = self.head(x)
        return logits
