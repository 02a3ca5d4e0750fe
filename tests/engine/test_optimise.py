"""The rewritten network computes the same as the original."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_octseg.engine.optimise import HalvingMaxPool, optimise
from napari_octseg.networks import build

CPU = torch.device("cpu")


def lived_in(network: nn.Module) -> nn.Module:
    """The network with batch statistics that are not 0 and 1, ready for inference."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_()
    return network.requires_grad_(False).eval()


def names(network: nn.Module) -> list[str]:
    return [type(module).__name__ for module in network.modules()]


def assert_same(network: nn.Module, x: Tensor) -> nn.Module:
    fast = optimise(network, CPU).to(memory_format=torch.channels_last)
    found = fast(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(found, network(x), atol=2e-5)
    return fast


@pytest.mark.parametrize(
    "arguments",
    [{"norm": True}, {"norm": False, "dropout": [0.1] * 5}],
    ids=["batch norm", "dropout"],
)
def test_a_u_net_keeps_its_outputs(arguments: dict[str, object]) -> None:
    network = lived_in(
        build("unet", {"n_classes": 4, "widths": [4, 8, 16], **arguments})
    )
    fast = assert_same(network, torch.rand(2, 1, 32, 24))
    gone = {"BatchNorm2d", "Dropout", "ReLU", "MaxPool2d"}
    assert not gone & set(names(fast))
    assert gone & set(names(network)), "the original is not changed"


def test_images_of_another_size_run_on_the_same_weights() -> None:
    network = lived_in(build("unet", {"n_classes": 3, "widths": [4, 8]}))
    fast = assert_same(network, torch.rand(1, 1, 32, 32))
    other = torch.rand(3, 1, 16, 48)
    assert torch.allclose(fast(other), network(other), atol=2e-5)


class Awkward(nn.Module):
    """What a careless rewriting would break."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(2, 2, 3, padding=1)
        self.first, self.second = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
        self.reflecting = nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")
        self.same = nn.Conv2d(2, 2, 3, padding="same", dilation=2)
        self.grouped = nn.Conv2d(2, 4, 3, padding=1, groups=2, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(self.shared(x)))
        before = self.shared(x)  # used twice: its ReLU may not become a part of it
        x = self.second(self.shared(functional.relu(before))) + before
        x = torch.relu(self.grouped(self.same(self.reflecting(x))))
        return self.pool(x)


def test_shared_reused_and_unusual_convolutions_keep_their_outputs() -> None:
    assert_same(lived_in(Awkward()), torch.randn(1, 2, 16, 16))


class Undecided(nn.Module):
    """Its way depends on the values: no graph can be recorded."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if x.mean() > 0 else x


def test_a_network_that_cannot_be_recorded_runs_as_it_is() -> None:
    network = Undecided()
    x = torch.ones(1, 1, 4, 4)
    assert torch.equal(optimise(network, CPU)(x), 2 * x)
    assert torch.equal(optimise(network, CPU, torch.bfloat16)(x), 2 * x.bfloat16())


@pytest.mark.parametrize("size", [(8, 6), (7, 6), (8, 5)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_halving_pool_is_max_pooling(
    size: tuple[int, int], layout: torch.memory_format
) -> None:
    x = torch.randn(2, 3, *size).contiguous(memory_format=layout)
    assert torch.equal(HalvingMaxPool()(x), functional.max_pool2d(x, 2))
