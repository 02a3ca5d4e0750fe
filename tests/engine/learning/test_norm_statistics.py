"""Statistics of batch norm that belong to the weights as they are."""

from __future__ import annotations

import torch
from torch import nn

from napari_octseg.engine.learning.norm_statistics import (
    norm_layers,
    refresh_statistics,
)
from napari_octseg.networks import build


def test_the_statistics_are_those_of_the_images() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    norm.running_mean.fill_(100.0)  # type: ignore[union-attr]
    images = torch.randn(4, 2, 3, 8, 8) * 5 + 2
    refresh_statistics(nn.Sequential(norm, nn.Dropout(0.5)), list(images))
    each = images.transpose(1, 2).flatten(2)  # (batch, channel, pixel)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, each.mean(2).mean(0))
    torch.testing.assert_close(norm.running_var, each.var(2).mean(0))


def test_weights_and_mode_stay_and_the_next_training_moves_on_as_before() -> None:
    network = build("unet", {"n_classes": 2, "widths": [4, 8]}).train()
    weights = [p.clone() for p in network.parameters()]
    refresh_statistics(network, [torch.rand(1, 1, 8, 8)])
    assert not any(module.training for module in network.modules())
    assert all(
        torch.equal(a, b) for a, b in zip(weights, network.parameters(), strict=True)
    )
    assert {layer.momentum for layer in norm_layers(network)} == {0.1}


def test_a_network_without_batch_norm_looks_at_nothing() -> None:
    network = build("unet", {"n_classes": 2, "widths": [4, 8], "norm": False})
    refresh_statistics(network, iter(()))
    assert norm_layers(network) == []
    assert not network.training
