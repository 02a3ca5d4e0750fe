"""The preparation steps of a card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octseg.bundles.card import GREY_STEPS, NOT_GREY, Input, Step
from napari_octseg.bundles.registry import Bundle
from napari_octseg.engine.inference import segment
from napari_octseg.engine.postprocess import finish
from napari_octseg.engine.prepare import apply_prepare, n_around, shown_bscan
from napari_octseg.engine.preprocess import (
    INTENSITY,
    grid_size,
    normalise,
    prepare_bscan,
    prepare_image,
)
from napari_octseg.engine.steps.histogram import grey_shares, rounded
from napari_octseg.engine.steps.label_steps import LABEL_STEPS
from napari_octseg.engine.steps.prepare_steps import PREPARE, PrepareStep
from napari_octseg.errors import ModelError
from napari_octseg.phantom import PhantomSettings, make_phantom
from napari_octseg.volume import OCTVolume


def spec_of(*names: str, n_neighbours: int = 0, **arguments: object) -> Input:
    """An input section with these steps; the arguments are for the last of them."""
    steps = [Step(name=name) for name in names]
    if steps:
        steps[-1] = Step(name=names[-1], arguments=dict(arguments))
    return Input(prepare=tuple(steps), n_neighbours=n_neighbours, intensity="unit")


def levels(*values: int, between_um: float | None = 47.0) -> OCTVolume:
    """A volume whose B-scans have one grey value each."""
    data = np.array(values, np.uint8)[:, None, None] * np.ones((1, 8, 6), np.uint8)
    return OCTVolume(data, spacing_um=(between_um, 2.0, 11.0))


def shown(volume: OCTVolume, index: int, spec: Input) -> list[int]:
    return [round(float(c.mean()) * 255) for c in shown_bscan(volume, index, spec)]


def test_without_steps_the_image_is_as_shown() -> None:
    image = torch.rand(1, 9, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(apply_prepare(image, Input()), image)


def test_the_median_takes_out_a_bscan_that_stands_out() -> None:
    volume = levels(10, 12, 200, 14, 16)
    assert shown(volume, 2, spec_of("median_bscans")) == [14]
    with_neighbours = spec_of("median_bscans", n_neighbours=1)
    assert n_around(with_neighbours) == 2
    assert shown(volume, 2, with_neighbours) == [12, 14, 16]


def test_the_first_and_last_bscan_are_their_own_neighbours() -> None:
    assert shown(levels(10, 50, 90), 0, spec_of("median_bscans")) == [10]
    assert shown(levels(10, 50, 90), 2, spec_of("median_bscans")) == [90]


@pytest.mark.parametrize("between_um", [120.0, None])
def test_bscans_far_apart_are_not_mixed(between_um: float | None) -> None:
    volume = levels(10, 200, 14, between_um=between_um)
    assert shown(volume, 1, spec_of("median_bscans")) == [200]


def test_every_device_gets_the_medians() -> None:
    # The published code left the Cirrus without: its first branch had no effect.
    for look in ("cirrus", "topcon"):
        phantom = make_phantom(PhantomSettings(look=look, shape=(16, 64, 48)))
        volume = OCTVolume(phantom.volume.data, spacing_um=(47.0, 2.0, 12.0))
        plain = shown_bscan(volume, 5, Input())
        calm = shown_bscan(volume, 5, spec_of("median_bscans", "median_3x3"))
        assert calm.diff(dim=-1).abs().mean() < 0.7 * plain.diff(dim=-1).abs().mean()


def test_3x3_removes_single_pixels_and_keeps_edges() -> None:
    image = torch.zeros(1, 9, 9)
    image[:, 5:] = 1
    noisy = image.clone()
    noisy[0, 2, 2], noisy[0, 7, 7], noisy[0, 0, 0] = 1, 0, 1
    assert torch.equal(apply_prepare(noisy, spec_of("median_3x3")), image)


def test_a_volume_is_matched_as_a_whole() -> None:
    # The darkest B-scan of the volume becomes the darkest level of the reference.
    reference = [0.0] * 100 + [0.25] * 50 + [0.5] * 50 + [1.0] * 56
    spec = spec_of("match_histogram", reference=reference)
    volume = levels(10, 20, 30, 40)
    assert shown(volume, 0, spec) == [100]
    assert shown(volume, 1, spec) == [150]
    assert shown(volume, 3, spec) == [200]


NOISY = np.random.default_rng(4).integers(0, 120, (4, 20, 16), np.uint8)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("match_histogram", {"reference": [0.0] * 200 + [1.0] * 56}), ("median_3x3", {})],
)
@pytest.mark.parametrize(
    ("between_um", "is_changed"), [(47.0, True), (120.0, False), (None, False)]
)
def test_steps_can_be_kept_to_scans_whose_bscans_lie_close(
    name: str, arguments: dict[str, object], between_um: float, is_changed: bool
) -> None:
    # RETOUCH prepares Cirrus and Topcon, not Spectralis.
    volume = OCTVolume(NOISY, spacing_um=(between_um, 2.0, 11.0))
    plain = shown_bscan(volume, 1, Input())
    near = shown_bscan(volume, 1, spec_of(name, most_um=60, **arguments))
    always = shown_bscan(volume, 1, spec_of(name, **arguments))
    assert not torch.equal(always, plain)
    assert torch.equal(near, always if is_changed else plain)
    # Of a picture alone nothing is known.
    assert torch.equal(
        apply_prepare(plain, spec_of(name, most_um=60, **arguments)), plain
    )


def test_a_picture_alone_is_matched_by_its_own_values() -> None:
    image = torch.rand(1, 40, 30, generator=torch.Generator().manual_seed(1)) * 0.4
    wanted = (np.random.default_rng(0).random((40, 30)) * 0.9).astype(np.float32)
    spec = spec_of("match_histogram", reference=rounded(grey_shares([wanted])))
    matched = apply_prepare(image, spec)
    assert matched.median() == pytest.approx(float(np.median(wanted)), abs=0.01)


@pytest.mark.parametrize("name", ["retina_mask", "enhance", "atmed"])
def test_single_image_steps_keep_shape_and_range(name: str) -> None:
    phantom = make_phantom(PhantomSettings(shape=(3, 96, 80)))
    prepared = shown_bscan(phantom.volume, 1, spec_of(name, n_neighbours=1))
    assert prepared.shape == (3, 96, 80)
    assert prepared.dtype == torch.float32
    assert prepared.min() >= 0
    assert prepared.max() <= 1


def test_the_mask_of_the_middle_bscan_blackens_all_channels() -> None:
    phantom = make_phantom(PhantomSettings(shape=(3, 240, 200)))
    prepared = shown_bscan(phantom.volume, 1, spec_of("retina_mask", n_neighbours=1))
    black = prepared == 0
    assert black[:, :5].all()
    assert (~black).any(dim=1).all()


def test_fewer_channels_than_needed_are_repeated() -> None:
    image = torch.rand(1, 6, 5, generator=torch.Generator().manual_seed(0))
    spec = spec_of("median_bscans", n_neighbours=1)
    assert torch.equal(apply_prepare(image, spec), image.expand(3, 6, 5))


def test_steps_come_before_resize_and_intensity() -> None:
    image = torch.zeros(1, 12, 10)
    image[0, 4, 4] = 1
    spec = spec_of("median_3x3").model_copy(
        update={"size": (6, 5), "intensity": "centred"}
    )
    assert (prepare_image(image, spec) == -1).all()


def test_training_and_inference_prepare_alike() -> None:
    phantom = make_phantom(PhantomSettings(look="cirrus", shape=(3, 128, 64)))
    spec = spec_of("median_3x3", "device_scale", n_neighbours=1)
    stack = np.stack([phantom.volume.bscan_as_shown(i) for i in range(3)])
    trained = apply_prepare(torch.from_numpy(stack), spec, phantom.volume)
    assert torch.equal(trained, prepare_bscan(phantom.volume, 1, spec))


def test_an_unknown_step_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match="match_histogram, median_3x3"):
        apply_prepare(torch.zeros(1, 4, 4), spec_of("sharpen"))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("retina_mask", {"beneath": 3}), ("match_histogram", {})],
)
def test_wrong_arguments_are_refused_with_the_right_ones(
    name: str, arguments: dict[str, int]
) -> None:
    with pytest.raises(ModelError, match=r"Allowed: (above, below|reference)"):
        apply_prepare(torch.zeros(1, 4, 4), spec_of(name, **arguments))


def test_a_step_of_ones_own_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def darken(image: torch.Tensor, volume: object, *, by: float) -> torch.Tensor:
        return image * (1 - by)

    monkeypatch.setitem(PREPARE, "darken", PrepareStep(darken))
    image = torch.ones(1, 4, 4)
    assert apply_prepare(image, spec_of("darken", by=0.25)).max() == 0.75


def test_labels_of_a_scaled_scan_are_on_its_own_grid(
    tiny_bundle: Callable[..., Bundle],
) -> None:
    """A network that says RNFL where it is bright."""

    class Bright(torch.nn.Module):
        weight = torch.nn.Parameter(torch.ones(1))
        divisor = 2

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            own = image[:, :1]
            return torch.cat([0.5 - own, own - 0.5, -own - 9], dim=1) * 50

    image = np.zeros((1, 100, 40), np.uint8)
    image[0, 30:60] = 255
    volume = OCTVolume(image, spacing_um=(None, 1.935, 10.0))
    bundle = tiny_bundle(
        layers=(), intensity="unit", prepare=[{"name": "device_scale"}]
    )
    assert bundle.card is not None
    spec = bundle.card.input
    batch = prepare_bscan(volume, 0, spec)[None]
    rows, columns = grid_size((100, 40), spec, 1.935)
    assert (rows, columns) == (50, 40)
    probabilities = Bright()(batch).softmax(1)[..., :rows, :columns]
    (one,) = finish(probabilities, (100, 40), bundle.card)
    assert one.labels.shape == (100, 40)
    assert np.array_equal(np.flatnonzero(one.labels[:, 20]), np.arange(30, 60))
    assert segment(volume, "tiny", device="cpu").labels.shape == (1, 100, 40)


@pytest.mark.parametrize("name", sorted(INTENSITY))
def test_cards_know_after_which_intensities_grey_values_are_left(name: str) -> None:
    # Steps that look for the retina need a linear function of them.
    image = torch.rand(1, 40, 30, generator=torch.Generator().manual_seed(2))
    image[:, 10:20] *= 0.3
    grey, given = (values.numpy().ravel() for values in (image, normalise(image, name)))
    misfit = given - np.polyval(np.polyfit(grey, given, 1), grey)
    assert (np.abs(misfit).max() > 1e-3) == (name in NOT_GREY)
    assert set(LABEL_STEPS) >= GREY_STEPS


def test_every_step_and_intensity_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "model-card.md").read_text("utf-8")
    for name in (*PREPARE, *INTENSITY, *LABEL_STEPS):
        assert f"`{name}`" in page, name
