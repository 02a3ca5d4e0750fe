"""The U-Nets of the two published systems."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_octseg.errors import ModelError
from napari_octseg.networks import build

OCTID = {
    "n_classes": 9,
    "widths": [16, 32, 64, 128, 256],
    "dropout": [0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1],
    "norm": False,
}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(OCTID, 1_940_953), ({"n_classes": 8}, 31_036_936)],
    ids=["OCTID", "Duke"],
)
def test_it_has_as_many_parameters_as_the_published_network(
    arguments: dict[str, object], expected: int
) -> None:
    with torch.device("meta"):
        network = build("unet", arguments)
    assert sum(p.numel() for p in network.parameters()) == expected


@pytest.mark.parametrize("size", [(16, 16), (32, 48)])
def test_logits_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    network = build("unet", {"in_channels": 3, "n_classes": 5, "widths": [2, 4, 8]})
    assert network(torch.zeros(2, 3, *size)).shape == (2, 5, *size)


def test_dropout_is_between_the_convolutions_of_each_level() -> None:
    network = build("unet", OCTID)
    rates = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    assert rates == OCTID["dropout"]


def test_batch_norm_replaces_the_bias_of_a_convolution() -> None:
    network = build("unet", {"n_classes": 2, "widths": [2, 4]})
    convolutions = [m for m in network.modules() if type(m) is nn.Conv2d]
    assert [conv.bias is None for conv in convolutions] == [True] * 6 + [False]


@pytest.mark.parametrize(
    "arguments",
    [{"widths": [8]}, {"dropout": [0.1]}, {"depth": 5}, {"n_classes": 3, "norms": 1}],
)
def test_arguments_it_does_not_take_are_an_error(arguments: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="does not take"):
        build("unet", {"n_classes": 2, **arguments})


def test_an_unknown_architecture_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"Allowed: .*unet"):
        build("transformer", {})
