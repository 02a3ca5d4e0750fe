"""Networks in memory: whoever holds one spares the others to load it again.

Between two scans nothing is kept: what nobody holds is freed. A task that segments
many scans, one after the other, holds the network for as long as it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

from napari_octseg.bundles.registry import load_network
from napari_octseg.engine.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import nn

    from napari_octseg.bundles.card import Tiling
    from napari_octseg.bundles.registry import Bundle
    from napari_octseg.engine.views import View

_networks: WeakValueDictionary[tuple[str, str], nn.Module] = WeakValueDictionary()
_runners: WeakKeyDictionary[nn.Module, dict[tuple[object, ...], Runner]]
_runners = WeakKeyDictionary()


def loaded_network(bundle: Bundle) -> nn.Module:
    """The network of a bundle: the one that is in use already, or loaded now.

    It must not be changed.

    Raises
    ------
    ModelError
        As `load_network`.
    """
    sha256 = bundle.card.weights.sha256 if bundle.card else ""
    key = (str(bundle.folder.resolve()), sha256)
    network = _networks.get(key)
    if network is None:
        network = _networks[key] = load_network(bundle)
    return network


def ready_runner(
    network: nn.Module,
    device: torch.device,
    dtype: torch.dtype,
    *,
    tiling: Tiling | None,
    views: Sequence[View],
) -> Runner:
    """A `Runner` of a network; the same one for as long as the network is held."""
    own = _runners.setdefault(network, {})
    key = (str(device), dtype, tiling, tuple(views))
    if key not in own:
        own[key] = Runner(network, device, dtype, tiling=tiling, views=views)
    return own[key]
