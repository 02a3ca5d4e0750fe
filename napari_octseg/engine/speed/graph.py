"""Questions about the graph of a network, and small changes to it."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch
from torch import fx, nn
from torch.nn import functional

from napari_octseg.networks.retouch import MultiScaleHead, mirrored

if TYPE_CHECKING:
    from typing_extensions import TypeIs

_MOVES = ("expand", "repeat", operator.getitem, functional.pad, mirrored)
_RELUS = (functional.relu, torch.relu, "relu", "relu_")


class _Tracer(fx.Tracer):
    """Records the steps of a network, its head of many scales as one."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        is_head = isinstance(m, MultiScaleHead)
        return is_head or super().is_leaf_module(m, module_qualified_name)


def recorded(network: nn.Module) -> fx.GraphModule:
    """A network as a graph of steps; it shares its modules with `network`."""
    return fx.GraphModule(network, _Tracer().trace(network))


def module_of(graph: fx.GraphModule, node: object) -> nn.Module | None:
    """The module that a step calls, if it calls one."""
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    return graph.get_submodule(str(node.target))


def replace(graph: fx.GraphModule, node: fx.Node, module: nn.Module) -> None:
    """Let `node` call `module` from now on; other callers keep the old one."""
    name = f"optimised_{node.name}"
    graph.add_submodule(name, module)
    node.target = name


def bypass(graph: fx.GraphModule, node: fx.Node, instead: fx.Node) -> None:
    """Take a step out; whoever used its result uses `instead`."""
    node.replace_all_uses_with(instead)
    graph.graph.erase_node(node)


def only_user(node: fx.Node) -> fx.Node | None:
    """Who alone uses the result of a step, if it is only one."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def is_relu(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a step is a ReLU, in whichever way it is written."""
    if isinstance(module_of(graph, node), nn.ReLU):
        return True
    return node.op in ("call_function", "call_method") and node.target in _RELUS


def moves_pixels(node: fx.Node) -> bool:
    """Whether a step moves pixels about and leaves their values."""
    return node.op in ("call_method", "call_function") and node.target in _MOVES


def asks_size(node: fx.Node) -> bool:
    """Whether a step only looks at the size of an image."""
    if node.op == "call_method":
        return node.target in ("size", "dim")
    return node.target is getattr and node.args[1] in ("shape", "device", "dtype")


def crop_of(node: fx.Node) -> tuple[slice, slice] | None:
    """Rows and columns that a step like ``x[..., rows, columns]`` takes."""
    if node.op != "call_function" or node.target is not operator.getitem:
        return None
    key: object = node.args[1]
    if not isinstance(key, tuple) or len(key) != 3 or key[0] is not Ellipsis:
        return None
    _, rows, columns = key
    if not isinstance(rows, slice) or not isinstance(columns, slice):
        return None
    return rows, columns


def both_sides(value: object) -> list[int]:
    """Both sizes of a 2-D window, from one number or two."""
    if isinstance(value, (tuple, list)):
        return [int(v) for v in value]
    return [int(value)] * 2  # type: ignore[call-overload]


def is_pointwise(conv: nn.Module | None) -> TypeIs[nn.Conv2d]:
    """Whether a module is a 1×1 convolution of every pixel by itself."""
    if type(conv) is not nn.Conv2d or conv.groups != 1 or isinstance(conv.padding, str):
        return False
    geometry = (conv.kernel_size, conv.stride, conv.padding)
    return [both_sides(v) for v in geometry] == [[1, 1], [1, 1], [0, 0]]
