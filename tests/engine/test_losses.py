from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_octseg.engine.learning.criterion import LOSS_NAMES, Criterion
from napari_octseg.engine.learning.frequency import median_frequency
from napari_octseg.engine.losses import (
    LOSSES,
    balanced_cross_entropy,
    code_logits,
    cross_entropy,
    dice,
    foreground_dice,
)
from napari_octseg.labels import IGNORE

# Three classes; this data set only knows "no fluid" and "fluid of either kind".
ANY_FLUID = torch.tensor([[True, False, False], [False, True, True]])
EVERY_CLASS = torch.eye(3, dtype=torch.bool)
HALF = math.log(0.5)


def sharp(classes: Tensor) -> Tensor:
    """Logits (1, 3, H, W) that are nearly sure of `classes` (H, W)."""
    return torch.nn.functional.one_hot(classes, 3).permute(2, 0, 1)[None] * 20.0


def criterion(**weights: float) -> Criterion:
    """The sum of these losses, where none needs the training labels."""
    return Criterion(weights, (), ())


DICE_AND_ENTROPY = criterion(dice=0.7, cross_entropy=0.3)


def log_probabilities(*foreground: float) -> Tensor:
    """(1, 2 codes, 1, W) with these probabilities of code 1."""
    p = torch.tensor(foreground)
    return torch.stack([1 - p, p])[None, :, None].clamp_min(1e-7).log()


def test_cross_entropy_is_that_of_torch_when_every_class_has_its_code() -> None:
    logits = torch.randn(2, 3, 5, 4)
    codes = torch.randint(0, 3, (2, 5, 4))
    ours = cross_entropy(code_logits(logits, EVERY_CLASS.expand(2, 3, 3)), codes)
    assert ours == pytest.approx(
        float(torch.nn.functional.cross_entropy(logits, codes)), abs=1e-5
    )


def test_cross_entropy_of_two_classes_is_the_binary_one() -> None:
    z = torch.randn(2, 1, 4, 5)
    codes = torch.randint(0, 2, (2, 4, 5))
    every = torch.eye(2, dtype=torch.bool).expand(2, 2, 2)
    logits = torch.cat([torch.zeros_like(z), z], dim=1)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        z[:, 0], codes.float()
    )
    ours = cross_entropy(code_logits(logits, every), codes)
    assert float(ours) == pytest.approx(float(expected), abs=1e-5)


def test_weighted_cross_entropy_is_divided_by_the_pixels_not_by_the_weights() -> None:
    logits = torch.randn(2, 3, 5, 4)
    codes = torch.randint(0, 3, (2, 5, 4))
    codes[0, 0] = IGNORE
    weight = torch.tensor([0.2, 1.0, 5.0])
    total = torch.nn.functional.cross_entropy(
        logits, codes, weight, ignore_index=IGNORE, reduction="sum"
    )
    ours = cross_entropy(
        code_logits(logits, EVERY_CLASS.expand(2, 3, 3)),
        codes,
        weight=weight.expand(2, 3),
    )
    assert float(ours) == pytest.approx(float(total) / 36, rel=1e-5)


def test_classes_that_a_data_set_does_not_tell_apart_are_never_punished() -> None:
    codes = torch.tensor([[0, 1, 1]])[None]
    one_kind = sharp(torch.tensor([[0, 1, 1]]))
    other_kind = sharp(torch.tensor([[0, 2, 2]]))
    missed = sharp(torch.tensor([[0, 0, 0]]))
    member = ANY_FLUID[None]
    for name in LOSSES:
        one_loss = criterion(**{name: 1.0})
        for logits in (one_kind, other_kind):
            assert float(one_loss((logits,), codes, member)) < 1e-3, name
        assert float(one_loss((missed,), codes, member)) > 0.3, name


def test_any_fluid_supervises_the_sum_of_its_classes() -> None:
    probability = torch.tensor([0.5, 0.2, 0.3]).view(1, 3, 1, 1)
    log_p = code_logits(probability.log(), ANY_FLUID[None])
    fluid = torch.ones(1, 1, 1, dtype=torch.uint8)
    assert float(cross_entropy(log_p, fluid)) == pytest.approx(-HALF, abs=1e-5)
    # overlap 0.5, sizes 0.5 and 1, smooth 1
    assert float(foreground_dice(log_p, fluid)) == pytest.approx(1 - 2 / 2.5, abs=1e-5)
    assert float(dice(log_p, fluid)) == pytest.approx(1 - 2 / 2.25, abs=1e-5)


@pytest.mark.parametrize("name", LOSS_NAMES)
def test_pixels_that_nobody_labelled_have_no_gradient(name: str) -> None:
    logits = torch.randn(1, 3, 2, 3, requires_grad=True)
    codes = torch.tensor([[[0, 1, IGNORE], [2, IGNORE, 1]]], dtype=torch.uint8)
    labels = [(codes[0], 0)]
    loss = Criterion({name: 1.0}, labels, [EVERY_CLASS])
    loss((logits,), codes, EVERY_CLASS[None]).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    moved = logits.grad.abs().sum(1)[0] > 0
    assert torch.equal(moved, codes[0] != IGNORE)


@pytest.mark.parametrize("name", LOSS_NAMES)
def test_nothing_labelled_costs_nothing(name: str) -> None:
    logits = torch.randn(1, 3, 2, 2, requires_grad=True)
    codes = torch.full((1, 2, 2), IGNORE, dtype=torch.uint8)
    loss = Criterion({name: 1.0}, [(codes[0], 0)], [EVERY_CLASS])
    value = loss((logits,), codes, EVERY_CLASS[None])
    value.backward()  # type: ignore[no-untyped-call]
    assert float(value.detach()) == pytest.approx(0)
    assert logits.grad is not None
    assert np.isfinite(logits.grad.numpy()).all()


def test_dice_of_a_known_case() -> None:
    probability = torch.tensor([[[[0.5, 1.0]], [[0.5, 0.0]]]])  # (1, 2 codes, 1, 2)
    codes = torch.tensor([[[1, 0]]])
    # code 1: overlap 0.5, sizes 0.25 and 1, smooth 1 -> dice (1 + 1) / (1.25 + 1)
    expected = 1 - 2 / 2.25
    assert float(dice(probability.log(), codes)) == pytest.approx(expected)


def test_dice_is_that_of_monai() -> None:
    from monai.losses import DiceLoss

    logits = torch.randn(2, 3, 6, 5)
    codes = torch.randint(0, 3, (2, 6, 5))
    theirs = DiceLoss(
        include_background=False,
        to_onehot_y=True,
        softmax=True,
        squared_pred=True,
        batch=True,
        smooth_nr=1.0,
        smooth_dr=1.0,
    )(logits, codes[:, None])
    ours = dice(code_logits(logits, EVERY_CLASS.expand(2, 3, 3)), codes)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)


def test_foreground_dice_is_that_of_monai_for_two_classes() -> None:
    from monai.losses import DiceLoss

    z = torch.randn(3, 1, 6, 5)
    codes = torch.randint(0, 2, (3, 6, 5))
    theirs = DiceLoss(sigmoid=True, batch=True, smooth_nr=1.0, smooth_dr=1.0)(
        z, codes[:, None]
    )
    logits = torch.cat([torch.zeros_like(z), z], dim=1)
    every = torch.eye(2, dtype=torch.bool).expand(3, 2, 2)
    ours = foreground_dice(code_logits(logits, every), codes)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-5)


def test_balanced_cross_entropy_of_a_known_case() -> None:
    # First image: three pixels of code 0 at p = ½, one of code 1 at p = ¼; the mean of
    # the two means. Second image: only code 1, at p = ½.
    log_p = torch.cat(
        [log_probabilities(0.5, 0.5, 0.5, 0.25), log_probabilities(0.5, 0.5, 0.5, 0.5)]
    )
    codes = torch.tensor([[[0, 0, 0, 1]], [[1, IGNORE, 1, 1]]], dtype=torch.uint8)
    first = (math.log(2) + math.log(4)) / 2
    expected = (first + math.log(2)) / 2
    assert float(balanced_cross_entropy(log_p, codes)) == pytest.approx(expected)


def test_an_image_without_labels_does_not_thin_the_balanced_cross_entropy() -> None:
    log_p = log_probabilities(0.5, 0.25).repeat(2, 1, 1, 1)
    codes = torch.tensor([[[0, 1]], [[IGNORE, IGNORE]]], dtype=torch.uint8)
    both, alone = (balanced_cross_entropy(log_p[:n], codes[:n]) for n in (2, 1))
    assert float(both) == pytest.approx(float(alone))


def test_foreground_dice_is_pooled_over_the_batch_and_falls_when_it_fits() -> None:
    log_p = torch.cat([log_probabilities(0.75, 0.25), log_probabilities(0.0, 0.5)])
    codes = torch.tensor([[[1, 0]], [[0, 2]]], dtype=torch.uint8)
    codes[1, 0, 1] = 1
    # overlap .75 + .5, sizes 1.5 and 2, smooth 1
    assert float(foreground_dice(log_p, codes)) == pytest.approx(
        1 - (2 * 1.25 + 1) / (1.5 + 2 + 1), abs=1e-5
    )


def test_data_sets_of_one_batch_are_judged_each_by_its_own_codes() -> None:
    classes = torch.tensor([[0, 2]])
    logits = sharp(classes).repeat(2, 1, 1, 1)
    swapped = EVERY_CLASS[[0, 2, 1]]  # the second set calls class 2 code 1
    codes = torch.tensor([[[0, 2]], [[0, 1]]])
    member = torch.stack([EVERY_CLASS, swapped])
    assert float(DICE_AND_ENTROPY((logits,), codes, member)) < 1e-3


def test_all_outputs_count_alike() -> None:
    codes = torch.randint(0, 3, (2, 4, 4))
    member = EVERY_CLASS.expand(2, 3, 3)
    first, second = torch.randn(2, 2, 3, 4, 4).unbind()
    alone = [float(DICE_AND_ENTROPY((o,), codes, member)) for o in (first, second)]
    both = float(DICE_AND_ENTROPY((first, second), codes, member))
    assert both == pytest.approx(sum(alone) / 2, rel=1e-5)


def test_losses_are_added_by_their_weights() -> None:
    logits = torch.randn(1, 3, 4, 4)
    codes = torch.randint(0, 3, (1, 4, 4))
    log_p = code_logits(logits, EVERY_CLASS[None])
    mixed = criterion(balanced_cross_entropy=0.5, foreground_dice=0.25, dice=0)
    expected = 0.5 * balanced_cross_entropy(log_p, codes)
    expected = expected + 0.25 * foreground_dice(log_p, codes)
    found = mixed((logits,), codes, EVERY_CLASS[None])
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(LOSSES)))
def test_a_loss_is_finite_never_negative_and_blind_to_the_order_of_samples(
    seed: int, name: str
) -> None:
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 3, 4, 5, generator=random) * 10
    codes = torch.randint(0, 4, (3, 4, 5), generator=random)
    codes[codes == 3] = IGNORE
    member = EVERY_CLASS.expand(3, 3, 3)
    loss = criterion(**{name: 1.0})
    value = float(loss((logits,), codes, member))
    assert 0 <= value < 20
    turned = float(loss((logits.flip(0),), codes.flip(0), member))
    assert turned == pytest.approx(value, abs=1e-4)


def test_median_frequency_of_a_known_case() -> None:
    # Code 0: 6 of 8 + 4 pixels, code 1: 4 of the first 8, code 2: 2 of the last 4.
    first = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.uint8)
    second = torch.tensor([[0, 0, 2, 2, IGNORE]], dtype=torch.uint8)
    found = median_frequency([(first, 0), (second, 0)], [EVERY_CLASS])
    weights = found.of(EVERY_CLASS[None])[0]
    # f = ½, ½, ½: all the same
    assert weights.tolist() == pytest.approx([1, 1, 1])
    rare = torch.tensor([[0] * 12 + [1] * 4], dtype=torch.uint8)
    weights = median_frequency([(rare, 0)], [EVERY_CLASS]).of(EVERY_CLASS[None])[0]
    # f = ¾ and ¼, their median ½; class 2 does not occur
    assert weights.tolist() == pytest.approx([2 / 3, 2, 0])


def test_data_sets_share_the_frequency_of_what_they_call_differently() -> None:
    swapped = EVERY_CLASS[[0, 2, 1]]
    first = torch.tensor([[0, 0, 0, 1]], dtype=torch.uint8)  # ¼ is class 1
    second = torch.tensor([[0, 2, 2, 2]], dtype=torch.uint8)  # ¾ is class 1
    found = median_frequency([(first, 0), (second, 1)], [EVERY_CLASS, swapped])
    assert found.of(EVERY_CLASS[None])[0].tolist() == pytest.approx([1, 1, 0])
    assert found.of(swapped[None])[0].tolist() == pytest.approx([1, 0, 1])
    any_fluid = torch.nn.functional.pad(ANY_FLUID, (0, 0, 0, 1))
    assert found.of(any_fluid[None])[0].tolist() == [1, 0, 0]


def test_median_frequency_of_the_20_labels_of_the_published_raspnet() -> None:
    # Pixels of each class and in how many of the 20 labels (480 × 360) it occurs;
    # BG H IRF SRF PED RPD HF GA FCE VMT ERM CNVM, and the weights they were given.
    n_pixels = [2569604, 795797, 13669, 2225, 595, 22784, 7489, 8746, 3339, 8775]
    n_pixels += [553, 22424]
    n_labels = [20, 20, 4, 3, 1, 8, 2, 2, 1, 4, 1, 4]
    expected = [0.0263, 0.0849, 0.9886, 4.5548, 5.6775, 1.1861, 0.9022, 0.7725, 1.0117]
    expected += [1.5399, 6.1087, 0.6026]
    counts = torch.zeros(20, 12, dtype=torch.int64)
    for c in range(1, 12):
        share, rest = divmod(n_pixels[c], n_labels[c])
        counts[: n_labels[c], c] = share
        counts[0, c] += rest
    counts[:, 0] = 480 * 360 - counts.sum(1)
    assert int(counts[:, 0].sum()) == n_pixels[0]
    images = [torch.arange(12).repeat_interleave(own)[None] for own in counts]
    every = torch.eye(12, dtype=torch.bool)
    found = median_frequency([(image, 0) for image in images], [every])
    assert found.of(every[None])[0].tolist() == pytest.approx(expected, abs=1e-4)


def test_median_frequency_cross_entropy_weighs_rare_codes_more() -> None:
    labels = torch.tensor([[0] * 12 + [1] * 4], dtype=torch.uint8)
    every = torch.eye(2, dtype=torch.bool)
    weighted = Criterion({"median_frequency": 1.0}, [(labels, 0)], [every])
    logits = torch.zeros(1, 2, 1, 16)
    loss = float(weighted((logits,), labels[None], every[None]))
    # −log ½ of every pixel, by ⅔ and 2: (12 · ⅔ + 4 · 2) / 16 = 1
    assert loss == pytest.approx(math.log(2), rel=1e-5)
    missed = logits.clone()
    missed[:, 1] = -3  # all background
    favoured = logits.clone()
    favoured[:, 1] = 3
    plain = criterion(cross_entropy=1.0)
    member = every[None]
    ratio = [
        float(loss_of((missed,), labels[None], member))
        / float(loss_of((favoured,), labels[None], member))
        for loss_of in (weighted, plain)
    ]
    assert ratio[0] == pytest.approx(1, rel=1e-3)
    assert ratio[1] < 0.5


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_pixels_that_count_twice_are_as_good_as_two(name: str) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 6)
    codes = torch.randint(0, 3, (2, 4, 6))
    codes[0, 0] = IGNORE
    counts = torch.ones(2, 4, 6)
    counts[..., 3:] = 2
    twice = [torch.cat([x, x[..., 3:]], dim=-1) for x in (logits, codes)]
    every = EVERY_CLASS.expand(2, 3, 3)
    weighted = LOSSES[name](code_logits(logits, every), codes, counts)
    doubled = LOSSES[name](code_logits(twice[0], every), twice[1], None)
    assert float(weighted) == pytest.approx(float(doubled), rel=1e-5)
    plain = LOSSES[name](code_logits(logits, every), codes, None)
    assert float(plain) != pytest.approx(float(doubled), rel=1e-4)
    ones = LOSSES[name](code_logits(logits, every), codes, torch.ones(2, 4, 6))
    assert float(ones) == pytest.approx(float(plain), rel=1e-5)


@pytest.mark.parametrize("name", [*LOSSES, "median_frequency"])
def test_a_criterion_leaves_out_pixels_that_count_nothing(name: str) -> None:
    torch.manual_seed(1)
    logits = torch.randn(2, 3, 4, 6)
    codes = torch.randint(0, 3, (2, 4, 6)).to(torch.uint8)
    member = EVERY_CLASS.expand(2, 3, 3)
    criterion = Criterion({name: 1.0}, [(codes[0], 0)], [EVERY_CLASS])
    counts = torch.zeros(2, 4, 6)
    counts[..., :3] = 1
    left = criterion([logits[..., :3]], codes[..., :3], member)
    assert float(criterion([logits], codes, member, counts)) == pytest.approx(
        float(left), abs=1e-5
    )
