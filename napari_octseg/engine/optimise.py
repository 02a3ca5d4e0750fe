"""Rewrite a network so that it computes the same, faster.

Dropout is dropped, batch normalisation is folded into the convolution before it, and on
a CPU the layers are replaced by those of `engine.kernels`, with ReLU and the sum of a
residual unit as a part of the convolution before them.

The rewriting works on the graph that `torch.fx` records. A network that cannot be
recorded (control flow that depends on values) runs as it is.
"""

from __future__ import annotations

import copy
import logging
import operator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.fx.proxy import TraceError
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_octseg.engine.kernels import (
    HalvingMaxPool,
    PackedConv2d,
    PhasedTransposedConv2d,
    both_sides,
    can_be_phased,
    has_onednn_convolution,
)
from napari_octseg.engine.rounding import (
    ExactHead,
    ExactPart,
    SplitImage,
    split_convolution,
    to_half,
)
from napari_octseg.networks.retouch import MultiScaleHead, mirrored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import TypeIs

logger = logging.getLogger(__name__)

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_MOVES = ("expand", "repeat", operator.getitem, functional.pad, mirrored)
"""Methods and functions that move pixels about and leave their values."""


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
        to_half(fast, dtype)
    return fast.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _rewritten(
    network: nn.Module, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    try:
        graph = _recorded(network)
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
            # Not in fp16: oneDNN computes it on few processors.
            if has_onednn_convolution() and dtype != torch.float16:
                _pack_convolutions(graph, dtype)
                _add_within_convolutions(graph)
    graph.graph.lint()
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph.eval()


class _Tracer(fx.Tracer):
    """Records the steps of a network, its head of many scales as one."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        is_head = isinstance(m, MultiScaleHead)
        return is_head or super().is_leaf_module(m, module_qualified_name)


def _recorded(network: nn.Module) -> fx.GraphModule:
    return fx.GraphModule(network, _Tracer().trace(network))


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
    for node in _sources(result):
        head = _module_of(node, modules)
        if type(head) is nn.Conv2d and _is_pointwise(head):
            _replace(graph, node, ExactHead(head))
        elif isinstance(head, MultiScaleHead):
            _replace(graph, node, ExactPart(head))
    modules = dict(graph.named_modules())
    (image,) = (node for node in graph.graph.nodes if node.op == "placeholder")
    graph.add_submodule("split_image", SplitImage(dtype))
    graph.add_submodule("convert_image", _Convert(dtype))
    for moved, node in list(_first_uses(image)):
        first = _module_of(node, modules)
        splits = type(first) is nn.Conv2d and first.groups == 1
        with graph.graph.inserting_before(node):
            name = "split_image" if splits else "convert_image"
            node.replace_input_with(moved, graph.graph.call_module(name, (moved,)))
        if splits and isinstance(first, nn.Conv2d):
            _replace(graph, node, split_convolution(first, dtype))


def _sources(node: fx.Node) -> set[fx.Node]:
    """Where the values of a node come from, through what only moves or joins them."""
    found = set()
    for source in node.all_input_nodes:
        joins = source.target in (torch.cat, functional.relu)
        found |= _sources(source) if joins or _moves(source) else {source}
    return found


def _first_uses(image: fx.Node) -> Iterator[tuple[fx.Node, fx.Node]]:
    """An image as moved about at last, and who computes with it."""
    for user in image.users:
        if _moves(user) and user.args[0] is image:
            yield from _first_uses(user)
        elif not _asks_size(user):
            yield image, user


def _moves(node: fx.Node) -> bool:
    return node.op in ("call_method", "call_function") and node.target in _MOVES


def _asks_size(node: fx.Node) -> bool:
    if node.op == "call_method":
        return node.target in ("size", "dim")
    return node.target is getattr and node.args[1] in ("shape", "device", "dtype")


def _is_pointwise(conv: nn.Conv2d) -> bool:
    geometry = (conv.kernel_size, conv.stride, conv.padding)
    plain = conv.groups == 1 and not isinstance(conv.padding, str)
    return plain and [both_sides(v) for v in geometry] == [[1, 1], [1, 1], [0, 0]]


def _pack_convolutions(graph: fx.GraphModule, dtype: torch.dtype) -> None:
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        conv = _module_of(node, modules)
        if _can_be_packed(conv):
            relu = _take_relu(graph, node, modules)
            _replace(graph, node, PackedConv2d(conv, relu=relu))
        elif dtype != torch.float32 and can_be_phased(conv):
            relu = _take_relu(graph, node, modules)
            _replace(graph, node, PhasedTransposedConv2d(conv, relu=relu))


def _can_be_packed(conv: nn.Module | None) -> TypeIs[nn.Conv2d]:
    return (
        type(conv) is nn.Conv2d
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
    )


def _take_relu(
    graph: fx.GraphModule, node: fx.Node, modules: Mapping[str, nn.Module]
) -> bool:
    """Take the ReLU out that alone follows a node; whether there was one."""
    follower = next(iter(node.users)) if len(node.users) == 1 else None
    if follower is None or not _is_relu(follower, modules):
        return False
    follower.replace_all_uses_with(node)
    graph.graph.erase_node(follower)
    return True


def _add_within_convolutions(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        is_sum = node.op == "call_function" and node.target in (operator.add, torch.add)
        if not is_sum or node.kwargs or len(node.all_input_nodes) != 2:
            continue
        modules = dict(graph.named_modules())
        for conv, summand in (node.args, reversed(node.args)):
            packed = _module_of(conv, modules)
            if not isinstance(packed, PackedConv2d) or packed.relu:
                continue
            if len(conv.users) > 1:
                continue
            with graph.graph.inserting_before(node):
                both = graph.graph.call_module(conv.target, (*conv.args, summand))
            node.replace_all_uses_with(both)
            graph.graph.erase_node(node)
            graph.graph.erase_node(conv)
            packed.relu = _take_relu(graph, both, modules)
            break


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
    return plain and tuple(both_sides(value) for value in geometry) == wanted


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
