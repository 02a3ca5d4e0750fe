import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.augment import Augmenter, AugmentSettings
from napari_octseg.labels import IGNORE

STILL = AugmentSettings(
    **dict.fromkeys((f.name for f in dataclasses.fields(AugmentSettings)), 0.0)
)


def layered(depth: int = 64, width: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    """A B-scan (1, depth, width) of four flat bands, each as bright as its code / 4."""
    codes = (torch.arange(depth) * 4 // depth)[:, None].expand(depth, width)
    return (codes.float() / 4 + 0.1)[None], codes.to(torch.uint8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_the_vitreous_stays_on_top(seed: int) -> None:
    image, codes = layered()
    _, moved = Augmenter(AugmentSettings(), seed)(image, codes, (64, 32))
    rows = torch.arange(64)[:, None].expand(64, 32)
    means = [rows[moved == k].float().mean() for k in range(4) if (moved == k).any()]
    assert means == sorted(means)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_image_stays_in_range_and_codes_stay_codes(seed: int) -> None:
    image, codes = layered()
    changed, moved = Augmenter(AugmentSettings(), seed)(image, codes, (64, 32))
    assert changed.shape == (1, 64, 32)
    assert moved.shape == (64, 32)
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1
    assert set(np.unique(moved)) <= {0, 1, 2, 3, IGNORE}


def test_image_and_codes_move_together() -> None:
    warp_only = dataclasses.replace(
        STILL, rotation_deg=8, shear=0.15, zoom=0.2, shift=0.1, bend=0.03
    )
    image, codes = layered()
    for seed in range(10):
        changed, moved = Augmenter(warp_only, seed)(image, codes, (64, 48))
        # Edges blend; away from them every grey value belongs to its code.
        middle = moved[1:-1, 1:-1]
        neighbours = (
            moved[:-2, 1:-1],
            moved[2:, 1:-1],
            moved[1:-1, 2:],
            moved[1:-1, :-2],
        )
        plain = torch.stack([n == middle for n in neighbours]).all(0)
        plain &= middle != IGNORE
        expected = middle.float() / 4 + 0.1
        assert ((changed[0, 1:-1, 1:-1] - expected).abs()[plain] < 0.02).all()


def test_what_comes_from_outside_is_not_graded() -> None:
    far = dataclasses.replace(STILL, shift=0.5)
    image, codes = layered()
    shifted = [Augmenter(far, seed)(image, codes, (64, 48))[1] for seed in range(8)]
    assert any((s == IGNORE).any() for s in shifted)
    assert all((s[(s != IGNORE)] < 4).all() for s in shifted)


def test_the_same_seed_gives_the_same_change() -> None:
    image, codes = layered()
    first, second = (
        Augmenter(AugmentSettings(), seed=3)(image, codes, (64, 32)) for _ in range(2)
    )
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    other = Augmenter(AugmentSettings(), seed=4)(image, codes, (64, 32))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("size", [(64, 48), (64, 20)])
def test_without_changes_a_crop_of_the_middle_or_its_mirror_image_comes_out(
    size: tuple[int, int],
) -> None:
    image, codes = layered()
    _, moved = Augmenter(STILL, seed=0)(image, codes, size)
    assert (moved[:, 0] == codes[:, 0]).float().mean() > 0.95
