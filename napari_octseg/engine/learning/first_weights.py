"""First weights of a training, from a model that is there already."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from torch import nn

logger = logging.getLogger(__name__)


def take_weights(network: nn.Module, start: str) -> str:
    """Copy the tensors of a bundle that have the same name and shape in `network`.

    Parameters
    ----------
    network
        Changed in place; what the bundle lacks keeps its random weights.
    start
        Name or folder of a bundle.

    Returns
    -------
    How many tensors were taken, of how many, for people.

    Raises
    ------
    ModelError
        If there is no such bundle, or it is broken.
    RecipeError
        If not one tensor fits.
    """
    given = load_network(find_bundle(start)).state_dict()
    own = network.state_dict()
    fitting = {
        name: value
        for name, value in given.items()
        if name in own and own[name].shape == value.shape
    }
    if not fitting:
        raise RecipeError(
            f"Not one tensor of the model {start!r} fits the network of the recipe",
            todo="name a model of the same architecture as start, or none",
        )
    network.load_state_dict(own | fitting)
    message = f"{len(fitting)} of {len(own)} tensors come from {start}"
    logger.info(message)
    return message
