"""Layers that compute what torch's do, only faster on a CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_octseg.engine.device import has_onednn
from napari_octseg.engine.speed.graph import both_sides

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
    """A transposed convolution of stride 2 as four convolutions, interleaved.

    Each of the 2 × 2 phases of the output is a convolution of the input with every
    second tap. In bf16 this is five times as fast as oneDNN's transposed convolution,
    which has no quick form for kernels larger than the stride; in fp32 it is as fast.
    """

    def __init__(self, conv: nn.ConvTranspose2d, *, relu: bool) -> None:
        super().__init__()
        self.kernel = both_sides(conv.kernel_size)
        self.crop = both_sides(conv.padding)
        self.phases = nn.ModuleList(
            PackedConv2d(_phase_of(conv, row, column), relu=relu)
            for row in (0, 1)
            for column in (0, 1)
        )

    def forward(
        self, x: Tensor, rows: int | None = None, columns: int | None = None
    ) -> Tensor:
        """(N, C_in, H, W) → (N, C_out, H', W') or its first `rows` and `columns`."""
        lengths = [
            min(kept or 2 * size + kernel, 2 * (size - 1) + kernel - 2 * crop)
            for size, kernel, kept, crop in zip(
                x.shape[2:], self.kernel, (rows, columns), self.crop, strict=True
            )
        ]
        phases = [convolve(x) for convolve in self.phases]
        n_out = phases[0].shape[1]
        # Channels last, as the phases are.
        out = x.new_empty(len(x), *lengths, n_out).permute(0, 3, 1, 2)
        for index, found in enumerate(phases):
            (top, above), (left, before) = (
                _phase_start(kernel, crop, phase)
                for kernel, crop, phase in zip(
                    self.kernel, self.crop, divmod(index, 2), strict=True
                )
            )
            target = out[..., top::2, left::2]
            high, wide = target.shape[2:]
            target.copy_(found[..., above : above + high, before : before + wide])
        return out


def _phase_of(conv: nn.ConvTranspose2d, row: int, column: int) -> nn.Conv2d:
    """The convolution with the taps of a phase; it makes all that is kept of it."""
    taps = conv.weight.detach()[..., row::2, column::2].flip(2, 3).transpose(0, 1)
    padding = [
        size - 1 - _phase_shift(crop, phase) + _phase_start(kernel, crop, phase)[1]
        for size, kernel, crop, phase in zip(
            taps.shape[2:],
            both_sides(conv.kernel_size),
            both_sides(conv.padding),
            (row, column),
            strict=True,
        )
    ]
    n_out, n_in, *size = taps.shape
    made = nn.Conv2d(n_in, n_out, (size[0], size[1]), padding=(padding[0], padding[1]))
    made.weight = nn.Parameter(taps.contiguous(), requires_grad=False)
    made.bias = conv.bias
    return made


def _phase_shift(crop: int, phase: int) -> int:
    """How many values of a phase are cropped off the start."""
    return (crop - phase + 1) // 2


def _phase_start(kernel: int, crop: int, phase: int) -> tuple[int, int]:
    """Where a phase starts in the output, and which of its values comes first.

    The convolution is padded by as much on both sides, the crop is not always: then one
    value too many is made at the start.
    """
    first = _phase_shift(crop, phase)
    n_taps = (kernel - phase + 1) // 2
    missing = (kernel - crop - phase - 3) // 2 - (n_taps - 2 - first)
    return 2 * first + phase - crop, max(missing, 0)


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
        and all(crop < kernel - 1 for crop, kernel in crops)
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
