"""What each change of grey values does to an image, all others turned off."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from napari_octseg.engine.augment import Augmenter, AugmentSettings

OFF = AugmentSettings(**dict.fromkeys((f.name for f in fields(AugmentSettings)), 0.0))
ROWS, COLUMNS = 48, 64
SEEDS = range(24)


def flat(grey: float = 0.5) -> Tensor:
    return torch.full((1, ROWS, COLUMNS), grey)


def ramp() -> Tensor:
    """Black to white from left to right, both included."""
    return torch.linspace(0, 1, COLUMNS).expand(1, ROWS, COLUMNS)


def noise() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return 0.2 + 0.6 * torch.rand(1, ROWS, COLUMNS, generator=generator)


def changed(image: Tensor, setting: str, value: float) -> list[Tensor]:
    """Those of some images (ROWS, COLUMNS) that this setting alone does change."""
    settings = replace(OFF, **{setting: value})
    found = [Augmenter(settings, seed).recolour(image)[0] for seed in SEEDS]
    different = [one for one in found if not torch.equal(one, image[0])]
    assert len(different) >= 2
    return different


def test_with_everything_turned_off_an_image_stays_as_it_is() -> None:
    for seed in SEEDS:
        assert torch.equal(Augmenter(OFF, seed).recolour(ramp()), ramp())


def test_roll_off_is_exponential_from_the_first_row_on() -> None:
    ends = []
    for found in changed(flat(0.4), "roll_off", 0.8):
        assert (found == found[:, :1]).all()
        assert float(found[0, 0]) == pytest.approx(0.4)
        steps = found[:, 0].log().diff()
        assert torch.allclose(steps, steps.mean().expand(ROWS - 1), atol=1e-4)
        ends.append(float((found[-1, 0] / 0.4).log()))
    assert max(map(abs, ends)) <= 0.8 + 1e-5
    # Also the other way, as enhanced depth imaging shows an eye.
    assert min(ends) < -0.1 < 0.1 < max(ends)


def test_shadows_darken_whole_columns_and_leave_others_alone() -> None:
    image = noise()
    for found in changed(image, "shadows", 1.0):
        gain = found / image[0]
        assert torch.allclose(gain, gain[:1].expand(ROWS, COLUMNS), atol=1e-5)
        assert float(gain.max()) <= 1 + 1e-6
        assert float(gain.min()) < 0.85
        # Soft bands, narrower than the image: neighbouring columns differ little.
        assert float(gain[0].diff().abs().max()) < 0.4
        assert float(gain.max()) > 0.95
        assert (found > 0).all()


def test_speckle_leaves_black_black_and_grows_with_brightness() -> None:
    thirds = torch.tensor([0.0, 0.2, 0.6]).repeat_interleave(ROWS // 3)
    image = thirds[None, :, None].expand(1, ROWS, COLUMNS)
    for found in changed(image, "speckle", 0.1):
        black, dark, bright = found.reshape(3, -1)
        assert (black == 0).all()
        assert float(bright.std() / dark.std()) == pytest.approx(3, rel=0.25)
        assert 0 < float(dark.std()) / 0.2 <= 0.12
        assert float(bright.mean()) == pytest.approx(0.6, abs=0.03)


def test_noise_brightens_whatever_the_brightness() -> None:
    halves = torch.tensor([0.0, 0.5]).repeat_interleave(ROWS // 2)
    image = halves[None, :, None].expand(1, ROWS, COLUMNS)
    for found in changed(image, "noise", 0.08):
        black, bright = (found - image[0]).reshape(2, -1)
        assert float(black.min()) >= 0
        assert float(black.std()) > 0
        assert float(bright.std() / black.std()) == pytest.approx(1, rel=0.25)
        assert float(black.square().mean().sqrt()) <= 0.09


def test_gamma_keeps_the_order_and_the_ends() -> None:
    middles = []
    for found in changed(ramp(), "gamma", 0.4):
        assert (found[:, 0] == 0).all()
        assert (found[:, -1] == 1).all()
        assert (found.diff(dim=1) > 0).all()
        power = found[0, 1:-1].log() / ramp()[0, 0, 1:-1].log()
        assert torch.allclose(power, power[:1].expand_as(power), atol=1e-3)
        middles.append(float(power[0].log()))
    assert max(map(abs, middles)) <= 0.4 + 1e-3
    assert min(middles) < 0 < max(middles)


def test_contrast_multiplies() -> None:
    image = 0.7 * ramp()
    gains = []
    for found in changed(image, "contrast", 0.3):
        assert (found[:, 0] == 0).all()
        gain = found[:, 1:] / image[0, :, 1:]
        assert torch.allclose(gain, gain[:1, :1].expand_as(gain), atol=1e-4)
        gains.append(float(gain[0, 0].log()))
    assert max(map(abs, gains)) <= 0.3 + 1e-4
    assert min(gains) < 0 < max(gains)


def test_brightness_adds() -> None:
    image = 0.2 + 0.6 * ramp()
    shifts = []
    for found in changed(image, "brightness", 0.1):
        shift = found - image[0]
        assert torch.allclose(shift, shift[:1, :1].expand_as(shift), atol=1e-5)
        shifts.append(float(shift[0, 0]))
    assert max(map(abs, shifts)) <= 0.1 + 1e-5
    assert min(shifts) < 0 < max(shifts)


def test_blur_smooths_noise_both_ways_and_keeps_the_mean() -> None:
    image = noise()
    shares = []
    for found in changed(image, "blur", 1.2):
        shares.append(float(found.std() / image.std()))
        assert float(found.mean()) == pytest.approx(float(image.mean()), abs=0.01)
        rough = [
            found.diff(dim=way).std() / image[0].diff(dim=way).std() for way in (0, 1)
        ]
        assert max(rough) < 1
        assert float(rough[0]) == pytest.approx(float(rough[1]), rel=0.1)
    assert max(shares) < 1
    assert min(shares) < 0.5
    for found in changed(0.5 + 0.4 * ramp().round(), "blur", 1.2):
        # An edge is blurred, and far from it nothing happens.
        assert torch.allclose(found[:, :20], flat()[0, :, :20], atol=1e-5)


def test_uneven_light_is_smooth_along_the_scan_and_alike_in_depth() -> None:
    image = noise()
    for found in changed(image, "uneven", 0.2):
        change = found / image[0] - 1
        assert torch.allclose(change, change[:1].expand(ROWS, COLUMNS), atol=1e-5)
        assert 0.01 < float(change.abs().max()) <= 1.4 * 0.2  # bicubic: a bit beyond
        assert float(change[0].diff().abs().max()) < 0.2 / 5


def test_clouds_are_smooth_both_ways() -> None:
    image = flat(0.4)
    for found in changed(image, "clouds", 0.2):
        change = found / image[0] - 1
        assert 0.01 < float(change.abs().max()) <= 1.6 * 0.2
        for way in (0, 1):
            assert float(change.std(dim=way).max()) > 0.005
            assert float(change.diff(dim=way).abs().max()) < 0.2 / 4
    black = torch.zeros(1, ROWS, COLUMNS)
    assert torch.equal(Augmenter(replace(OFF, clouds=0.2), 0).recolour(black), black)


def test_wedges_are_white_at_one_side_and_nothing_else_changes() -> None:
    image = noise()
    sides = set()
    for found in changed(image, "wedges", 1.0):
        white = found == 1
        assert torch.equal(found[~white], image[0][~white])
        assert 0 < float(white.float().mean()) < 0.15
        shares = {
            "top": white[0],
            "bottom": white[-1],
            "left": white[:, 0],
            "right": white[:, -1],
        }
        side = max(shares, key=lambda name: float(shares[name].float().mean()))
        sides.add(side)
        assert float(shares[side].float().mean()) > 0.5
        # Without gaps from that side on, slanted: its reach grows or falls steadily.
        inward = {
            "top": white,
            "bottom": white.flip(0),
            "left": white.T,
            "right": white.T.flip(0),
        }[side].int()
        assert (inward.diff(dim=0) <= 0).all()
        reach = inward.sum(0).diff()
        assert (reach >= 0).all() or (reach <= 0).all()
    assert len(sides) >= 3
