"""Which weights a training changes, and what of the network stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.engine.learning.norm_statistics import norm_layers
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from napari_octseg.engine.recipe import Recipe, Scope

_ENCODERS = ("stem", "encoder", "stages", "base_first", "base.encoder")
"""What the networks of this package call their way down."""


def encoder_parts(network: nn.Module) -> list[nn.Module]:
    """The parts of a network that see the image first; none if it names no such."""
    named = dict(network.named_modules())
    return [named[name] for name in _ENCODERS if name in named]


def possible_scopes(network: nn.Module) -> tuple[Scope, ...]:
    """What `limit_training` can do with a network."""
    scopes: list[Scope] = ["all"]
    if encoder_parts(network):
        scopes.append("decoder")
    if norm_layers(network):
        scopes.append("norm")
    return tuple(scopes)


def limit_training(network: nn.Module, scope: Scope) -> None:
    """Let gradients reach only the weights that are to change.

    Parameters
    ----------
    network
        Changed in place.
    scope
        As `Recipe.train_only`.

    Raises
    ------
    RecipeError
        If the network has no such part.
    """
    allowed = possible_scopes(network)
    if scope not in allowed:
        what = "encoder of its own" if scope == "decoder" else "normalisation layers"
        raise RecipeError(
            f"The network has no {what}, so it cannot be trained by {scope!r}",
            allowed=", ".join(allowed),
            todo="choose another scope",
        )
    if scope == "norm":
        network.requires_grad_(False)
        for layer in norm_layers(network):
            layer.requires_grad_(True)
    if scope == "decoder":
        for part in encoder_parts(network):
            part.requires_grad_(False)


def kept_parts(network: nn.Module, recipe: Recipe) -> list[nn.Module]:
    """The parts that work throughout a training as they do in use."""
    return encoder_parts(network) if recipe.train_only == "decoder" else []


def trained(network: nn.Module) -> Iterator[nn.Parameter]:
    """The weights that gradients reach."""
    return (p for p in network.parameters() if p.requires_grad)


def set_training(network: nn.Module, recipe: Recipe) -> None:
    """Put a network into training mode, but for what the recipe keeps.

    A kept encoder answers as it does in use: no dropout, and its own statistics.
    """
    network.train()
    for part in kept_parts(network, recipe):
        part.eval()
    if not recipe.norm_batches:
        for layer in norm_layers(network):
            layer.eval()
