"""Layers that compute what torch's do, only faster on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_octseg.engine.device import has_onednn
from napari_octseg.engine.graph import both_sides

if TYPE_CHECKING:
    from typing_extensions import TypeIs


def has_onednn_convolution() -> bool:
    """Whether oneDNN convolves with weights laid out and steps fused beforehand."""
    # Where torch.compile keeps its CPU kernels; not public, so asked for, not assumed.
    return has_onednn() and all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_convolution_pointwise", "_reorder_convolution_weight")
    )


class PackedConv2d(nn.Module):
    """A convolution by oneDNN on the CPU, with what follows it as a part of it.

    The weights are laid out for oneDNN when the first image shows its size.

    Parameters
    ----------
    conv
        Zero-padded by numbers, not by ``"same"``.
    relu
        ReLU at the end.
    """

    def __init__(self, conv: nn.Conv2d, *, relu: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.detach(), requires_grad=False)
        self.bias = (
            None
            if conv.bias is None
            else nn.Parameter(conv.bias.detach(), requires_grad=False)
        )
        self.geometry = (
            both_sides(conv.padding),
            both_sides(conv.stride),
            both_sides(conv.dilation),
            conv.groups,
        )
        self.relu = relu
        self._packed: Tensor | None = None

    def forward(self, x: Tensor, summand: Tensor | None = None) -> Tensor:
        """(N, C_in, H, W) → (N, C_out, H', W'), plus `summand` before the ReLU."""
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, *self.geometry, list(x.shape)
            )
        given = (self._packed, self.bias, *self.geometry)
        after = "relu" if self.relu else None
        out: Tensor
        if summand is None:
            out = torch.ops.mkldnn._convolution_pointwise(
                x, *given, after or "none", [], ""
            )
        elif list(summand.shape) == self._shape_from(x) and summand.dtype == x.dtype:
            out = torch.ops.mkldnn._convolution_pointwise.binary(
                x, summand, *given, "add", None, after, [], None
            )
        else:
            out = summand + torch.ops.mkldnn._convolution_pointwise(
                x, *given, "none", [], ""
            )
            out = out.relu_() if self.relu else out
        return out

    def _shape_from(self, x: Tensor) -> list[int]:
        padding, stride, dilation, _ = self.geometry
        sizes = (x.shape[2:], self.weight.shape[2:], padding, stride, dilation)
        return [len(x), len(self.weight)] + [
            (size + 2 * pad - apart * (taps - 1) - 1) // step + 1
            for size, taps, pad, step, apart in zip(*sizes, strict=True)
        ]


class PhasedTransposedConv2d(nn.Module):
    """A transposed convolution of stride 2 as a convolution and a shuffle.

    Each of the 2 × 2 phases of the output is a convolution of the input with every
    second tap. All four in one convolution are four times as fast in bf16 as oneDNN's
    transposed one, which has no quick form for kernels larger than the stride; in
    fp32 they are as fast.
    """

    def __init__(self, conv: nn.ConvTranspose2d, *, relu: bool) -> None:
        super().__init__()
        n_in, n_out, *kernel = conv.weight.shape
        half = [(size + 1) // 2 for size in kernel]
        taps = conv.weight.detach().new_zeros(n_in, n_out, 2 * half[0], 2 * half[1])
        taps[..., : kernel[0], : kernel[1]] = conv.weight.detach()
        # (in, out, row, row phase, column, column phase) → phases · out channels
        taps = taps.view(n_in, n_out, half[0], 2, half[1], 2).permute(3, 5, 1, 0, 2, 4)
        self.kernel = kernel
        self.crop = both_sides(conv.padding)
        # What is cropped at all edges alike is not computed in the first place.
        padding = [h - 1 - crop // 2 for h, crop in zip(half, self.crop, strict=True)]
        phases = nn.Conv2d(
            n_in, 4 * n_out, (half[0], half[1]), padding=(padding[0], padding[1])
        )
        weight = taps.flip(4, 5).reshape_as(phases.weight)
        bias = weight.new_zeros(n_out) if conv.bias is None else conv.bias.detach()
        phases.weight = nn.Parameter(weight, requires_grad=False)
        phases.bias = nn.Parameter(bias.repeat(4), requires_grad=False)
        self.phases = PackedConv2d(phases, relu=relu)

    def forward(
        self, x: Tensor, rows: int | None = None, columns: int | None = None
    ) -> Tensor:
        """(N, C_in, H, W) → (N, C_out, H', W') or its first `rows` and `columns`."""
        n = len(x)
        found: Tensor = self.phases(x).permute(0, 2, 3, 1)
        _, high, wide, channels = found.shape
        out = found.view(n, high, wide, 2, 2, channels // 4).transpose(2, 3)
        # (n, row, row phase, column, column phase, channel): rows and columns that will
        # be cut off are not copied.
        ends = []
        for dim, size, kept, kernel, crop in zip(
            (1, 3), x.shape[2:], (rows, columns), self.kernel, self.crop, strict=True
        ):
            length = 2 * (size - 1) + kernel - 2 * crop
            length = length if kept is None else min(length, kept)
            start = crop % 2
            out = out.narrow(dim, 0, (start + length + 1) // 2)
            ends.append(slice(start, start + length))
        out = out.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
        return out[..., ends[0], ends[1]]


def can_be_phased(conv: nn.Module | None) -> TypeIs[nn.ConvTranspose2d]:
    """Whether `PhasedTransposedConv2d` computes this, and as fast or faster."""
    if type(conv) is not nn.ConvTranspose2d:
        return False
    crops = zip(both_sides(conv.padding), conv.kernel_size, strict=True)
    return (
        both_sides(conv.stride) == [2, 2]
        and both_sides(conv.dilation) == [1, 1]
        and both_sides(conv.output_padding) == [0, 0]
        and min(conv.kernel_size) > 2
        and all(crop < kernel for crop, kernel in crops)
        and conv.groups == 1
    )


class HalvingMaxPool(nn.Module):
    """2×2 max-pooling; on channels-last images twice as fast as the general one.

    The general one also records where each maximum was found.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H // 2, W // 2)."""
        n, channels, rows, columns = x.shape
        high, wide = rows // 2, columns // 2
        last = x.permute(0, 2, 3, 1)
        if not last.is_contiguous():
            return functional.max_pool2d(x, 2)
        last = last[:, : 2 * high, : 2 * wide]
        paired = torch.maximum(last[:, 0::2], last[:, 1::2])  # (N, H/2, W, C)
        # Neighbouring columns side by side, so that long runs are compared.
        paired = paired.view(n, high, wide, 2 * channels)
        return torch.maximum(paired[..., :channels], paired[..., channels:]).permute(
            0, 3, 1, 2
        )
