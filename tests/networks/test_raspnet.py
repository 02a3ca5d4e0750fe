"""RASP-Net as it was published."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_octseg.errors import ModelError
from napari_octseg.networks import build
from napari_octseg.networks.raspnet import Bottleneck, Pyramid, RASPNet, in_phases


def small(**arguments: object) -> RASPNet:
    torch.manual_seed(0)
    network = build("raspnet", {"width": 4, "n_classes": 3, **arguments}).eval()
    assert isinstance(network, RASPNet)
    return network


@pytest.mark.parametrize(("width", "expected"), [(8, 6_190_580), (16, 24_710_108)])
def test_it_has_as_many_parameters_as_the_published_network(
    width: int, expected: int
) -> None:
    with torch.device("meta"):
        network = RASPNet(width=width)
    assert sum(p.numel() for p in network.parameters()) == expected


def sizes_inside(network: RASPNet, image: Tensor) -> list[tuple[int, ...]]:
    """Channels, rows and columns after each stage and each step up."""
    seen: list[tuple[int, ...]] = []
    for module in (*network.stages, *network.ups):
        module.register_forward_hook(lambda _m, _i, out: seen.append(out.shape[1:]))
    with torch.inference_mode():
        network(image)
    return [tuple(size) for size in seen]


def test_sizes_inside_are_the_published_ones() -> None:
    m = 4
    assert sizes_inside(small(width=m), torch.zeros(1, 1, 360, 480)) == [
        (8 * m, 180, 240),
        (4 * m, 90, 120),
        (2 * m, 45, 60),
        (m, 22, 30),
        (16 * m, 45, 60),
        (8 * m, 90, 120),
        (4 * m, 180, 240),
        (4 * m, 360, 480),
    ]


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (45, 60), (63, 34)])
def test_any_size_from_16_px_comes_out_as_it_went_in(size: tuple[int, int]) -> None:
    assert small()(torch.zeros(2, 3, *size)).shape == (2, 3, *size)


def test_units_and_branches_are_as_many_as_published() -> None:
    network = small(rates=(1, 2, 3, 4))
    for n_residual, stage in enumerate(network.stages, start=1):
        units = [m for m in stage.modules() if isinstance(m, Bottleneck)]
        kinds = [type(unit.shortcut) is nn.Identity for unit in units]
        assert kinds == [False] + [True] * n_residual
        (pyramid,) = (m for m in stage.modules() if isinstance(m, Pyramid))
        convolutions = [m for m in pyramid.modules() if isinstance(m, nn.Conv2d)]
        assert [c.dilation for c in convolutions] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_dilation_widens_what_a_pixel_sees() -> None:
    def reach(rates: tuple[int, ...]) -> int:
        """Rows from the first pyramid's middle to the furthest row that counts."""
        pyramid = small(rates=rates).stages[0][-1]
        x = torch.rand(1, 32, 49, 5, requires_grad=True)
        pyramid(x)[..., 24, 2].sum().backward()
        assert x.grad is not None
        rows = x.grad.abs().sum((0, 1, 3)).nonzero().flatten()
        return int((rows - 24).abs().max())

    assert reach((1, 6, 12, 18)) == 18
    assert reach((1, 2, 3, 4)) == 4


def test_the_decoder_has_only_the_deepest_feature() -> None:
    network = small()
    network.stages[-1].register_forward_hook(lambda _m, _i, out: torch.zeros_like(out))
    one, other = (network(torch.rand(1, 1, 32, 32)) for _ in range(2))
    assert torch.equal(one, other)


def test_a_grey_image_is_repeated() -> None:
    network = small()
    grey = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(network(grey), network(grey.repeat(1, 3, 1, 1)))


def test_in_phases_a_transposed_convolution_gives_the_same_and_the_same_gradient() -> (
    None
):
    torch.manual_seed(0)
    conv = nn.ConvTranspose2d(5, 3, 7, stride=2, padding=2)
    image = torch.randn(2, 5, 6, 9)
    weighting = torch.randn(2, 3, 13, 19)
    found = {}
    for way in (conv, lambda x: in_phases(x, conv)):
        conv.zero_grad()
        out = way(image)
        (out * weighting).sum().backward()
        assert conv.weight.grad is not None
        found[way] = out.detach(), conv.weight.grad.clone()
    (plain, plain_gradient), (phased, phased_gradient) = found.values()
    torch.testing.assert_close(phased, plain, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(phased_gradient, plain_gradient, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"width": 6}, "multiple of 4"),
        ({"width": 0}, "multiple of 4"),
        ({"rates": (1, 6, 12)}, "four dilation rates"),
        ({"rates": (0, 6, 12, 18)}, "four dilation rates"),
    ],
)
def test_widths_and_rates_that_cannot_be_are_refused(
    arguments: dict[str, object], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        small(**arguments)
