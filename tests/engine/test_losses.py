import numpy as np
import pytest
import torch

from napari_octseg.engine.losses import (
    code_logits,
    cross_entropy,
    dice_cross_entropy,
    dice_loss,
)
from napari_octseg.labels import IGNORE

# Three classes; this data set only knows "no fluid" and "fluid of either kind".
ANY_FLUID = torch.tensor([[True, False, False], [False, True, True]])
EVERY_CLASS = torch.eye(3, dtype=torch.bool)


def sharp(classes: torch.Tensor) -> torch.Tensor:
    """Logits (1, 3, H, W) that are nearly sure of `classes` (H, W)."""
    return torch.nn.functional.one_hot(classes, 3).permute(2, 0, 1)[None] * 20.0


def test_cross_entropy_is_that_of_torch_when_every_class_has_its_code() -> None:
    logits = torch.randn(2, 3, 5, 4)
    codes = torch.randint(0, 3, (2, 5, 4))
    ours = cross_entropy(code_logits(logits, EVERY_CLASS.expand(2, 3, 3)), codes)
    assert ours == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, codes)), abs=1e-5
    )


def test_classes_that_a_data_set_does_not_tell_apart_are_never_punished() -> None:
    codes = torch.tensor([[0, 1, 1]])[None]
    one_kind = sharp(torch.tensor([[0, 1, 1]]))
    other_kind = sharp(torch.tensor([[0, 2, 2]]))
    member = ANY_FLUID[None]
    for logits in (one_kind, other_kind):
        assert float(dice_cross_entropy(logits, codes, member)) < 1e-3
    missed = sharp(torch.tensor([[0, 0, 0]]))
    assert float(dice_cross_entropy(missed, codes, member)) > 0.5


def test_pixels_that_nobody_labelled_have_no_gradient() -> None:
    logits = torch.randn(1, 3, 2, 3, requires_grad=True)
    codes = torch.tensor([[[0, 1, IGNORE], [2, IGNORE, 1]]])
    dice_cross_entropy(logits, codes, EVERY_CLASS[None]).backward()
    assert logits.grad is not None
    moved = logits.grad.abs().sum(1)[0] > 0
    assert torch.equal(moved, codes[0] != IGNORE)


def test_nothing_labelled_costs_nothing() -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    codes = torch.full((1, 2, 2), IGNORE)
    loss = dice_cross_entropy(logits, codes, EVERY_CLASS[None])
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert np.isfinite(logits.grad.numpy()).all()


def test_dice_loss_of_a_known_case() -> None:
    probability = torch.tensor([[[[0.5, 1.0]], [[0.5, 0.0]]]])  # (1, 2 codes, 1, 2)
    codes = torch.tensor([[[1, 0]]])
    # code 1: overlap 0.5, sizes 0.25 and 1, smooth 1 -> dice (1 + 1) / (1.25 + 1)
    expected = 1 - 2 / 2.25
    assert float(dice_loss(probability.log(), codes)) == pytest.approx(expected)


def test_data_sets_of_one_batch_are_judged_each_by_its_own_codes() -> None:
    classes = torch.tensor([[0, 2]])
    logits = sharp(classes).repeat(2, 1, 1, 1)
    swapped = EVERY_CLASS[[0, 2, 1]]  # the second set calls class 2 code 1
    codes = torch.tensor([[[0, 2]], [[0, 1]]])
    member = torch.stack([EVERY_CLASS, swapped])
    assert float(dice_cross_entropy(logits, codes, member)) < 1e-3
