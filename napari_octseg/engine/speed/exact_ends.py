"""Let the first and the last convolution of a network in half precision be exact.

Most of what half precision changes comes from these two, see `engine.speed.rounding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from napari_octseg.engine.speed.graph import (
    asks_size,
    is_pointwise,
    module_of,
    moves_pixels,
    replace,
)
from napari_octseg.engine.speed.rounding import (
    ExactHead,
    ExactScales,
    SplitImage,
    split_convolution,
)
from napari_octseg.networks.retouch import MultiScaleHead

if TYPE_CHECKING:
    from collections.abc import Iterator


class Convert(nn.Module):
    """An image in another precision."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """An image of any dtype → the same in `dtype`."""
        return x.to(self.dtype)


def keep_ends_exact(graph: fx.GraphModule, dtype: torch.dtype) -> None:
    """Let a network take fp32 images and give fp32 logits, and compute both exactly.

    Parameters
    ----------
    graph
        Changed in place. Where its ends are of another kind they are only converted.
    dtype
        What it computes in between them.
    """
    (result,) = (node for node in graph.graph.nodes if node.op == "output")
    for node in _sources(result):
        head = module_of(graph, node)
        if is_pointwise(head):
            replace(graph, node, ExactHead(head))
        elif isinstance(head, MultiScaleHead):
            replace(graph, node, ExactScales(head))
    (image,) = (node for node in graph.graph.nodes if node.op == "placeholder")
    graph.add_submodule("split_image", SplitImage(dtype))
    graph.add_submodule("convert_image", Convert(dtype))
    for moved, node in list(_first_uses(image)):
        first = module_of(graph, node)
        splits = type(first) is nn.Conv2d and first.groups == 1
        with graph.graph.inserting_before(node):
            name = "split_image" if splits else "convert_image"
            node.replace_input_with(moved, graph.graph.call_module(name, (moved,)))
        if splits and isinstance(first, nn.Conv2d):
            replace(graph, node, split_convolution(first, dtype))


def _sources(node: fx.Node) -> set[fx.Node]:
    """Where the values of a node come from, through what only moves or joins them."""
    found = set()
    for source in node.all_input_nodes:
        joins = source.target in (torch.cat, functional.relu, functional.interpolate)
        found |= _sources(source) if joins or moves_pixels(source) else {source}
    return found


def _first_uses(image: fx.Node) -> Iterator[tuple[fx.Node, fx.Node]]:
    """An image as moved about at last, and who computes with it."""
    for user in image.users:
        averages = user.target is functional.avg_pool2d
        if (averages or moves_pixels(user)) and user.args[0] is image:
            yield from _first_uses(user)
        elif not asks_size(user):
            yield image, user
