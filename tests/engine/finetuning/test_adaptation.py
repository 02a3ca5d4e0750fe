"""Adapting a model without labels: what changes, what stays, what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octseg.bundles.registry import Bundle, find_bundle, load_network
from napari_octseg.engine.finetuning.adaptation import changed_share, iter_adapt
from napari_octseg.engine.finetuning.norm_refresh import like_training_crops, moving
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.learning.norm_statistics import norm_layers
from napari_octseg.engine.progress import outcome
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.errors import ModelError
from napari_octseg.networks import build
from napari_octseg.volume import OCTVolume

NORMED = {"in_channels": 1, "n_classes": 3, "widths": [4, 8], "norm": True}


def scan(seed: int = 0, n_bscans: int = 3, *, dark: float = 1.0) -> OCTVolume:
    pixels = np.random.default_rng(seed).integers(0, 250, (n_bscans, 32, 48))
    pixels[:, 10:20] //= 4
    return OCTVolume((pixels * dark).astype(np.uint8))


@pytest.fixture
def parent(with_recipe: Callable[..., Bundle]) -> Bundle:
    return with_recipe(phantoms=1)


def same_weights(one: Bundle, other: Bundle) -> bool:
    a, b = (dict(load_network(x).named_parameters()) for x in (one, other))
    return all(torch.equal(a[name], b[name]) for name in a)


def means(bundle: Bundle) -> torch.Tensor:
    found = [layer.running_mean for layer in norm_layers(load_network(bundle))]
    return torch.cat([mean for mean in found if mean is not None])


def test_statistics_become_those_of_the_mixture() -> None:
    network = build("unet", NORMED)
    (first, *_) = norm_layers(network)
    first.running_mean.fill_(3.0)
    first.running_var.fill_(0.5)
    inputs: list[torch.Tensor] = []
    first.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    image = torch.randn(1, 1, 32, 32, generator=torch.manual_seed(0))
    with torch.no_grad(), moving(network, 0.5):
        network(image)
    seen = inputs[0][0].flatten(1)
    own_mean, own_variance = seen.mean(1), seen.var(1)
    torch.testing.assert_close(first.running_mean, (3 + own_mean) / 2)
    between = (3 - own_mean).square() / 4
    expected = (0.5 + own_variance) / 2 + between
    torch.testing.assert_close(first.running_var, expected, rtol=1e-4, atol=1e-4)
    assert not network.training


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_of_them_or_all_of_them(share: float) -> None:
    network = build("unet", NORMED)
    before = [layer.running_mean.clone() for layer in norm_layers(network)]
    image = torch.randn(1, 1, 32, 32, generator=torch.manual_seed(0)) + 2
    with torch.no_grad(), moving(network, share):
        network(image)
    after = [layer.running_mean for layer in norm_layers(network)]
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert all(same) if share == 0 else not any(same)


def test_crops_cover_the_width_around_the_retina(parent: Bundle) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 6, (1, 320, 80), np.uint8)
    pixels[0, 220:260] = random.integers(0, 250, (40, 80))
    assert parent.card is not None
    spec = parent.card.input.model_copy(update={"size": None, "intensity": "unit"})
    crops = list(like_training_crops(OCTVolume(pixels), 0, spec, (96, 32)))
    assert [tuple(c.shape) for c in crops] == [(1, 1, 96, 32)] * 3
    left, middle, right = (crop[0, 0] for crop in crops)
    as_shown = torch.from_numpy(pixels[0].astype(np.float32) / 255)
    tops = [t for t in range(225) if torch.equal(left, as_shown[t : t + 96, :32])]
    (top,) = tops
    assert top <= 220 < 260 <= top + 96
    assert torch.equal(middle, as_shown[top : top + 96, 24:56])
    assert torch.equal(right, as_shown[top : top + 96, 48:])
    (whole,) = like_training_crops(OCTVolume(pixels), 0, spec, None)
    assert whole.shape == (1, 1, 320, 80)
    (tiny,) = like_training_crops(OCTVolume(pixels[:, :1, :1]), 0, spec, (32, 32))
    assert tiny.shape == (1, 1, spec.divisor, spec.divisor)


def test_an_adapted_model_has_other_statistics_and_a_reference(
    parent: Bundle, tmp_path: Path
) -> None:
    volumes = [scan(1), scan(2, 1)]
    adapted = outcome(
        iter_adapt(
            parent.name,
            volumes,
            folder=tmp_path / "mine",
            match_histogram=True,
            device="cpu",
        )
    )
    card = adapted.bundle.card
    assert card is not None
    assert parent.card is not None
    assert (card.name, card.training.parent) == ("mine", parent.name)
    assert card.title == f"{parent.card.title}, adapted"
    assert card.metrics == ()
    assert [step.name for step in card.input.prepare] == ["match_histogram"]
    reference = card.input.prepare[0].arguments["reference"]
    assert len(reference) == 256
    assert reference[-1] == 1
    assert same_weights(parent, adapted.bundle)
    assert not torch.equal(means(parent), means(adapted.bundle))
    assert adapted.notes == ()
    assert "4 unlabelled B-scans of 2 scans" in card.training.recipe
    assert "1 training scans of phantom" in card.training.recipe
    assert len(adapted.changed) == 2
    found = outcome(iter_segment(volumes[0], str(tmp_path / "mine"), device="cpu"))
    before = outcome(iter_segment(volumes[0], parent.name, device="cpu"))
    assert adapted.changed[0] == changed_share(before.labels, found.labels)
    recipe = read_recipe(tmp_path / "mine" / "recipe.json")
    assert recipe.input == card.input, "what is trained on sees what it will see"
    assert recipe.start == parent.name


def test_grey_values_are_matched_unasked_only_where_norms_are_not_refreshed(
    parent: Bundle, tmp_path: Path
) -> None:
    for refreshed, did in ((True, "Batch norm"), (False, "Grey values")):
        task = iter_adapt(
            parent.name,
            [scan()],
            folder=tmp_path / f"mine-{refreshed}".lower(),
            refresh_norms=refreshed,
            device="cpu",
        )
        (sentence,) = outcome(task).did
        assert sentence.startswith(did)


def test_a_darker_device_looks_the_same_after_matching(
    parent: Bundle, tmp_path: Path
) -> None:
    task = iter_adapt(
        parent.name,
        [scan(1, dark=0.5)],
        folder=tmp_path / "matched",
        refresh_norms=False,
        match_histogram=True,
        device="cpu",
    )
    adapted = outcome(task)
    assert len(adapted.did) == 1
    torch.testing.assert_close(means(parent), means(adapted.bundle))
    model = str(adapted.bundle.folder)
    one, other = (
        outcome(iter_segment(scan(1, dark=d), model, device="cpu")).labels
        for d in (1.0, 0.5)
    )
    assert (one != other).mean() < 0.05


def test_of_a_model_without_norms_the_rest_is_done_and_said(
    with_recipe: Callable[..., Bundle], tmp_path: Path
) -> None:
    plain = with_recipe(phantoms=1, norm=False)
    folder = tmp_path / "mine"
    adapted = outcome(iter_adapt(plain.name, [scan()], folder=folder, device="cpu"))
    assert len(adapted.did) == 1
    assert "no batch norm" in adapted.notes[0]
    with pytest.raises(ModelError, match="no batch norm"):
        outcome(
            iter_adapt(
                plain.name,
                [scan()],
                folder=tmp_path / "nothing",
                match_histogram=False,
                device="cpu",
            )
        )
    # What is matched already is not matched twice.
    again = iter_adapt(str(folder), [scan()], folder=tmp_path / "twice", device="cpu")
    with pytest.raises(ModelError, match="already"):
        outcome(again)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name in PLACES) == ["mine"]


PLACES = ("mine", "nothing", "twice")


def test_what_cannot_be_adapted_is_said_before_anything_is_written(
    parent: Bundle, tiny_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    for model, volumes, name, words in (
        (parent.name, [], "new", "some scans"),
        (parent.name, [scan()], "Two Words", "small letters"),
        (parent.name, [scan()], "..", "small letters"),
        (tiny_bundle("flat", plane="enface").name, [scan()], "new", "for B-scans"),
    ):
        with pytest.raises(ModelError, match=words):
            outcome(iter_adapt(model, volumes, folder=tmp_path / "out" / name))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ModelError, match="there already"):
        outcome(iter_adapt(parent.name, [scan()], folder=parent.folder))
    assert find_bundle(parent.name).card == parent.card


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_cancelled_adaptation_leaves_nothing(
    parent: Bundle, tmp_path: Path, at: str
) -> None:
    folder = tmp_path / "out" / "mine"
    task = iter_adapt(parent.name, [scan()], folder=folder, device="cpu")
    wanted = "batch norm" if at == "before" else "before and after"
    for step in task:
        if wanted in step.message:
            break
    assert folder.exists() == (at == "after")
    task.close()
    assert not folder.exists()
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_the_share_of_changed_pixels_is_of_what_either_found() -> None:
    before = np.array([[0, 1, 1, 2, 255, 0]], np.uint8)
    after = np.array([[0, 1, 2, 0, 1, 1]], np.uint8)
    assert changed_share(before, after) == 3 / 4
    nothing = np.zeros((2, 2), np.uint8)
    assert np.isnan(changed_share(nothing, nothing))
