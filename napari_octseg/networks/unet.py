"""A configurable 2-D U-Net and its kin with other decoders.

- plain: Ronneberger et al., "U-Net", MICCAI 2015. It covers the OCTID U-Net (16…256
  wide, dropout, no batch normalisation) and the Duke U-Net (64…1024 wide, batch
  normalisation, no convolution bias).
- nested: Zhou et al., "UNet++", DLMIA 2018.
- attention: Oktay et al., "Attention U-Net", MIDL 2018.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

Decoder = Literal["plain", "nested", "attention"]


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


class AttentionGate(nn.Module):
    """Weaken a skip connection where the coarser level sees nothing of interest.

    Additive attention: ``skip * sigmoid(psi(relu(skip' + gating')))``, where the primes
    are linear maps to the coarser resolution; the weight of a pixel is interpolated.

    Parameters
    ----------
    width, gating_width
        Channels of the skip connection and of the coarser level.
    """

    def __init__(self, width: int, gating_width: int) -> None:
        super().__init__()
        self.of_skip = nn.Conv2d(width, width, 2, stride=2, bias=False)
        self.of_gating = nn.Conv2d(gating_width, width, 1)
        self.psi = nn.Conv2d(width, 1, 1)

    def initialise(self) -> None:
        """Let everything pass at first, as published: sigmoid(3) is 0.95."""
        nn.init.normal_(self.psi.weight, std=1e-2)
        nn.init.constant_(self.psi.bias, 3.0)  # type: ignore[arg-type]

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        """(N, width, H, W) and (N, gating_width, H / 2, W / 2) → (N, width, H, W)."""
        both = functional.relu(self.of_skip(skip) + self.of_gating(gating))
        passed = self.psi(both).sigmoid()
        return skip * functional.interpolate(
            passed, scale_factor=2.0, mode="bilinear", align_corners=False
        )


class UNet(nn.Module):
    """U-Net whose last of `widths` is the bottleneck.

    Parameters
    ----------
    in_channels, n_classes
        Channels of the input and of the logits; an image of one channel is repeated.
    widths
        Channels of each level, top to bottom; at least two, with attention three.
    dropout
        Rate of each of the ``2 * len(widths) - 1`` double convolutions, down, bottom
        and up again; empty for none.
    norm
        Batch normalisation after each convolution, which then has no bias.
    decoder
        ``plain``; ``nested``: a way up from every level, each of which sees all the
        features of its level before it, and a head on each for deep supervision
        (U-Net++); ``attention``: gates on all skip connections but the first.

    Notes
    -----
    Shape: (N, in_channels or 1, H, W) → logits (N, n_classes, H, W); H and W divisible
    by ``divisor``.

    Parts of equal shape have equal names in all three: the weights of one can start
    another.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        n_classes: int,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        dropout: Sequence[float] = (),
        norm: bool = True,
        decoder: Decoder = "plain",
    ) -> None:
        super().__init__()
        n_levels = len(widths)
        least = 3 if decoder == "attention" else 2
        if n_levels < least:
            raise ValueError(f"widths {tuple(widths)}: at least {least} are needed")
        rates = list(dropout) or [0.0] * (2 * n_levels - 1)
        if len(rates) != 2 * n_levels - 1:
            raise ValueError(
                f"{len(rates)} dropout rates for {n_levels} levels, "
                f"{2 * n_levels - 1} are needed"
            )
        if decoder not in get_args(Decoder):
            raise ValueError(
                f"decoder {decoder!r}: {', '.join(get_args(Decoder))} are known"
            )
        self.in_channels = in_channels
        self.divisor = 2 ** (n_levels - 1)
        inputs = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            DoubleConv(n_in, n_out, norm=norm, dropout=rate)
            for n_in, n_out, rate in zip(inputs, widths, rates[:n_levels], strict=True)
        )
        self.pool = nn.MaxPool2d(2)

        def upsamplers(depth: int) -> nn.ModuleList:
            return nn.ModuleList(
                nn.ConvTranspose2d(n_low, n_high, 2, stride=2)
                for n_low, n_high in pairwise(reversed(widths[: depth + 1]))
            )

        def convolutions(depth: int) -> nn.ModuleList:
            # Nested, a node sees one more feature with each level it lies higher.
            n_features = range(2, depth + 2) if decoder == "nested" else [2] * depth
            highs, some = reversed(widths[:depth]), rates[2 * n_levels - 1 - depth :]
            return nn.ModuleList(
                DoubleConv(n * n_high, n_high, norm=norm, dropout=rate)
                for n, n_high, rate in zip(n_features, highs, some, strict=True)
            )

        # The way up from the bottom; below: the ways up from the levels in between.
        self.up = upsamplers(n_levels - 1)
        self.decoder = convolutions(n_levels - 1)
        self.head = nn.Conv2d(widths[0], n_classes, 1)
        depths = range(1, n_levels - 1) if decoder == "nested" else ()
        self.inner_up = nn.ModuleList(upsamplers(depth) for depth in depths)
        self.inner_decoder = nn.ModuleList(convolutions(depth) for depth in depths)
        self.inner_heads = nn.ModuleList(
            nn.Conv2d(widths[0], n_classes, 1) for _ in depths
        )
        gated = reversed(widths[1:]) if decoder == "attention" else ()
        self.gates = nn.ModuleList(
            AttentionGate(n_high, n_low) for n_low, n_high in pairwise(gated)
        )
        self._initialise()

    def _initialise(self) -> None:
        """He initialisation (ReLU), as the published networks use."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for gate in self.gates:
            assert isinstance(gate, AttentionGate)
            gate.initialise()

    def outputs(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits of every head; training supervises them all.

        Parameters
        ----------
        x
            (N, in_channels or 1, H, W).

        Returns
        -------
        Logits (N, n_classes, H, W): nested as many as there are ways up, shortest
        first, otherwise one. The last is what `forward` returns.
        """
        heads = [*self.inner_heads, self.head]
        features = self._first_level(x)
        return tuple(
            head(feature) for head, feature in zip(heads, features, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, n_classes, H, W) of images (N, in_channels or 1, H, W)."""
        logits: Tensor = self.head(self._first_level(x)[-1])
        return logits

    def _first_level(self, x: Tensor) -> list[Tensor]:
        """First-level features (N, widths[0], H, W), one at the end of each way up."""
        if self.in_channels > 1:
            x = x.expand(-1, self.in_channels, -1, -1)
        ways_up: list[tuple[Any, Any]] = [
            *zip(self.inner_up, self.inner_decoder, strict=True),
            (self.up, self.decoder),
        ]
        n_without = len(self.encoder) - len(ways_up)  # levels that start no way up
        seen: list[list[Tensor]] = []  # features of each level so far
        for depth, convolve in enumerate(self.encoder):
            x = convolve(self.pool(x) if depth else x)
            seen.append([x])
            if depth >= n_without:
                self._climb(seen, *ways_up[depth - n_without])
        return seen[0][1:]

    def _climb(
        self, seen: list[list[Tensor]], up: nn.ModuleList, decoder: nn.ModuleList
    ) -> None:
        """From the lowest level seen to the first; adds a feature to each level."""
        x = seen[-1][-1]
        for step, (enlarge, convolve) in enumerate(zip(up, decoder, strict=True)):
            level = seen[-2 - step]
            skips = list(level)
            if step < len(self.gates):
                skips = [self.gates[step](skip, x) for skip in skips]
            x = convolve(torch.cat([*skips, enlarge(x)], dim=1))
            level.append(x)
