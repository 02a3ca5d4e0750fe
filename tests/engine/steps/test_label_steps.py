"""The post-processing steps of a card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from napari_octseg.bundles.card import (
    Architecture,
    Input,
    ModelCard,
    Step,
    Weights,
    class_entries,
)
from napari_octseg.bundles.registry import Bundle, write_bundle
from napari_octseg.engine.enface import segment_enface
from napari_octseg.engine.postprocess import apply_steps, finish
from napari_octseg.engine.steps.label_steps import LABEL_STEPS
from napari_octseg.errors import ModelError
from napari_octseg.labels import LabelSet
from napari_octseg.networks import build
from napari_octseg.phantom import FINDING_SET, PhantomSettings, make_phantom

NAMES = ("background", "IRF", "SRF", "PED")


def card_of(step: str, /, **arguments: object) -> ModelCard:
    """A card with one post-processing step."""
    return ModelCard(
        name="some",
        version="1",
        title="Some",
        description="",
        architecture=Architecture(name="unet"),
        weights=Weights(sha256="0" * 64, n_parameters=1),
        classes=class_entries(LabelSet.of(*NAMES)),
        input=Input(),
        postprocess=(Step(name=step, arguments=dict(arguments)),),
        licence="none",
    )


def spots() -> np.ndarray:
    labels = np.zeros((36, 48), np.uint8)
    labels[5:8, 5:8] = 1
    labels[20:22, 20:22] = 2
    return labels


def test_sizes_are_given_by_class_name() -> None:
    cleaned = apply_steps(spots(), card_of("keep_large", least_px={"IRF": 10}))
    assert np.unique(cleaned).tolist() == [0, 2]
    cleaned = apply_steps(spots(), card_of("keep_large", least_px=5, classes=["SRF"]))
    assert np.unique(cleaned).tolist() == [0, 1]


def test_sizes_at_a_reference_size_are_scaled() -> None:
    # 9 of 36 x 48 px are 900 of 360 x 480.
    for least, left in ((901, []), (900, [1])):
        card = card_of("keep_large", least_px={"IRF": least}, size=[360, 480])
        kept = np.unique(apply_steps(spots(), card)).tolist()
        assert kept == [0, *left, 2]


def test_holes_are_filled_by_class_name() -> None:
    labels = spots()
    labels[6, 6] = 0
    assert apply_steps(labels, card_of("fill_holes", most_px={"SRF": 3}))[6, 6] == 0
    assert apply_steps(labels, card_of("fill_holes", most_px={"IRF": 3}))[6, 6] == 1


def test_an_unknown_class_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="background, IRF, SRF, PED"):
        apply_steps(spots(), card_of("keep_large", least_px={"cyst": 10}))


@pytest.mark.parametrize(
    ("name", "arguments"), [("keep_large", {"largest": 4}), ("threshold", {})]
)
def test_wrong_arguments_are_refused(name: str, arguments: dict[str, int]) -> None:
    with pytest.raises(ModelError, match=r"Allowed: (least_px|least)"):
        apply_steps(spots(), card_of(name, **arguments))


@pytest.mark.parametrize("name", sorted(LABEL_STEPS))
def test_every_pixel_ends_as_a_class_of_the_card(name: str) -> None:
    arguments: dict[str, dict[str, object]] = {
        "keep_large": {"least_px": 6, "fill": "nearest"},
        "fill_holes": {"most_px": 6},
        "threshold": {"least": {"IRF": 0.3, "SRF": 0.4}},
        "skeleton": {"name": "IRF"},
        "within_retina": {"classes": ["IRF", "SRF", "PED"]},
    }
    noise = torch.randn(2, 4, 30, 40, generator=torch.Generator().manual_seed(0))
    images = torch.rand(2, 1, 30, 40, generator=torch.Generator().manual_seed(1))
    card = card_of(name, **arguments.get(name, {}))
    for one in finish((2 * noise).softmax(1), (61, 83), card, images=images):
        assert one.labels.shape == (61, 83)
        assert one.labels.dtype == np.uint8
        assert one.labels.max() < len(NAMES)


def test_probabilities_reach_a_step_at_the_native_size() -> None:
    shares = torch.zeros(1, 4, 10, 12)
    shares[:, 0], shares[:, 1] = 0.65, 0.35
    shares[..., :6] = torch.tensor([0.9, 0.1, 0, 0])[:, None, None]
    (plain,) = finish(shares, (20, 24), card_of("fill_holes", most_px=1))
    assert not plain.labels.any()
    (lower,) = finish(shares, (20, 24), card_of("threshold", least={"IRF": 0.3}))
    assert (lower.labels[:, 14:] == 1).all()
    assert not lower.labels[:, :10].any()


def test_labels_alone_are_not_enough_for_a_threshold() -> None:
    with pytest.raises(ModelError, match="needs probabilities"):
        apply_steps(spots(), card_of("threshold", least={"IRF": 0.3}))


def test_fluid_outside_of_the_retina_goes_and_fluid_inside_stays() -> None:
    phantom = make_phantom(
        PhantomSettings(shape=(1, 496, 384), findings=("SRF", "IRF"), seed=3)
    )
    true = phantom.findings[0]
    labels = np.zeros(true.shape, np.uint8)
    labels[true == FINDING_SET.index("IRF")] = 1
    labels[true == FINDING_SET.index("SRF")] = 2
    assert (labels == 1).any()
    assert (labels == 2).any()
    wrong = labels.copy()
    wrong[5:15, 40:60] = 1  # in the vitreous
    wrong[-20:-10, 100:130] = 2  # in the sclera
    wrong[5:15, 100:110] = 3
    image = torch.from_numpy(phantom.volume.bscan_as_shown(0))
    card = card_of("within_retina", classes=["IRF", "SRF"])
    clamped = apply_steps(wrong, card, image=2 * image - 1)
    assert (clamped[5:15, 100:110] == 3).all()  # not asked for
    clamped[clamped == 3] = 0
    assert np.array_equal(clamped, labels)


def test_true_fluid_of_real_scans_stays(shared_data: Path) -> None:
    folder = shared_data / "duke_dme_fluid"
    card = card_of("within_retina", classes=["IRF"])
    n_fluid = n_kept = 0
    for path in sorted((folder / "images").iterdir())[::14]:
        labels = (iio.imread(folder / "masks" / path.name) > 0).astype(np.uint8)
        image = iio.imread(path).astype(np.float32) / 255
        kept = apply_steps(labels, card, image=torch.from_numpy(image))
        n_fluid += int(labels.sum())
        n_kept += int(kept.sum())
    assert n_fluid > 1000
    assert n_kept > 0.999 * n_fluid


def test_a_skeleton_step_leaves_other_classes() -> None:
    labels = spots()
    thin = apply_steps(labels, card_of("skeleton", name="IRF"))
    assert 1 <= (thin == 1).sum() < 9
    assert np.array_equal(thin == 2, labels == 2)


def test_vessels_are_thresholded_in_an_enface_image(
    tiny_bundle: Callable[..., Bundle],
) -> None:
    first = tiny_bundle(
        "loose",
        classes=("background", "vessel"),
        layers=(),
        plane="enface",
        intensity="unit",
    )
    assert first.card is not None
    arguments = first.card.architecture.arguments
    network = build("unet", arguments)
    steps = (Step(name="threshold", arguments={"least": {"vessel": 0.2}}),)
    card = first.card.model_copy(update={"name": "strict", "postprocess": steps})
    write_bundle(first.folder.parent / "strict", card, network)
    image = np.random.default_rng(0).random((24, 30)).astype(np.float32)
    found = segment_enface(image, "strict", device="cpu", precision="fp32")
    assert np.array_equal(found.labels == 1, found.probabilities[1] >= 0.2)
