"""Give a network the layers of `engine.speed.kernels`, for a CPU."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch
from torch import fx, nn

from napari_octseg.engine.speed.graph import (
    both_sides,
    bypass,
    crop_of,
    is_relu,
    module_of,
    only_user,
    replace,
)
from napari_octseg.engine.speed.kernels import (
    HalvingMaxPool,
    PackedConv2d,
    PhasedTransposedConv2d,
    can_be_phased,
)

if TYPE_CHECKING:
    from typing_extensions import TypeIs


def replace_pooling(graph: fx.GraphModule) -> None:
    """Halve images in the quicker way."""
    for node in list(graph.graph.nodes):
        pool = module_of(graph, node)
        if isinstance(pool, nn.MaxPool2d) and _halves(pool):
            replace(graph, node, HalvingMaxPool())


def _halves(pool: nn.MaxPool2d) -> bool:
    plain = not (pool.return_indices or pool.ceil_mode)
    geometry = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    wanted = ([2, 2], [2, 2], [0, 0], [1, 1])
    return plain and tuple(both_sides(value) for value in geometry) == wanted


def pack_convolutions(graph: fx.GraphModule) -> None:
    """Give convolutions to oneDNN, with the ReLU behind them."""
    for node in list(graph.graph.nodes):
        conv = module_of(graph, node)
        if _can_be_packed(conv):
            replace(graph, node, PackedConv2d(conv, relu=_take_relu(graph, node)))


def phase_transposed(graph: fx.GraphModule) -> None:
    """Compute transposed convolutions in phases, with ReLU, and only what is kept."""
    for node in list(graph.graph.nodes):
        conv = module_of(graph, node)
        if not can_be_phased(conv):
            continue
        relu = _take_relu(graph, node)
        replace(graph, node, PhasedTransposedConv2d(conv, relu=relu))
        user = only_user(node)
        crop = crop_of(user) if user else None
        if user and crop and not any(side.start or side.step for side in crop):
            kept = (*node.args, *(side.stop for side in crop))
            with graph.graph.inserting_before(user):
                cropped = graph.graph.call_module(str(node.target), kept)
            bypass(graph, user, cropped)
            graph.graph.erase_node(node)


def _can_be_packed(conv: nn.Module | None) -> TypeIs[nn.Conv2d]:
    return (
        type(conv) is nn.Conv2d
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
    )


def add_within_convolutions(graph: fx.GraphModule) -> None:
    """Let the convolution before a sum add the other summand, and take the ReLU."""
    for node in list(graph.graph.nodes):
        is_sum = node.op == "call_function" and node.target in (operator.add, torch.add)
        if not is_sum or node.kwargs or len(node.all_input_nodes) != 2:
            continue
        for conv, summand in (node.args, reversed(node.args)):
            packed = module_of(graph, conv)
            if isinstance(packed, PackedConv2d) and not packed.relu and only_user(conv):
                with graph.graph.inserting_before(node):
                    both = graph.graph.call_module(conv.target, (*conv.args, summand))
                bypass(graph, node, both)
                graph.graph.erase_node(conv)
                packed.relu = _take_relu(graph, both)
                break


def _take_relu(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Take out the ReLU that alone follows, or a crop and it; whether there is one."""
    follower = only_user(node)
    while follower and crop_of(follower):
        follower = only_user(follower)
    if follower is None or not is_relu(graph, follower):
        return False
    bypass(graph, follower, follower.args[0])  # type: ignore[arg-type]
    return True
