"""Every architecture trains, runs, is stored and is exported alike."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load, save

from napari_octseg.engine.speed.optimise import optimise
from napari_octseg.networks import ARCHITECTURES
from tests.networks.battery import NOT_SEGMENTING, SMALL, Case, padded

if TYPE_CHECKING:
    from pathlib import Path

every = pytest.mark.parametrize("case", SMALL.values(), ids=SMALL)


def test_no_architecture_is_left_out() -> None:
    tested = {case.name for case in SMALL.values()}
    assert tested | NOT_SEGMENTING == set(ARCHITECTURES)


@every
def test_every_parameter_gets_a_finite_gradient(case: Case) -> None:
    network = case.network().train()
    images = case.images()
    outputs = getattr(network, "outputs", lambda x: (network(x),))(images)
    for logits in outputs:
        assert logits.shape == (2, case.n_classes, *case.size)
    loss = torch.stack([logits.log_softmax(1)[:, 1].mean() for logits in outputs]).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@every
def test_the_loss_falls(case: Case) -> None:
    network = case.network().train()
    images = case.images()
    truth = (images[:, 0] > 0.5).long()
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(network(images), truth)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3])


@every
@torch.inference_mode()
def test_odd_sizes_are_taken_after_padding_to_the_divisor(case: Case) -> None:
    network = case.network()
    images = padded(case.images(enlarged=(5, 13)), network.divisor)
    assert network(images).shape == (2, case.n_classes, *images.shape[-2:])


@every
@torch.inference_mode()
def test_a_single_channel_is_repeated(case: Case) -> None:
    if case.in_channels == 1 and case.name == "unet":
        pytest.skip("it takes one channel")
    network = case.network()
    grey = case.images()[:, :1]
    torch.testing.assert_close(network(grey), network(grey.expand(-1, 3, -1, -1)))


@every
@torch.inference_mode()
def test_images_of_a_batch_do_not_see_each_other(case: Case) -> None:
    network = case.network()
    images = case.images()
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone, atol=1e-5, rtol=1e-4)


@every
@torch.inference_mode()
def test_channels_last_gives_the_same(case: Case) -> None:
    network, images = case.network(), case.images()
    expected = network(images)
    network.to(memory_format=torch.channels_last)
    found = network(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@every
@torch.inference_mode()
def test_the_rewritten_network_gives_the_same(case: Case) -> None:
    network, images = case.network(), case.images()
    fast = optimise(network, torch.device("cpu"))
    assert isinstance(fast, torch.fx.GraphModule)
    larger = padded(case.images(enlarged=(16, 0)), network.divisor)
    for some in (images, larger):
        torch.testing.assert_close(fast(some), network(some), atol=1e-4, rtol=1e-3)


@every
@torch.inference_mode()
def test_half_precision_is_close(case: Case) -> None:
    network, images = case.network(), case.images()
    expected = network(images).softmax(1)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(images).float().softmax(1)
    assert (found - expected).abs().mean() < 0.01
    assert (found - expected).abs().max() < 0.1


@every
@torch.inference_mode()
def test_stored_weights_are_the_same_network(case: Case) -> None:
    network, images = case.network(), case.images()
    other = case.network().requires_grad_(False)
    for parameter in other.parameters():
        parameter.fill_(0.5)
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    other.load_state_dict(load(save(state)))
    assert torch.equal(other(images), network(images))


@every
@torch.inference_mode()
def test_torchscript_gives_the_same(case: Case) -> None:
    network, images = case.network(), case.images()
    with warnings.catch_warnings():
        # Sizes become constants where Python computes with them; TorchScript is old.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, images)
        file = io.BytesIO()
        torch.jit.save(traced, file)
        file.seek(0)
        restored = torch.jit.load(file)
    torch.testing.assert_close(restored(images), network(images))


@every
def test_onnx_gives_the_same(case: Case, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network, images = case.network(), case.images()
    path = tmp_path / "network.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (images,), path, dynamo=False, input_names=["images"]
        )
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
    with torch.inference_mode():
        torch.testing.assert_close(found, network(images), atol=1e-4, rtol=1e-3)
