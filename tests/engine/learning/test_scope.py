"""Which weights a training changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_octseg.engine.learning.norm_statistics import norm_layers
from napari_octseg.engine.learning.scope import (
    encoder_parts,
    limit_training,
    possible_scopes,
    set_training,
    trained,
)
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError
from napari_octseg.networks import build

NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("unet", {"n_classes": 3, "widths": [4, 8]}),
    ("retouch", {"in_channels": 3, "n_classes": 3, "width": 4}),
    ("raspnet", {"in_channels": 3, "n_classes": 3, "width": 4}),
    ("iternet", {"in_channels": 1, "width": 4, "n_minis": 1, "dropout": 0.0}),
]


@pytest.mark.parametrize(("name", "arguments"), NETWORKS)
def test_every_network_has_an_encoder_and_something_behind_it(
    name: str, arguments: dict[str, Any]
) -> None:
    network = build(name, arguments)
    limit_training(network, "decoder")
    own = {id(p) for part in encoder_parts(network) for p in part.parameters()}
    open_ = {id(p) for p in trained(network)}
    assert own
    assert open_
    assert open_ == {id(p) for p in network.parameters()} - own


def test_norm_layers_alone() -> None:
    network = build(*NETWORKS[0])
    limit_training(network, "norm")
    expected = [p for layer in norm_layers(network) for p in layer.parameters()]
    assert {id(p) for p in trained(network)} == {id(p) for p in expected}


def test_a_network_without_the_part_says_so() -> None:
    network = build("unet", {"n_classes": 3, "widths": [4, 8], "norm": False})
    assert possible_scopes(network) == ("all", "decoder")
    with pytest.raises(RecipeError, match="no normalisation layers"):
        limit_training(network, "norm")
    assert possible_scopes(torch.nn.Conv2d(1, 1, 1)) == ("all",)
    with pytest.raises(RecipeError, match="no encoder of its own"):
        limit_training(torch.nn.Conv2d(1, 1, 1), "decoder")


def test_what_is_kept_works_as_in_use(recipe: Recipe) -> None:
    network = build("unet", {"n_classes": 3, "widths": [4, 8], "dropout": [0.5] * 3})
    kept = recipe.model_copy(update={"start": "x", "train_only": "decoder"})
    set_training(network, kept)
    (encoder,) = encoder_parts(network)
    assert not any(module.training for module in encoder.modules())
    assert network.get_submodule("decoder").training
    still = recipe.model_copy(update={"start": "x", "norm_batches": 0})
    set_training(network, still)
    assert not any(layer.training for layer in norm_layers(network))
    assert any(
        module.training
        for module in network.modules()
        if isinstance(module, torch.nn.Dropout2d | torch.nn.Dropout)
    )


def test_random_weights_are_all_trained(recipe: Recipe) -> None:
    for values in ({"train_only": "norm"}, {"norm_batches": 0}):
        with pytest.raises(ValueError, match="random weights need training"):
            Recipe.model_validate({**recipe.model_dump(), **values})
