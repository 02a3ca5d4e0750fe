"""Rewrite a network so that it computes the same, faster.

Dropout is dropped, layers that are one linear map are merged, and on a CPU the layers
are replaced by those of `engine.speed.kernels`, with ReLU and the sum of a residual
unit as a part of the convolution before them.

The rewriting works on the graph that `torch.fx` records. A network that cannot be
recorded (control flow that depends on values) runs as it is.
"""

from __future__ import annotations

import copy
import logging

import torch
from torch import nn
from torch.fx.proxy import TraceError

from napari_octseg.engine.speed.exact_ends import Convert, keep_ends_exact
from napari_octseg.engine.speed.graph import recorded
from napari_octseg.engine.speed.kernels import has_onednn_convolution
from napari_octseg.engine.speed.packing import (
    add_within_convolutions,
    pack_convolutions,
    phase_transposed,
    replace_pooling,
)
from napari_octseg.engine.speed.rounding import to_half
from napari_octseg.engine.speed.simplify import (
    drop_dropout,
    fold_batch_norm,
    merge_linear,
)

logger = logging.getLogger(__name__)


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
        graph = recorded(network)
    except (TraceError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        # Whatever a forward does that a symbol cannot: the network runs, only slower.
        logger.info("%s runs as it is: %s", type(network).__name__, error)
        if dtype == torch.float32:
            return network
        return nn.Sequential(Convert(dtype), network)
    with torch.no_grad():
        drop_dropout(graph)
        fold_batch_norm(graph)
        merge_linear(graph)
        if dtype != torch.float32:
            keep_ends_exact(graph, dtype)
        if device.type == "cpu":
            replace_pooling(graph)
            # Not in fp16: oneDNN computes it on few processors.
            if has_onednn_convolution() and dtype != torch.float16:
                pack_convolutions(graph)
                add_within_convolutions(graph)
                phase_transposed(graph)
    graph.graph.lint()
    graph.delete_all_unused_submodules()
    graph.recompile()
    return graph.eval()
