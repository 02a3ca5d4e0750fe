"""Half precision that says nearly what fp32 says."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_octseg.engine.speed.optimise import optimise
from napari_octseg.engine.speed.rounding import (
    ExactHead,
    SplitImage,
    round_weights,
    split_convolution,
    to_half,
)
from napari_octseg.networks import build

CPU = torch.device("cpu")
HALVES = [torch.bfloat16, torch.float16]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("dtype", HALVES)
def test_rounded_weights_fit_the_precision(dtype: torch.dtype) -> None:
    rounded = round_weights(torch.randn(5, 4, 3, 3), dtype)
    assert torch.equal(rounded.to(dtype).float(), rounded)


def test_the_sum_of_a_kernel_is_kept_better_than_by_plain_rounding() -> None:
    weight = torch.randn(32, 16, 3, 3)

    def lost(rounded: Tensor) -> float:
        return float((rounded - weight).sum((2, 3)).abs().mean())

    plain = weight.bfloat16().float()
    assert lost(round_weights(weight, torch.bfloat16)) < 0.2 * lost(plain)
    assert (round_weights(weight, torch.bfloat16) - weight).abs().max() < 0.02


def test_weights_that_fit_are_not_changed() -> None:
    weight = torch.randn(3, 2, 5, 5).bfloat16().float()
    assert torch.equal(round_weights(weight, torch.bfloat16), weight)


@pytest.mark.parametrize("dtype", HALVES)
def test_the_first_convolution_is_as_good_as_exact(dtype: torch.dtype) -> None:
    conv = nn.Conv2d(2, 6, 3, padding=1).requires_grad_(False)
    x = torch.randn(1, 2, 12, 10)
    parts = SplitImage(dtype)(x)
    assert parts.dtype is dtype
    assert torch.allclose(parts[:, :2].float() + parts[:, 2:4].float(), x, atol=1e-4)
    split = split_convolution(conv, dtype)
    split.weight.copy_(split.weight.to(dtype))
    assert torch.allclose(split(parts.float()), conv(x), atol=1e-4)


def test_the_head_is_computed_in_fp32_from_what_it_gets() -> None:
    conv = nn.Conv2d(4, 3, 1).requires_grad_(False)
    x = torch.randn(2, 4, 5, 6).bfloat16()
    head = ExactHead(conv)
    to_half(head, torch.bfloat16)
    found = head(x)
    assert found.dtype is torch.float32
    assert torch.allclose(found, conv(x.float()), atol=1e-5)


@pytest.mark.parametrize("norm", [True, False])
def test_a_network_in_bf16_errs_less_than_one_that_is_only_converted(
    norm: bool,
) -> None:
    network = build("unet", {"n_classes": 3, "widths": [8, 16], "norm": norm})
    network.requires_grad_(False).eval()
    # Smooth, like tissue: on white noise errors cannot cancel.
    x = nn.functional.interpolate(torch.randn(4, 1, 3, 3), (64, 64), mode="bicubic")
    exact = network(x)
    careful = optimise(network, CPU, torch.bfloat16)(x)
    converted = network.to(torch.bfloat16)(x.bfloat16()).float()
    assert careful.dtype is torch.float32
    assert (careful - exact).square().mean() < 0.8 * (converted - exact).square().mean()
