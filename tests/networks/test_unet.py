"""The U-Nets of the two published systems, U-Net++ and the attention U-Net."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_octseg.errors import ModelError
from napari_octseg.networks import build
from napari_octseg.networks.unet import AttentionGate, UNet

OCTID = {
    "n_classes": 9,
    "widths": [16, 32, 64, 128, 256],
    "dropout": [0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1],
    "norm": False,
}

ZHOU = {
    "in_channels": 3,
    "n_classes": 1,
    "widths": [32, 64, 128, 256, 512],
    "norm": False,
}
DECODERS = ["plain", "nested", "attention"]


def small(decoder: str, **arguments: object) -> UNet:
    torch.manual_seed(0)
    sizes = {"n_classes": 3, "widths": [2, 4, 8, 16], "norm": False}
    network = build("unet", {**sizes, "decoder": decoder, **arguments})
    assert isinstance(network, UNet)
    return network.eval()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (OCTID, 1_940_953),
        ({"n_classes": 8}, 31_036_936),
        ({**ZHOU, "decoder": "plain"}, 7_760_097),  # 7.76 million in their table
        ({**ZHOU, "decoder": "nested"}, 9_042_276),  # 9.04 million in their table
    ],
    ids=["OCTID", "Duke", "U-Net of Zhou et al.", "U-Net++"],
)
def test_it_has_as_many_parameters_as_the_published_network(
    arguments: dict[str, object], expected: int
) -> None:
    with torch.device("meta"):
        network = build("unet", arguments)
    assert sum(p.numel() for p in network.parameters()) == expected


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("size", [(16, 16), (32, 48)])
def test_logits_have_the_size_of_the_image(size: tuple[int, int], decoder: str) -> None:
    network = small(decoder, in_channels=3, n_classes=5)
    assert network(torch.zeros(2, 3, *size)).shape == (2, 5, *size)


@pytest.mark.parametrize("decoder", DECODERS)
def test_an_image_of_one_channel_is_repeated(decoder: str) -> None:
    network = small(decoder, in_channels=3)
    image = torch.rand(1, 1, 16, 24)
    assert torch.equal(network(image), network(image.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize(
    ("decoder", "n_outputs"), [("plain", 1), ("nested", 3), ("attention", 1)]
)
def test_the_last_supervised_output_is_the_answer(decoder: str, n_outputs: int) -> None:
    network = small(decoder)
    image = torch.rand(2, 1, 16, 24)
    outputs = network.outputs(image)
    assert [logits.shape for logits in outputs] == [(2, 3, 16, 24)] * n_outputs
    assert torch.equal(outputs[-1], network(image))


@pytest.mark.parametrize("decoder", DECODERS)
def test_all_weights_learn_from_the_outputs(decoder: str) -> None:
    network = small(decoder).train()
    outputs = network.outputs(torch.rand(2, 1, 16, 24))
    loss = torch.stack([logits.square().mean() for logits in outputs]).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_a_small_u_net_plus_plus_has_the_parts_counted_by_hand() -> None:
    network = small("nested", widths=[2, 4, 8])
    encoder = (20 + 38) + (76 + 148) + (296 + 584)
    way_up = (132 + 292 + 148) + (34 + 110 + 38)  # 6 → 2 channels at the end
    inner_way_up = 34 + 74 + 38
    heads = 2 * 9
    expected = encoder + way_up + inner_way_up + heads
    assert sum(p.numel() for p in network.parameters()) == expected


def test_an_attention_u_net_is_a_u_net_with_gates_counted_by_hand() -> None:
    gates = [
        4 * width**2 + (2 * width * width + width) + (width + 1)
        for width in (64, 128, 256)  # not the first skip connection
    ]
    with torch.device("meta"):
        network = build("unet", {**ZHOU, "decoder": "attention"})
    assert sum(p.numel() for p in network.parameters()) == 7_760_097 + sum(gates)


def test_every_node_of_a_u_net_plus_plus_sees_all_before_it() -> None:
    network = small("nested")
    seen = []

    def remember(_: nn.Module, given: tuple[Tensor], made: Tensor) -> None:
        seen.append((given[0], made))

    nodes = [*network.inner_decoder, network.decoder]
    for convolve in [*network.encoder, *(node for way in nodes for node in way)]:
        convolve.register_forward_hook(remember)
    network(torch.rand(1, 1, 8, 8))
    # Called in this order; X[level, j] as in the paper's figure.
    order = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2)]
    made = {
        place: made for place, (_, made) in zip([*order, (0, 3)], seen, strict=True)
    }
    for (level, j), (given, _) in zip([*order, (0, 3)], seen, strict=True):
        if j:
            before = torch.cat([made[level, k] for k in range(j)], dim=1)
            assert torch.equal(given[:, : before.shape[1]], before)
            assert given.shape[1] == before.shape[1] + made[level, j].shape[1]


def test_gates_let_everything_pass_before_training_and_can_close() -> None:
    gate = AttentionGate(4, 8)
    gate.initialise()
    skip, gating = torch.rand(1, 4, 8, 12), torch.rand(1, 8, 4, 6)
    assert torch.allclose(gate(skip, gating), 0.95 * skip, rtol=0.03)
    nn.init.constant_(gate.psi.bias, -30)  # type: ignore[arg-type]
    assert gate(skip, gating).abs().max() < 1e-6


@pytest.mark.parametrize("decoder", ["nested", "attention"])
def test_the_weights_of_a_plain_u_net_fit_the_parts_of_equal_name_and_shape(
    decoder: str,
) -> None:
    plain, other = small("plain").state_dict(), small(decoder).state_dict()
    fitting = {k for k, v in plain.items() if k in other and other[k].shape == v.shape}
    wider = {"decoder.1.0.weight", "decoder.2.0.weight"}  # these see more features
    assert plain.keys() - fitting == (wider if decoder == "nested" else set())


def test_dropout_is_between_the_convolutions_of_each_level() -> None:
    network = build("unet", OCTID)
    rates = [m.p for m in network.modules() if isinstance(m, nn.Dropout)]
    assert rates == OCTID["dropout"]


def test_batch_norm_replaces_the_bias_of_a_convolution() -> None:
    network = build("unet", {"n_classes": 2, "widths": [2, 4]})
    convolutions = [m for m in network.modules() if type(m) is nn.Conv2d]
    assert [conv.bias is None for conv in convolutions] == [True] * 6 + [False]


@pytest.mark.parametrize(
    "arguments",
    [
        {"widths": [8]},
        {"widths": [4, 8], "decoder": "attention"},
        {"decoder": "dense"},
        {"dropout": [0.1]},
        {"depth": 5},
        {"n_classes": 3, "norms": 1},
    ],
)
def test_arguments_it_does_not_take_are_an_error(arguments: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="does not take"):
        build("unet", {"n_classes": 2, **arguments})


def test_an_unknown_architecture_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"Allowed: .*unet"):
        build("transformer", {})
