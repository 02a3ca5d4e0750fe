from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from napari_octseg.bundles.card import Architecture
from napari_octseg.engine.learning.adversarial import Adversary, one_hot_truth
from napari_octseg.engine.learning.fabric import launch_fabric
from napari_octseg.engine.recipe import Adversarial
from napari_octseg.errors import RecipeError
from napari_octseg.labels import IGNORE
from napari_octseg.networks import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_CLASS = torch.eye(2, dtype=torch.bool)[None]
SHAPES = ((2, 1, 4, 4), (2, 2, 4, 4))


class Sharpness(nn.Module):
    """Two logits from the mean squared probability: people draw sharply."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Linear(1, 2)

    def forward(self, images: Tensor, probabilities: Tensor) -> Tensor:
        sharpness = probabilities.square().sum(1).mean((1, 2))
        found: Tensor = self.judge(sharpness[:, None])
        return found


@pytest.fixture
def adversary(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Adversary]:
    """An adversary that judges by sharpness."""
    monkeypatch.setitem(ARCHITECTURES, "sharpness", Sharpness)

    def make(weight: float = 0.5, shapes: object = SHAPES) -> Adversary:
        torch.manual_seed(0)
        settings = Adversarial(
            architecture=Architecture(name="sharpness"),
            weight=weight,
            learning_rate=0.1,
        )
        fabric = launch_fabric("cpu", precision="32-true")
        return Adversary(settings, fabric, shapes)  # type: ignore[arg-type]

    return make


def batch() -> tuple[Tensor, Tensor]:
    """Images and codes of two samples."""
    return torch.rand(2, 1, 4, 4), torch.randint(0, 2, (2, 4, 4)).to(torch.uint8)


def test_the_discriminator_learns_to_tell_drawn_from_computed(
    adversary: Callable[..., Adversary],
) -> None:
    judge = adversary()
    images, codes = batch()
    logits = torch.zeros(2, 2, 4, 4)  # as unsure as can be
    told = [
        judge(images, logits, codes, EVERY_CLASS.expand(2, 2, 2)) for _ in range(60)
    ]
    assert float(told[-1][1]) < 0.5 * float(told[0][1])
    # The better it tells them apart, the more it costs the segmentation.
    assert float(told[-1][0]) > float(told[0][0])


def test_the_segmentation_is_pushed_to_be_taken_for_drawn(
    adversary: Callable[..., Adversary],
) -> None:
    judge = adversary()
    images, codes = batch()
    member = EVERY_CLASS.expand(2, 2, 2)
    logits = torch.randn(2, 2, 4, 4) * 0.1
    for _ in range(60):  # a discriminator that knows its trade
        judge(images, logits, codes, member)
    logits.requires_grad_(True)
    loss, _ = judge(images, logits, codes, member)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    sharper = logits.detach() - 5 * logits.grad / logits.grad.abs().max()

    def sharpness(of: Tensor) -> float:
        return float(of.softmax(1).square().sum(1).mean())

    assert sharpness(sharper) > sharpness(logits.detach())


def test_the_discriminator_gets_no_gradient_from_the_segmentation(
    adversary: Callable[..., Adversary],
) -> None:
    judge = adversary()
    images, codes = batch()
    logits = torch.randn(2, 2, 4, 4, requires_grad=True)
    loss, own = judge(images, logits, codes, EVERY_CLASS.expand(2, 2, 2))
    before = [p.grad.clone() for p in judge.plain.parameters() if p.grad is not None]
    assert logits.grad is None
    assert not own.requires_grad
    loss.backward()  # type: ignore[no-untyped-call]
    after = [p.grad for p in judge.plain.parameters() if p.grad is not None]
    assert len(before) == 2
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_samples_whose_codes_leave_the_class_open_are_not_judged(
    adversary: Callable[..., Adversary],
) -> None:
    judge = adversary()
    images, codes = batch()
    either = torch.tensor([[[True, True], [False, False]]]).expand(2, 2, 2)
    before = {name: v.clone() for name, v in judge.plain.state_dict().items()}
    logits = torch.randn(2, 2, 4, 4, requires_grad=True)
    loss, own = judge(images, logits, codes.clamp_max(0), either)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == float(own) == 0
    assert logits.grad is not None
    assert not logits.grad.any()
    after = judge.plain.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_sample_with_open_classes_does_not_thin_the_judgement_of_another(
    adversary: Callable[..., Adversary],
) -> None:
    images, codes = batch()
    logits = torch.randn(2, 2, 4, 4)
    either = torch.tensor([[[True, True], [False, False]]])
    mixed = torch.cat([EVERY_CLASS, either])
    both, _ = adversary()(images, logits, codes, mixed)
    alone, _ = adversary()(images[:1], logits[:1], codes[:1], EVERY_CLASS)
    assert float(both) == pytest.approx(float(alone), rel=1e-5)


def test_the_weight_scales_the_judgement(adversary: Callable[..., Adversary]) -> None:
    images, codes = batch()
    logits = torch.randn(2, 2, 4, 4)
    member = EVERY_CLASS.expand(2, 2, 2)
    half, whole = (adversary(w)(images, logits, codes, member)[0] for w in (0.5, 1.0))
    assert float(whole) == pytest.approx(2 * float(half))


def test_truth_is_one_hot_where_labelled_and_the_segmentation_elsewhere() -> None:
    probability = torch.tensor([0.1, 0.2, 0.7]).view(1, 3, 1, 1).expand(1, 3, 1, 3)
    codes = torch.tensor([[[0, 1, IGNORE]]], dtype=torch.uint8)
    # Code 1 of this data set is class 2.
    member = torch.tensor([[[True, False, False], [False, False, True]]])
    truth = one_hot_truth(probability, codes, member)
    assert truth[0, :, 0, 0].tolist() == [1, 0, 0]
    assert truth[0, :, 0, 1].tolist() == [0, 0, 1]
    assert truth[0, :, 0, 2].tolist() == pytest.approx([0.1, 0.2, 0.7])


def test_its_state_goes_on_after_an_interruption(
    adversary: Callable[..., Adversary],
) -> None:
    images, codes = batch()
    logits = torch.randn(2, 2, 4, 4)
    member = EVERY_CLASS.expand(2, 2, 2)
    whole, part = adversary(), adversary()
    part(images, logits, codes, member)
    rest = adversary()
    rest.load_state_dict(part.state_dict())
    rest(images, logits, codes, member)
    for _ in range(2):
        whole(images, logits, codes, member)
    first, second = whole.plain.state_dict(), rest.plain.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_discriminator_that_cannot_judge_these_crops_is_refused() -> None:
    small = {"in_channels": 1, "n_classes": 2, "width": 2}
    settings = Adversarial(
        architecture=Architecture(name="retouch-discriminator", arguments=small)
    )
    fabric = launch_fabric("cpu")
    with pytest.raises(RecipeError, match=r"adversarial.*4 × 4 px"):
        Adversary(settings, fabric, SHAPES)
    fine = ((1, 1, 96, 64), (1, 2, 96, 64))
    assert Adversary(settings, fabric, fine).weight == 1.0
    with pytest.raises(RecipeError, match="adversarial: its network does not take"):
        Adversary(settings, fabric, ((1, 1, 96, 64), (1, 5, 96, 64)))


def test_a_network_that_gives_no_two_logits_is_no_discriminator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Mean(nn.Module):
        def forward(self, images: Tensor, probabilities: Tensor) -> Tensor:
            return probabilities.mean((1, 2, 3))[:, None]

    monkeypatch.setitem(ARCHITECTURES, "mean", Mean)
    settings = Adversarial(architecture=Architecture(name="mean"))
    with pytest.raises(RecipeError, match="two logits"):
        Adversary(settings, launch_fabric("cpu"), SHAPES)
