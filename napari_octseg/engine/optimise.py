"""Rewrite a network so that it computes the same, faster.

Dropout is dropped, batch normalisation is folded into the convolution before it, the
ReLU behind a convolution becomes a part of it, and 2×2 pooling gets a quicker form. On
a CPU the convolutions go to oneDNN with weights laid out for it beforehand.

The rewriting works on the graph that `torch.fx` records. A network that cannot be
recorded (control flow that depends on values) runs as it is.
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.fx.proxy import TraceError
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_octseg.engine.device import has_onednn
from napari_octseg.engine.rounding import (
    ExactHead,
    SplitImage,
    round_weights,
    split_convolution,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


def optimise(
    network: nn.Module, device: torch.device, dtype: torch.dtype = torch.float32
) -> nn.Module:
    """A network for inference on `device` with the outputs of `network`.

    Parameters
    ----------
    network
        Float32, in evaluation mode, on the CPU; it is not changed.
    device, dtype
        Where and in which precision it will run.

    Returns
    -------
    A network on `device` in `dtype`, channels-last, that takes float32 images.
    """
    fast = _rewritten(copy.deepcopy(network), device, dtype)
    if dtype != torch.float32:
        with torch.no_grad():
            for module in fast.modules():
                if isinstance(module, (nn.Conv2d, PackedConv2d)):
                    module.weight.copy_(round_weights(module.weight, dtype))
    there = fast.to(device, dtype)
    return there.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _rewritten(
    network: nn.Module, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    try:
        graph = fx.symbolic_trace(network)
    except (TraceError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        # Whatever a forward does that a symbol cannot: the network runs, only slower.
        logger.info("%s runs as it is: %s", type(network).__name__, error)
        return network if dtype == torch.float32 else _Converting(network, dtype)
    with torch.no_grad():
        _drop_dropout(graph)
        _fold_batch_norm(graph)
        if dtype != torch.float32:
            _keep_ends_exact(graph, dtype)
        if device.type == "cpu":
            _replace_pooling(graph)
            if _has_onednn_convolution():
                _fuse_convolutions(graph)
    graph.graph.lint()
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph.eval()


class PackedConv2d(nn.Module):
    """A convolution, with ReLU if asked for, by oneDNN on the CPU.

    The weights are laid out for oneDNN when the first image shows its size.
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
            _integers(conv.padding),
            _integers(conv.stride),
            _integers(conv.dilation),
            conv.groups,
        )
        self.after = "relu" if relu else "none"
        self._packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in, H, W) → (N, C_out, H', W')."""
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, *self.geometry, list(x.shape)
            )
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, self.bias, *self.geometry, self.after, [], ""
        )
        return out


class HalvingMaxPool(nn.Module):
    """2×2 max-pooling; on channels-last images twice as fast as the general one.

    The general one also records where each maximum was found.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H // 2, W // 2)."""
        n, channels, rows, columns = x.shape
        last = x.permute(0, 2, 3, 1)
        if rows % 2 or columns % 2 or not last.is_contiguous():
            return functional.max_pool2d(x, 2)
        paired = torch.maximum(last[:, 0::2], last[:, 1::2])  # (N, H/2, W, C)
        # Neighbouring columns side by side, so that long runs are compared.
        paired = paired.view(n, rows // 2, columns // 2, 2 * channels)
        return torch.maximum(paired[..., :channels], paired[..., channels:]).permute(
            0, 3, 1, 2
        )


class _Convert(nn.Module):
    """An image in another precision."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return x.to(self.dtype)


class _Converting(nn.Sequential):
    """A network that takes float32 images, whatever it computes in."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__(_Convert(dtype), network)


def _drop_dropout(graph: fx.GraphModule) -> None:
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        if isinstance(_module_of(node, modules), (*_DROPOUTS, nn.Identity)):
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)


def _fold_batch_norm(graph: fx.GraphModule) -> None:
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        norm = _module_of(node, modules)
        if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None:
            continue
        source = node.args[0]
        conv = _module_of(source, modules)
        if type(conv) is nn.Conv2d and len(source.users) == 1:
            # A new module for every place: shared weights are folded more than once.
            _replace(graph, source, fuse_conv_bn_eval(conv, norm))
            modules = dict(graph.named_modules())
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)


def _keep_ends_exact(graph: fx.GraphModule, dtype: torch.dtype) -> None:
    modules = dict(graph.named_modules())
    (result,) = (node for node in graph.graph.nodes if node.op == "output")
    head = _module_of(result.args[0], modules)
    if type(head) is nn.Conv2d and _is_pointwise(head):
        _replace(graph, result.args[0], ExactHead(head))
        modules = dict(graph.named_modules())
    (image,) = (node for node in graph.graph.nodes if node.op == "placeholder")
    graph.add_submodule("split_image", SplitImage(dtype))
    graph.add_submodule("convert_image", _Convert(dtype))
    for node in list(image.users):
        first = _module_of(node, modules)
        splits = type(first) is nn.Conv2d and first.groups == 1
        with graph.graph.inserting_before(node):
            name = "split_image" if splits else "convert_image"
            node.replace_input_with(image, graph.graph.call_module(name, (image,)))
        if splits and isinstance(first, nn.Conv2d):
            _replace(graph, node, split_convolution(first, dtype))


def _is_pointwise(conv: nn.Conv2d) -> bool:
    geometry = (conv.kernel_size, conv.stride, conv.padding)
    plain = conv.groups == 1 and not isinstance(conv.padding, str)
    return plain and [_integers(v) for v in geometry] == [[1, 1], [1, 1], [0, 0]]


def _fuse_convolutions(graph: fx.GraphModule) -> None:
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        conv = _module_of(node, modules)
        if type(conv) is not nn.Conv2d or conv.padding_mode != "zeros":
            continue
        if isinstance(conv.padding, str):
            continue
        follower = next(iter(node.users)) if len(node.users) == 1 else None
        relu = follower is not None and _is_relu(follower, modules)
        _replace(graph, node, PackedConv2d(conv, relu=relu))
        if follower is not None and relu:
            follower.replace_all_uses_with(node)
            graph.graph.erase_node(follower)


def _replace_pooling(graph: fx.GraphModule) -> None:
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        pool = _module_of(node, modules)
        if isinstance(pool, nn.MaxPool2d) and _halves(pool):
            _replace(graph, node, HalvingMaxPool())


def _halves(pool: nn.MaxPool2d) -> bool:
    plain = not (pool.return_indices or pool.ceil_mode)
    geometry = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    wanted = ([2, 2], [2, 2], [0, 0], [1, 1])
    return plain and tuple(_integers(value) for value in geometry) == wanted


def _is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    if isinstance(_module_of(node, modules), nn.ReLU):
        return True
    return node.op == "call_function" and node.target in (functional.relu, torch.relu)


def _module_of(node: object, modules: Mapping[str, nn.Module]) -> nn.Module | None:
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    return modules[str(node.target)]


def _replace(graph: fx.GraphModule, node: fx.Node, module: nn.Module) -> None:
    """Let `node` call `module` from now on; other callers keep the old one."""
    name = f"optimised_{node.name}"
    graph.add_submodule(name, module)
    node.target = name


def _integers(value: object) -> list[int]:
    """Both sizes of a 2-D window, from one number or two."""
    if isinstance(value, (tuple, list)):
        return [int(v) for v in value]
    return [int(value)] * 2  # type: ignore[call-overload]


def _has_onednn_convolution() -> bool:
    # Where torch.compile keeps its CPU kernels; not public, so asked for, not assumed.
    return has_onednn() and all(
        hasattr(torch.ops.mkldnn, name)
        for name in ("_convolution_pointwise", "_reorder_convolution_weight")
    )
