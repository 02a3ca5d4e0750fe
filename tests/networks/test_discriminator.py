"""The adversary of Tennakoon et al. (ISBI 2018)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_octseg.networks import build
from napari_octseg.networks.discriminator import LEAST, RetouchDiscriminator


def small(**arguments: int) -> RetouchDiscriminator:
    torch.manual_seed(0)
    network = build("retouch-discriminator", {"width": 2, **arguments})
    assert isinstance(network, RetouchDiscriminator)
    return network


def test_it_has_as_many_parameters_as_the_published_network() -> None:
    with torch.device("meta"):
        network = build("retouch-discriminator", {})
    trainable = sum(p.numel() for p in network.parameters())
    statistics = sum(
        2 * m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d)
    )
    assert trainable == 4_893_250
    assert trainable + statistics == 4_895_298  # as Keras counts


def test_the_published_patch_becomes_13_by_4_px_and_two_logits() -> None:
    network = small()
    image, classes = torch.rand(2, 3, 164, 36), torch.rand(2, 4, 164, 36)
    assert network.features(image, classes).shape == (2, 16, 13, 4)
    assert network(image, classes).shape == (2, 2)


@pytest.mark.parametrize("size", [LEAST, (128, 96)])
def test_other_sizes_channels_and_classes_are_judged(size: tuple[int, int]) -> None:
    network = small(in_channels=1, n_classes=9)
    logits = network(torch.rand(3, 1, *size), torch.rand(3, 9, *size))
    assert logits.shape == (3, 2)


@pytest.mark.parametrize("size", [(LEAST[0] - 1, 64), (128, LEAST[1] - 1)])
def test_images_too_small_to_judge_are_an_error(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="choose larger crops"):
        small()(torch.rand(1, 3, *size), torch.rand(1, 4, *size))


def test_an_image_of_one_channel_is_repeated() -> None:
    network = small().eval()
    image, classes = torch.rand(1, 1, 72, 40), torch.rand(1, 4, 72, 40)
    assert torch.equal(
        network(image, classes), network(image.repeat(1, 3, 1, 1), classes)
    )


def test_its_judgement_has_a_gradient_for_the_segmentation() -> None:
    network = small()
    logits = torch.randn(2, 4, 72, 40, requires_grad=True)
    network(torch.rand(2, 3, 72, 40), logits.softmax(1))[:, 1].sum().backward()
    assert logits.grad is not None and logits.grad.any()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_it_learns_to_tell_drawn_from_computed() -> None:
    network = small(n_classes=2)
    image = torch.rand(8, 3, 72, 40)
    drawn = torch.nn.functional.one_hot((image[:, 0] > 0.5).long()).movedim(-1, 1)
    both = torch.cat([0.5 + 0.0 * drawn, drawn.float()])
    truth = torch.tensor([0] * 8 + [1] * 8)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(30):
        loss = nn.functional.cross_entropy(
            network(image.repeat(2, 1, 1, 1), both), truth
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    found = network(image.repeat(2, 1, 1, 1), both).argmax(1)
    assert torch.equal(found, truth)
