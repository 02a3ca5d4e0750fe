"""Statistics of batch norm that belong to the weights as they are.

While a network trains, batch norm keeps a running mean of what it saw under changing
weights, a few crops at a time. For a running mean of the weights these figures are
those of other networks; a network that looks fine in training may then answer nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def norm_layers(network: nn.Module) -> list[nn.BatchNorm2d]:
    """The layers of a network that keep running statistics."""
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]


@contextmanager
def gathering(network: nn.Module, kept: Iterable[nn.Module] = ()) -> Iterator[None]:
    """Take the plain mean over all images seen meanwhile as the running statistics.

    What was there before is dropped, but for the parts `kept` of the network. The
    weights do not change; afterwards the network is in evaluation mode. At least one
    image has to be seen.
    """
    own = {layer for part in kept for layer in norm_layers(part)}
    layers = [layer for layer in norm_layers(network) if layer not in own]
    network.eval()
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # cumulative: every batch counts the same
        layer.train()
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        network.eval()


@torch.no_grad()
def refresh_statistics(
    network: nn.Module, images: Iterable[Tensor], kept: Iterable[nn.Module] = ()
) -> None:
    """Put the plain mean over `images` in place of all running statistics.

    Izmailov et al., "Averaging Weights Leads to Wider Optima", UAI 2018. The network is
    left in evaluation mode; its weights do not change, and without batch norm nothing
    does.

    Parameters
    ----------
    network
        Changed in place.
    images
        Batches (N, C, H, W) as the network takes them; at least one.
    kept
        Parts of the network whose statistics stay.
    """
    if not norm_layers(network):
        network.eval()
        return
    with gathering(network, kept):
        for batch in images:
            network(batch)
