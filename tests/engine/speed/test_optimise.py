"""The rewritten network computes the same as the original."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from napari_octseg.engine.runner import Runner
from napari_octseg.engine.speed.kernels import (
    HalvingMaxPool,
    PackedConv2d,
    PhasedTransposedConv2d,
    can_be_phased,
)
from napari_octseg.engine.speed.optimise import optimise
from napari_octseg.networks import build

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def lived_in(network: nn.Module) -> nn.Module:
    """The network with batch statistics that are not 0 and 1, ready for inference."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for name, values in module.state_dict().items():
                if name in ("running_mean", "bias"):
                    values.normal_()
                elif name in ("running_var", "weight"):
                    values.uniform_(0.5, 2)
    return network.requires_grad_(False).eval()


SMALL: dict[str, tuple[str, dict[str, object]]] = {
    "U-Net": ("unet", {"n_classes": 3, "widths": [4, 8, 16]}),
    "U-Net++": (
        "unet",
        {"n_classes": 3, "widths": [4, 8, 16], "in_channels": 3, "decoder": "nested"},
    ),
    "attention U-Net": (
        "unet",
        {"n_classes": 3, "widths": [4, 8, 16], "decoder": "attention"},
    ),
    "RASP-Net": ("raspnet", {"width": 4}),
    "RETOUCH": ("retouch", {"width": 4}),
    "RETOUCH at half size": ("retouch", {"width": 4, "reduce": 2}),
    "rectified RETOUCH": ("retouch", {"width": 4, "rectify": True}),
    "IterNet": ("iternet", {"width": 4}),
}


def smooth(n_channels: int, *size: int) -> Tensor:
    """Like tissue: on white noise errors cannot cancel."""
    coarse = torch.rand(2, n_channels, 6, 6)
    return functional.interpolate(coarse, size, mode="bicubic")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", SMALL)
def test_every_network_keeps_its_outputs(case: str, dtype: torch.dtype) -> None:
    network = lived_in(build(*SMALL[case]))
    image = smooth(1, 48, 32)
    expected = network(image)
    runner = Runner(network, CPU, dtype)
    found = runner(image)
    assert isinstance(runner.network, fx.GraphModule), "it could be recorded"
    close = {torch.float32: 1e-5, torch.bfloat16: 5e-2, torch.float16: 5e-3}[dtype]
    assert torch.allclose(found, expected.softmax(1), atol=close)
    gone = {"Dropout", "Dropout2d", "MaxPool2d"}
    if "RETOUCH" not in case:  # its batch norm is behind the ReLU
        gone |= {"BatchNorm2d"} if dtype == torch.float16 else {"BatchNorm2d", "ReLU"}
    assert not gone & set(names(runner.network))


@pytest.mark.parametrize("case", SMALL)
def test_every_network_errs_less_in_bf16_than_if_only_converted(case: str) -> None:
    name, arguments = SMALL[case]
    careful = converted = 0.0
    for seed in range(4):
        torch.manual_seed(seed)
        network = lived_in(build(name, arguments))
        image = smooth(1, 48, 32)
        exact = network(image)
        found = optimise(network, CPU, torch.bfloat16)(image)
        assert found.dtype is torch.float32
        careful += float((found - exact).square().mean())
        found = network.to(torch.bfloat16)(image.bfloat16()).float()
        converted += float((found - exact).square().mean())
    assert careful < converted


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("case", ["U-Net++", "RASP-Net", "RETOUCH", "IterNet"])
def test_networks_take_one_channel_or_three(case: str, n_channels: int) -> None:
    assert_same(lived_in(build(*SMALL[case])), smooth(n_channels, 32, 32))


def names(network: nn.Module) -> list[str]:
    return [type(module).__name__ for module in network.modules()]


def assert_same(network: nn.Module, x: Tensor) -> nn.Module:
    fast = optimise(network, CPU)
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
        pooled: Tensor = self.pool(x)
        return pooled


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


class Residual(nn.Module):
    """Sums of every kind, of which only some may become part of a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.strided = nn.Conv2d(3, 3, 2, stride=2)
        self.pooled = nn.Conv2d(3, 3, 1)
        self.scale = nn.Parameter(torch.randn(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.first(x) + x)
        y = torch.add(self.strided(y), self.pooled(functional.avg_pool2d(x, 2)))
        y = functional.relu(y + self.pooled(y.mean((2, 3), keepdim=True)))
        y = self.pooled(y) + 1 + self.scale
        z: Tensor = self.pooled(y)
        return torch.add(z, y, alpha=2) + (z + z)


def test_sums_of_any_shape_keep_their_value() -> None:
    fast = assert_same(lived_in(Residual()), torch.randn(2, 3, 12, 8))
    assert isinstance(fast, fx.GraphModule)
    sums = [n for n in fast.graph.nodes if "add" in str(n.target)]
    assert len(sums) == 5, "of the eight, three became parts of convolutions"


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize(
    ("kernel", "padding"), [(7, 2), (3, 1), (4, 0), (4, 1), (4, 2), (6, 3), ((5, 3), 1)]
)
def test_a_transposed_convolution_in_phases_is_one(
    kernel: int | tuple[int, int], padding: int, relu: bool
) -> None:
    conv = nn.ConvTranspose2d(4, 6, kernel, stride=2, padding=padding)
    assert can_be_phased(conv)
    x = torch.randn(2, 4, 5, 7).contiguous(memory_format=torch.channels_last)
    expected = conv(x).relu() if relu else conv(x)
    found = PhasedTransposedConv2d(conv, relu=relu)(x)
    assert torch.allclose(found, expected, atol=1e-5)


class Enlarging(nn.Module):
    """A transposed convolution, crops, and 1×1 convolutions that fit it or not."""

    def __init__(self, n_out: int, *, norm: bool) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 6, 5, stride=2, padding=1)
        self.after = nn.Conv2d(6, n_out, 1)
        self.norm = nn.BatchNorm2d(n_out) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[-2:]
        cropped = self.up(x)[..., : 2 * rows, : 2 * columns]
        mixed: Tensor = functional.relu(self.norm(self.after(cropped)))
        return mixed


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize(("n_out", "merged"), [(2, True), (6, True), (7, False)])
def test_a_pointwise_convolution_merges_into_the_transposed_one_before(
    n_out: int, norm: bool, merged: bool
) -> None:
    network = lived_in(Enlarging(n_out, norm=norm))
    fast = assert_same(network, torch.randn(2, 4, 5, 8))
    assert isinstance(fast, fx.GraphModule)
    layers = [node for node in fast.graph.nodes if node.op == "call_module"]
    assert len(layers) == (1 if merged else 2)


def test_a_crop_from_elsewhere_than_the_corner_is_kept() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up = nn.ConvTranspose2d(4, 6, 5, stride=2)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.up(x)[..., 1:-1, :7]
            return found

    assert_same(lived_in(Shifted()), torch.randn(2, 4, 5, 8))


@pytest.mark.parametrize("kept", [(3, 4), (10, 14), (99, 99)])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_only_the_rows_and_columns_that_are_kept_are_made(
    kept: tuple[int, int], padding: int
) -> None:
    conv = nn.ConvTranspose2d(4, 6, 7, stride=2, padding=padding)
    x = torch.randn(2, 4, 5, 7).contiguous(memory_format=torch.channels_last)
    expected = conv(x)[..., : kept[0], : kept[1]]
    found = PhasedTransposedConv2d(conv, relu=False)(x, *kept)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    "unusual",
    [{"stride": 3}, {"stride": 2, "dilation": 2}, {"stride": 2, "groups": 2}],
)
def test_only_plain_transposed_convolutions_of_stride_2_are_phased(
    unusual: dict[str, int],
) -> None:
    conv = nn.ConvTranspose2d(4, 4, 5, **unusual)  # type: ignore[arg-type]
    assert not can_be_phased(conv)


@pytest.mark.parametrize("shape", [(2, 4, 6, 6), (1, 4, 1, 1), (1, 1, 6, 6)])
def test_a_summand_of_any_shape_is_added_before_the_relu(
    shape: tuple[int, ...],
) -> None:
    conv = nn.Conv2d(3, 4, 3, stride=2, padding=1).requires_grad_(False)
    x, summand = torch.randn(2, 3, 12, 12), torch.randn(shape)
    found = PackedConv2d(conv, relu=True)(x, summand)
    assert torch.allclose(found, (conv(x) + summand).relu(), atol=1e-5)


@pytest.mark.parametrize("size", [(8, 6), (7, 6), (8, 5), (7, 5)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_halving_pool_is_max_pooling(
    size: tuple[int, int], layout: torch.memory_format
) -> None:
    x = torch.randn(2, 3, *size).contiguous(memory_format=layout)
    assert torch.equal(HalvingMaxPool()(x), functional.max_pool2d(x, 2))
