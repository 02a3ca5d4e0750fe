"""Keep what half precision would change: the ends of a network, and its weights.

Rounding the weights to bf16 shifts boundaries, rounding the activations does not: its
errors are like noise and average out. Most of the shift comes from the first and the
last convolution, which take little of the time. So these compute as good as exactly,
and the weights in between are rounded so that the errors cancel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_octseg.engine.speed.kernels import PackedConv2d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.networks.retouch import MultiScaleHead

_PIXELS_AT_ONCE = 16_384


def round_weights(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Weights that `dtype` can hold, with the sum of each kernel kept.

    The rounding error of a tap is handed on to the next smaller tap of its kernel
    (error feedback). What is left is the error of the smallest tap, and a smooth image
    sees only the sum.

    Parameters
    ----------
    weight
        (C_out, C_in, rows, columns) float32.
    dtype
        bf16 or fp16.

    Returns
    -------
    Weights of the same shape, float32.
    """
    taps = weight.flatten(2)
    order = taps.abs().argsort(dim=2, descending=True)
    sorted_taps = taps.gather(2, order)
    rounded = torch.empty_like(sorted_taps)
    error = torch.zeros_like(sorted_taps[..., 0])
    for tap in range(sorted_taps.shape[2]):
        wanted = sorted_taps[..., tap] + error
        rounded[..., tap] = wanted.to(dtype)
        error = wanted - rounded[..., tap]
    return torch.empty_like(taps).scatter_(2, order, rounded).view_as(weight)


class SplitImage(nn.Module):
    """An fp32 image as the sum of two parts in half precision: (N, 3 C, H, W).

    The channels are high, low, high, to go with the weights of `split_convolution`.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) float32 → (N, 3 C, H, W) in half precision."""
        high = x.to(self.dtype)
        low = (x - high).to(self.dtype)
        parts = torch.cat([high, low, high], dim=1)
        return parts.contiguous(memory_format=torch.channels_last)


def split_convolution(conv: nn.Conv2d, dtype: torch.dtype) -> nn.Conv2d:
    """`conv` for the channels of `SplitImage`: exact but for low times low."""
    split = nn.Conv2d(
        3 * conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        conv.dilation,  # type: ignore[arg-type]
        bias=conv.bias is not None,
        padding_mode=conv.padding_mode,
    )
    high = conv.weight.to(dtype).float()
    split.weight = nn.Parameter(
        torch.cat([high, high, conv.weight - high], dim=1), requires_grad=False
    )
    split.bias = conv.bias
    return split


class ExactHead(nn.Module):
    """A 1×1 convolution that computes in fp32, from activations of any precision."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.detach().flatten(1).clone()  # (C_out, C_in)
        bias = torch.zeros(len(weight)) if conv.bias is None else conv.bias
        self.register_buffer("weight", weight)
        self.register_buffer("offset", bias.detach().clone()[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) → (N, C_out, H, W) float32, contiguous."""
        n, channels, rows, columns = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(n, rows * columns, channels)
        weight, offset = self.get_buffer("weight"), self.get_buffer("offset")
        out = x.new_empty(n, len(weight), rows * columns, dtype=torch.float32)
        # On a CPU in pieces that stay in its cache.
        at_once = _PIXELS_AT_ONCE if x.device.type == "cpu" else rows * columns
        for image, logits in zip(pixels, out, strict=True):
            for start in range(0, rows * columns, at_once):
                piece = slice(start, start + at_once)
                some = image[piece].float().t()
                torch.addmm(offset, weight, some, out=logits[:, piece])
        return out.view(n, len(weight), rows, columns)


class ExactScales(nn.Module):
    """A head of many scales in fp32, from activations of any precision."""

    def __init__(self, head: MultiScaleHead) -> None:
        super().__init__()
        self.taps = nn.ModuleList(ExactHead(taps) for taps in head.as_pointwise())
        self.combine = head.combined

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Features of each scale → logits (N, n_classes, H, W) float32."""
        pairs = zip(self.taps, features, strict=True)
        return self.combine([taps(feature) for taps, feature in pairs])


def to_half(network: nn.Module, dtype: torch.dtype) -> None:
    """Convert a network in place, with rounded weights, all but its exact parts.

    Batch norm that is left keeps its fp32 values, as torch allows beside half precision
    images: an error there shifts a whole channel.

    Parameters
    ----------
    network
        Float32, on the CPU.
    dtype
        bf16 or fp16.
    """
    if isinstance(network, (ExactHead, ExactScales, nn.BatchNorm2d)):
        return
    for module in network.children():
        to_half(module, dtype)
    if isinstance(network, (nn.Conv2d, PackedConv2d)):
        with torch.no_grad():
            network.weight.copy_(round_weights(network.weight, dtype))
    network._apply(  # type: ignore[no-untyped-call]
        lambda values: values.to(dtype) if values.is_floating_point() else values,
        recurse=False,
    )
