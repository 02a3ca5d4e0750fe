"""The fluid network of Tennakoon et al. (ISBI 2018)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_octseg.errors import ModelError
from napari_octseg.networks import build
from napari_octseg.networks.retouch import MultiScaleHead, RetouchNet, mirrored


def small(**arguments: object) -> RetouchNet:
    torch.manual_seed(0)
    network = build("retouch", {"width": 2, **arguments})
    assert isinstance(network, RetouchNet)
    return network.requires_grad_(False).eval()


def test_it_has_as_many_parameters_as_the_published_network() -> None:
    with torch.device("meta"):
        network = build("retouch", {})
    trainable = sum(p.numel() for p in network.parameters())
    statistics = sum(
        2 * m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d)
    )
    assert trainable == 7_779_140
    assert trainable + statistics == 7_781_828  # as Keras counts


def test_without_padding_it_loses_46_px_on_every_side() -> None:
    network = small()
    assert network.valid(torch.zeros(1, 3, 256, 128)).shape == (1, 4, 164, 36)
    assert network.valid(torch.zeros(1, 3, 256, 512)).shape == (1, 4, 164, 420)


@pytest.mark.parametrize("size", [(64, 40), (13, 50), (1, 1), (3, 100)])
def test_every_pixel_of_any_image_gets_its_logits(size: tuple[int, int]) -> None:
    logits = small(n_classes=5)(torch.rand(2, 3, *size))
    assert logits.shape == (2, 5, *size)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("size", [(64, 40), (13, 51), (1, 1)])
def test_at_half_size_every_pixel_gets_logits_too(size: tuple[int, int]) -> None:
    logits = small(n_classes=5, reduce=2)(torch.rand(2, 3, *size))
    assert logits.shape == (2, 5, *size)


def test_at_half_size_it_is_the_network_on_means_interpolated() -> None:
    image = torch.rand(1, 3, 48, 32)
    halved = torch.nn.functional.avg_pool2d(image, 2)
    expected = torch.nn.functional.interpolate(
        small()(halved), scale_factor=2.0, mode="bilinear"
    )
    assert torch.allclose(small(reduce=2)(image), expected, atol=1e-5)


def test_padded_and_unpadded_logits_of_a_pixel_agree() -> None:
    network = small()
    image = torch.rand(1, 3, 170, 130)
    inner = network.valid(image[..., 2:162, 2:122])  # (2 + 46) % 8 == 0: same pooling
    whole = network(image)[..., 48:-54, 48:-54]
    # The stem and the head see zeros beyond their edges, as published.
    clear = (..., slice(8, -8), slice(8, -8))
    assert torch.allclose(inner[clear], whole[clear], atol=1e-5)


def test_the_logits_do_not_shift_against_the_image() -> None:
    network = small()
    image = torch.rand(1, 3, 192, 192)
    moved = network(image.roll((8, 16), dims=(2, 3)))
    expected = network(image).roll((8, 16), dims=(2, 3))
    middle = (..., slice(80, 112), slice(80, 112))
    assert torch.allclose(moved[middle], expected[middle], atol=1e-5)


def test_the_image_continues_as_in_a_mirror() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    wide = mirrored(image)
    assert wide.shape == (1, 1, 96, 96)
    assert torch.equal(wide[..., 46:49, 46:50], image)
    row = wide[0, 0, 46, 40:56]
    assert row.tolist() == [2, 3, 3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0, 0, 1]


def test_the_head_is_a_convolution_of_all_scales() -> None:
    torch.manual_seed(0)
    head = MultiScaleHead([8, 4, 2, 1], 3)
    nn.init.normal_(head.bias)
    features = [
        torch.rand(2, 8, 24, 8),
        torch.rand(2, 4, 44, 12),
        torch.rand(2, 2, 84, 20),
        torch.rand(2, 1, 164, 36),
    ]

    def upsampled(feature: Tensor, factor: int, crop: int) -> Tensor:
        large = functional.interpolate(feature, scale_factor=factor)
        return large[..., crop:-crop, crop:-crop]

    steps = zip(features[:3], (8, 4, 2), (14, 6, 2), strict=True)
    together = torch.cat([*(upsampled(*step) for step in steps), features[3]], dim=1)
    expected = head.conv(together) + head.bias
    assert torch.allclose(head(features), expected, atol=1e-5)


def test_an_image_of_one_channel_is_repeated() -> None:
    network = small()
    image = torch.rand(1, 1, 24, 16)
    assert torch.equal(network(image), network(image.repeat(1, 3, 1, 1)))


def test_whole_channels_are_dropped_at_the_published_rates() -> None:
    rates = [m.p for m in small().modules() if isinstance(m, nn.Dropout2d)]
    assert rates == [0.25, 0.25, 0.5, 0.25]


def test_rectified_logits_are_never_below_0() -> None:
    image = torch.rand(1, 3, 32, 32)
    plain, rectified = small()(image), small(rectify=True)(image)
    assert plain.min() < 0
    assert torch.equal(rectified, plain.relu())


def test_all_weights_learn() -> None:
    network = small(dropout=[0, 0, 0, 0]).requires_grad_(True).train()
    network(torch.rand(2, 3, 40, 24)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_arguments_that_cannot_be_are_refused() -> None:
    with pytest.raises(ModelError, match="4 are needed"):
        build("retouch", {"dropout": [0.5]})
    with pytest.raises(ModelError, match="1 or more"):
        build("retouch", {"reduce": 0})
