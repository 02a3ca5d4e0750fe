import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.augment import Augmenter, AugmentSettings, augment_settings
from napari_octseg.labels import IGNORE

STILL = AugmentSettings(
    **dict.fromkeys((f.name for f in dataclasses.fields(AugmentSettings)), 0.0)
)
WILD = augment_settings(
    "bscan",
    {
        "rotation_deg": 30,
        "shear": 0.5,
        "zoom": 0.5,
        "shift": 0.3,
        "bend": 0.15,
        "elastic": 0.25,
    },
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
def test_layers_keep_their_order_in_every_column(seed: int) -> None:
    image, codes = layered(128, 96)
    _, moved = Augmenter(AugmentSettings(elastic=0.1), seed)(image, codes, (128, 64))
    seen = moved.long()
    below = seen.where(moved != IGNORE, -1).cummax(0).values
    assert (seen >= below)[moved != IGNORE].all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_even_the_wildest_change_keeps_the_vitreous_on_top(seed: int) -> None:
    image, codes = layered(128, 96)
    _, moved = Augmenter(WILD, seed)(image, codes, (128, 96))
    rows = torch.arange(128.0)[:, None].expand(128, 96)
    upper, lower = (moved < 2), (moved >= 2) & (moved != IGNORE)
    if upper.any() and lower.any():
        # By the tilt of a whole half, because a tilted crop has both in each row.
        assert rows[upper].mean() < rows[lower].mean()


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


def test_en_face_images_are_turned_and_mirrored_every_way() -> None:
    corner = torch.zeros(1, 64, 64)
    corner[:, :20, :20] = 1
    still = dataclasses.replace(STILL, rotation_deg=180, flip=0.5, flip_rows=0.5)
    found = set()
    for seed in range(40):
        turned, _ = Augmenter(still, seed)(corner, corner[0].byte(), (64, 64))
        half = turned[0].reshape(2, 32, 2, 32).sum((1, 3))
        found.add(int(half.argmax()))
    assert found == {0, 1, 2, 3}
    assert augment_settings("enface", {}).rotation_deg == 180


def test_masks_stay_binary_however_they_are_turned() -> None:
    mask = (torch.rand(40, 40, generator=torch.Generator().manual_seed(0)) > 0.5).byte()
    _, moved = Augmenter(augment_settings("enface", {}), 1)(
        mask.float()[None], mask, (32, 32)
    )
    assert set(np.unique(moved)) <= {0, 1, IGNORE}


@pytest.mark.parametrize(
    ("plane", "changes", "told"),
    [
        ("bscan", {"flip_rows": 0.1}, "flip_rows"),
        ("bscan", {"rotation_deg": 90}, "rotation_deg"),
        ("enface", {"elastic": 0.9}, "elastic"),
        ("enface", {"rotation": 5}, "rotation"),
        ("bscan", {"svdna": 0.7, "match": 0.7}, "svdna"),
        ("bscan", {"components_least": 90}, "components_least"),
    ],
)
def test_what_would_turn_a_retina_or_fold_an_image_is_refused(
    plane: str, changes: dict[str, float], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        augment_settings(plane, changes)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 99), st.integers(0, 79))
def test_a_crop_holds_what_it_is_centred_on(seed: int, row: int, column: int) -> None:
    codes = torch.zeros(100, 80, dtype=torch.uint8)
    codes[row, column] = 1
    image = codes.float()[None]
    _, moved = Augmenter(STILL, seed)(image, codes, (40, 32), (row, column))
    assert moved.shape == (40, 32)
    assert (moved == 1).any()
    assert (moved != IGNORE).all()


def test_an_image_smaller_than_the_crop_is_padded_with_what_is_not_graded() -> None:
    image, codes = layered(40, 30)
    _, moved = Augmenter(STILL, 0)(image, codes, (64, 64))
    assert int((moved != IGNORE).sum()) == 40 * 30


def test_crops_lower_than_the_image_come_from_every_depth() -> None:
    image, codes = layered(256, 64)
    seen = [Augmenter(STILL, s)(image, codes, (32, 32))[1] for s in range(30)]
    assert set(np.unique(torch.stack(seen))) == {0, 1, 2, 3}


def test_channels_move_together_and_get_noise_of_their_own() -> None:
    image, codes = layered()
    pair = image.repeat(2, 1, 1)
    moved, _ = Augmenter(dataclasses.replace(STILL, shift=0.1), 3)(
        pair, codes, (64, 32)
    )
    assert torch.equal(moved[0], moved[1])
    noisy = dataclasses.replace(STILL, speckle=0.5, noise=0.3)
    changed = [Augmenter(noisy, seed)(pair, codes, (64, 32))[0] for seed in range(6)]
    assert any(not torch.equal(c[0], c[1]) for c in changed)
