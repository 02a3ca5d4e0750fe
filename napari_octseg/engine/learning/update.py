"""One update of the weights, in as many parts as the memory of the device needs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

from napari_octseg.engine.device import is_out_of_memory, release_cached
from napari_octseg.engine.learning.scope import set_training
from napari_octseg.engine.preprocess import normalise
from napari_octseg.errors import DeviceError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_octseg.engine.data.sampling import Batch
    from napari_octseg.engine.learning.criterion import Criterion
    from napari_octseg.engine.learning.run_state import RunState

logger = logging.getLogger(__name__)


def update(state: RunState, criterion: Criterion, rate: float) -> dict[str, float]:
    """One optimiser update on one batch; its figures.

    Where the device has too little memory for the batch, its halves are computed one
    after the other and their gradients are added, weighted by their crops; so it goes
    on. What a loss or batch norm pools over a batch is pooled over each part then.

    Parameters
    ----------
    state
        Of the run; its step is counted.
    criterion
        What is minimised.
    rate
        Learning rate.

    Raises
    ------
    DeviceError
        If not even one crop has room.
    """
    recipe, fabric, network = state.recipe, state.fabric, state.network
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    batch = state.data.batch(recipe.batch_size)
    network.train()
    set_training(state.plain, recipe)
    while True:
        state.optimiser.zero_grad(set_to_none=True)
        try:
            figures = _gradients(state, criterion, batch)
            break
        except (torch.OutOfMemoryError, RuntimeError) as error:
            # Of several processes each would back off in its own way and wait for ever.
            if not is_out_of_memory(error) or fabric.world_size > 1:
                raise
            if state.n_at_once == 1:
                raise DeviceError(
                    f"{fabric.device} has too little memory to train on one crop of "
                    f"{recipe.crop[0]} × {recipe.crop[1]} px",
                    todo="train on another device, or close other programs",
                ) from error
        # Outside of the handler, so that the failed attempt holds nothing any more.
        state.optimiser.zero_grad(set_to_none=True)
        release_cached(fabric.device)
        state.n_at_once = -(-state.n_at_once // 2)
        logger.warning("too little memory: %d crops at once", state.n_at_once)
    if recipe.clip:
        fabric.clip_gradients(network, state.optimiser, max_norm=recipe.clip)
    state.optimiser.step()
    state.step += 1
    state.follow()
    return figures | {"learning_rate": rate}


def _gradients(state: RunState, criterion: Criterion, batch: Batch) -> dict[str, float]:
    """Add up the gradients of all parts of a batch; the figures of the whole."""
    n = len(batch.images)
    total: dict[str, float] = {}
    for first in range(0, n, state.n_at_once):
        part = batch.part(first, first + state.n_at_once)
        share = len(part.images) / n
        for name, value in _part(state, criterion, part, share).items():
            total[name] = total.get(name, 0.0) + share * value
    return total


def _part(
    state: RunState, criterion: Criterion, batch: Batch, share: float
) -> dict[str, float]:
    fabric = state.fabric
    images = normalise(batch.images, state.recipe.input.intensity)
    images = fabric.to_device(images).to(memory_format=torch.channels_last)
    codes = fabric.to_device(batch.codes)
    counts = None if batch.weights is None else fabric.to_device(batch.weights)
    with fabric.autocast():
        outputs = _outputs(state.network, images)
    loss = criterion(outputs, codes, batch.membership, counts)
    figures = {"loss": loss.detach()}
    if state.adversary is not None:
        judgement, own = state.adversary(images, outputs[-1], codes, batch.membership)
        figures |= {"adversarial": judgement.detach(), "discriminator": own}
        loss = loss + judgement
    fabric.backward(loss if share == 1 else loss * share)
    return {name: float(value) for name, value in figures.items()}


def _outputs(network: torch.nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """All logits that are supervised: those of `forward`, or the network's own."""
    several = getattr(network, "outputs", None)
    if several is None:
        return (network(images),)
    found: tuple[Tensor, ...] = several(images)
    return found
