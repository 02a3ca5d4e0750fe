"""IterNet as it was published."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_octseg.errors import ModelError
from napari_octseg.networks import build
from napari_octseg.networks.iternet import IterNet


def small(**arguments: object) -> IterNet:
    torch.manual_seed(0)
    network = build("iternet", {"width": 4, **arguments}).eval()
    assert isinstance(network, IterNet)
    return network


def n_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_it_has_as_many_parameters_as_the_published_network() -> None:
    with torch.device("meta"):
        network = IterNet()
    assert n_parameters(network) == 8_244_356
    assert n_parameters(network.base_first) + n_parameters(network.base) == 7_760_064
    assert n_parameters(network.mini_first) + n_parameters(network.mini) == 474_848
    assert n_parameters(network.reduce) == 9_312
    assert n_parameters(network.heads) == 132


def test_mini_networks_share_their_weights() -> None:
    one, three = small(n_minis=1), small(n_minis=3)
    assert n_parameters(one.mini) == n_parameters(three.mini)
    assert len(three.reduce) == 3


def test_it_has_an_output_for_the_u_net_and_one_for_each_mini_network() -> None:
    network = small()
    image = torch.rand(2, 3, 32, 48)
    outputs = network.outputs(image)
    assert [tuple(logits.shape) for logits in outputs] == [(2, 2, 32, 48)] * 4
    assert torch.equal(outputs[-1], network(image))
    assert not torch.equal(outputs[0], outputs[1])


def test_softmax_of_its_two_classes_is_a_sigmoid_of_one() -> None:
    logits = small()(torch.rand(1, 3, 32, 32))
    assert torch.all(logits[:, 0] == 0)
    vessel = logits.softmax(1)[:, 1]
    torch.testing.assert_close(vessel, logits[:, 1].sigmoid())


def test_a_grey_image_is_repeated() -> None:
    network = small()
    grey = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_dropout_follows_every_activation() -> None:
    network = small(dropout=0.3)
    dropouts = [m for m in network.modules() if isinstance(m, nn.Dropout)]
    activations = [m for m in network.modules() if isinstance(m, nn.ReLU)]
    assert len(dropouts) == len(activations) == 18 + 10
    assert {m.p for m in dropouts} == {0.3}


def test_at_first_the_signal_keeps_its_size_behind_relu_and_biases_are_zero() -> None:
    network = small()
    kernel = network.base.encoder[1][0].weight
    fan_in = kernel[0].numel()
    assert kernel.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.2)
    assert all(torch.all(m.bias == 0) for m in network.modules() if hasattr(m, "bias"))


def test_without_a_mini_network_it_is_refused() -> None:
    with pytest.raises(ModelError, match="n_minis 0"):
        small(n_minis=0)


@pytest.mark.parametrize("n_channels", [2, 4])
def test_an_image_of_other_channels_is_an_error(n_channels: int) -> None:
    with pytest.raises(RuntimeError):
        small()(torch.zeros(1, n_channels, 16, 16))
