"""Take out of a network what inference does not need, on any device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_octseg.engine.speed.graph import (
    bypass,
    crop_of,
    is_pointwise,
    module_of,
    only_user,
    replace,
)

if TYPE_CHECKING:
    from torch import fx

_WITHOUT_EFFECT = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.Identity,
)


def drop_dropout(graph: fx.GraphModule) -> None:
    """Take out dropout and identity."""
    for node in list(graph.graph.nodes):
        if isinstance(module_of(graph, node), _WITHOUT_EFFECT):
            bypass(graph, node, node.args[0])


def fold_batch_norm(graph: fx.GraphModule) -> None:
    """Make batch norm part of the convolution right before it."""
    for node in list(graph.graph.nodes):
        norm = module_of(graph, node)
        if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None:
            continue
        (source,) = node.all_input_nodes
        conv = module_of(graph, source)
        if type(conv) is nn.Conv2d and only_user(source):
            # A new module for every place: shared weights are folded more than once.
            replace(graph, source, fuse_conv_bn_eval(conv, norm))
            bypass(graph, node, source)


def merge_linear(graph: fx.GraphModule) -> None:
    """Make a 1×1 convolution part of the transposed one before it.

    Nothing but a crop is between them, so both are one linear map. In RASP-Net, which
    spends most of its time there, it has half of the output channels.
    """
    for node in list(graph.graph.nodes):
        conv = module_of(graph, node)
        if not is_pointwise(conv):
            continue
        source = node.args[0]
        while crop_of(source) and only_user(source):
            source = source.args[0]
        up = module_of(graph, source)
        if type(up) is not nn.ConvTranspose2d or up.groups != 1:
            continue
        if only_user(source) and conv.out_channels <= up.out_channels:
            replace(graph, source, _merged(up, conv))
            bypass(graph, node, node.args[0])


def _merged(up: nn.ConvTranspose2d, conv: nn.Conv2d) -> nn.ConvTranspose2d:
    merged = nn.ConvTranspose2d(
        up.in_channels,
        conv.out_channels,
        up.kernel_size,  # type: ignore[arg-type]
        up.stride,  # type: ignore[arg-type]
        up.padding,  # type: ignore[arg-type]
        up.output_padding,  # type: ignore[arg-type]
        dilation=up.dilation,  # type: ignore[arg-type]
    )
    mixing = conv.weight[..., 0, 0]  # (out, between)
    bias = mixing.new_zeros(conv.out_channels) if conv.bias is None else conv.bias
    if up.bias is not None:
        bias = bias + mixing @ up.bias
    weight = torch.einsum("imhw,om->iohw", up.weight, mixing).contiguous()
    merged.weight = nn.Parameter(weight, requires_grad=False)
    merged.bias = nn.Parameter(bias, requires_grad=False)
    return merged
