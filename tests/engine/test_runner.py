"""Runners: probabilities, precision, memory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_octseg.bundles.card import Tiling
from napari_octseg.engine import precision
from napari_octseg.engine.precision import make_runner
from napari_octseg.engine.runner import Runner, run_within_memory
from napari_octseg.engine.steps.likeliest import most_likely
from napari_octseg.errors import DeviceError
from napari_octseg.networks import build

if TYPE_CHECKING:
    from tests.conftest import MakeBundle

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_decided", {})


class Greedy(nn.Module):
    """Runs out of memory with more than `most` images at once."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.cat([x, -x], dim=1)


class Overflowing(nn.Module):
    """Fine in fp32, beyond the range of fp16."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, -x], dim=1) * 1e6 * 1e-6


def labels_of(probabilities: Tensor) -> np.ndarray:
    return most_likely(probabilities)[0].numpy()


def test_probabilities_sum_to_1_and_are_those_of_the_network() -> None:
    network = build("unet", {"n_classes": 3, "widths": [4, 8]}).eval()
    images = torch.randn(2, 1, 16, 24)
    found = Runner(network, CPU)(images)
    assert found.dtype == torch.float32
    assert torch.allclose(found.sum(1), torch.ones(2, 16, 24), atol=1e-5)
    assert torch.allclose(found, network(images).softmax(1), atol=1e-5)


def test_one_logit_tells_foreground_from_background() -> None:
    network = build("unet", {"n_classes": 1, "widths": [4, 8]}).eval()
    images = torch.randn(1, 1, 16, 16)
    found = Runner(network, CPU)(images)
    assert found.shape == (1, 2, 16, 16)
    assert torch.allclose(found[:, 1:], network(images).sigmoid(), atol=1e-5)


def test_the_network_of_the_caller_stays_trainable_and_in_fp32() -> None:
    network = build("unet", {"n_classes": 2, "widths": [4, 8]}).eval()
    Runner(network, CPU, torch.bfloat16)(torch.randn(1, 1, 16, 16))
    loss = network(torch.randn(1, 1, 16, 16)).sum()
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())
    assert not torch.is_inference_mode_enabled()


def test_tiles_of_the_card_give_nearly_what_the_whole_image_gives() -> None:
    network = build("unet", {"n_classes": 2, "widths": [4, 8]}).eval()
    images = torch.randn(1, 1, 64, 64)
    tiling = Tiling(size=(32, 48), overlap=(16, 16))
    whole, tiled = (
        Runner(network, CPU)(images),
        Runner(network, CPU, tiling=tiling)(images),
    )
    # The network sees 14 px around a pixel: away from the seams nothing differs.
    assert torch.allclose(whole[..., :8, :8], tiled[..., :8, :8], atol=1e-5)
    assert (whole - tiled).abs().mean() < 0.02


def test_a_batch_is_halved_until_it_fits() -> None:
    network = Greedy(most=3)
    runner = Runner(network, CPU)
    seen = runner.network.seen
    batch = torch.arange(8.0)[:, None, None, None].expand(8, 1, 4, 4)
    parts = run_within_memory(runner, batch)
    assert [len(part) for part in parts] == [2, 2, 2, 2]
    assert seen == [8, 4, 2, 2, 4, 2, 2]
    assert torch.cat(parts)[:, 0, 0, 0].diff().min() > 0, "in order"


def test_one_image_that_does_not_fit_is_an_error_with_a_cure() -> None:
    runner = Runner(Greedy(most=0), CPU)
    with pytest.raises(DeviceError, match="too little memory for one image of 4 × 5"):
        run_within_memory(runner, torch.zeros(4, 1, 4, 5))


def test_other_errors_of_torch_are_not_taken_for_lack_of_memory() -> None:
    network = build("unet", {"n_classes": 2, "widths": [4, 8]}).eval()
    with pytest.raises(RuntimeError):
        run_within_memory(Runner(network, CPU), torch.zeros(2, 3, 16, 16))


def make(network: nn.Module, tiny_bundle: MakeBundle, wanted: str = "auto") -> Runner:
    card = tiny_bundle().card
    batch = torch.randn(1, 1, 16, 16)
    return make_runner(network, card, CPU, wanted, batch=batch, labels_of=labels_of)


def test_half_precision_is_taken_where_labels_agree_and_it_is_faster(
    tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(100))
    durations = iter([5, 3, 3])  # fp32, bf16 with its preparation, bf16
    now = 0.0

    def perf_counter() -> float:
        nonlocal now
        if next(clock) % 2:
            now += next(durations)
        return now

    monkeypatch.setattr(precision.time, "perf_counter", perf_counter)
    monkeypatch.setattr(precision, "fast_dtypes", lambda device: (torch.bfloat16,))
    assert make(Greedy(most=1), tiny_bundle).dtype == torch.bfloat16
    assert list(precision._decided.values()) == [torch.bfloat16]


def test_half_precision_with_other_labels_is_not_used_and_that_is_logged(
    tiny_bundle: MakeBundle,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(precision, "fast_dtypes", lambda device: (torch.float16,))
    with caplog.at_level(logging.WARNING):
        runner = make(Overflowing(), tiny_bundle)
    assert runner.dtype == torch.float32
    assert "0.00 % of the labels agree in torch.float16" in caplog.text
    assert list(precision._decided.values()) == [torch.float32]


def test_what_was_found_is_remembered(
    tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tiny_bundle().card
    key = (card.weights.sha256, "cpu")
    monkeypatch.setattr(precision, "_decided", {key: torch.bfloat16})
    network = Greedy(most=1)

    def never(probabilities: Tensor) -> np.ndarray:
        raise AssertionError("measured again")

    batch = torch.zeros(1, 1, 4, 4)
    runner = make_runner(network, card, CPU, "auto", batch=batch, labels_of=never)
    assert runner.dtype == torch.bfloat16


def test_a_precision_can_be_demanded(tiny_bundle: MakeBundle) -> None:
    assert make(Overflowing(), tiny_bundle, "bf16").dtype == torch.bfloat16


def test_an_unknown_precision_is_an_error(tiny_bundle: MakeBundle) -> None:
    with pytest.raises(DeviceError, match="auto, fp32, bf16, fp16"):
        make(Overflowing(), tiny_bundle, "int8")
