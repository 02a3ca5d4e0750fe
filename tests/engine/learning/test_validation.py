"""A validation during training counts what `evaluate` and `ship` count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from napari_octseg.bundles.card import Architecture, Step
from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.data.datasets import code_table, load_source
from napari_octseg.engine.data.sampling import load_training_set
from napari_octseg.engine.evaluation import HELD_OUT, iter_evaluate, iter_measure
from napari_octseg.engine.learning.fabric import launch_fabric
from napari_octseg.engine.learning.validation import (
    class_scores,
    dice_scores,
    held_out_overlaps,
    score_of_choice,
)
from napari_octseg.engine.metrics import Overlap
from napari_octseg.engine.progress import outcome
from napari_octseg.engine.recipe import Recipe
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeBundle

    ChangeRecipe = Callable[..., Recipe]

SIZE = (64, 64)
CLASSES = ("background", "RNFL", "GCIPL")


@pytest.fixture(autouse=True)
def fp32_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No half precision: which of both is faster is a matter of the machine's load."""
    monkeypatch.setattr("napari_octseg.engine.precision.fast_dtypes", lambda device: ())


@pytest.fixture
def wedged(tmp_path: Path) -> Path:
    """Three scans (64, 64): a band, a white wedge labelled as if it were tissue, and a
    mask that hides the lowest rows."""
    random = np.random.default_rng(0)
    for part in ("images", "labels", "masks"):
        (tmp_path / part).mkdir()
    for number in range(3):
        labels = np.zeros(SIZE, np.uint8)
        labels[20 + 3 * number : 34, :] = 1
        labels[40:48] = 2
        labels[50:52] = 9  # nothing that the recipe lists
        grey = random.integers(20, 90, SIZE) + 60 * (labels > 0)
        grey[:, :9], labels[:, :9] = 255, 1
        mask = np.full(SIZE, 255, np.uint8)
        mask[56:] = 0
        name = f"s{number}.png"
        for part, values in (("images", grey), ("labels", labels), ("masks", mask)):
            iio.imwrite(tmp_path / part / name, values.astype(np.uint8))
    return tmp_path


@pytest.fixture
def change(recipe: Recipe) -> ChangeRecipe:
    """The tiny recipe on the wedged scans at their own size, with other fields."""

    def changed(source: dict[str, object], **values: object) -> Recipe:
        own = {
            "name": "wedged",
            "images": "images/*.png",
            "mask": "masks/{stem}.png",
            "ignore_white": True,
            "validation": ["s1", "s2"],
            **source,
        }
        plain = {
            "layers": (),
            "input": {"size": SIZE, "divisor": 2, "intensity": "zscore"},
            "sources": [own],
        }
        return Recipe.model_validate({**recipe.model_dump(), **plain, **values})

    return changed


def validated(recipe: Recipe, data: Path, network: torch.nn.Module) -> list[Overlap]:
    fabric = launch_fabric("cpu", n_devices=1, n_nodes=1, precision="32-true")
    loaded = load_training_set(recipe, data)
    return held_out_overlaps(network, loaded, recipe, fabric)[0]


@pytest.mark.parametrize(
    "codes",
    [
        {0: ["background"], 1: ["RNFL"], 2: ["GCIPL"]},
        {0: ["background"], 1: ["RNFL", "GCIPL"], 2: ["RNFL", "GCIPL"]},
        {0: ["background", "GCIPL"], 1: ["RNFL"]},
        {1: ["RNFL"], 2: ["GCIPL"]},
        {0: ["background"], 1: ["RNFL"]},
    ],
)
def test_validation_evaluate_and_ship_agree(
    codes: dict[int, list[str]],
    change: ChangeRecipe,
    wedged: Path,
    tiny_bundle: MakeBundle,
) -> None:
    tiny_bundle("net", classes=CLASSES, layers=(), size=SIZE, intensity="zscore")
    bundle = find_bundle("net")
    recipe = change({"codes": codes})
    own = validated(recipe, wedged, load_network(bundle))
    (score,) = outcome(iter_evaluate("net", recipe, wedged, device="cpu"))
    assert bundle.card is not None
    scans = [b for b in load_source(recipe.sources[0], wedged, recipe) if b.held_out]
    (shipped,) = outcome(
        iter_measure(
            "net",
            bundle.card,
            [(recipe.sources[0], scans)],
            split=HELD_OUT,
            device="cpu",
        )
    )
    assert shipped == score
    assert score.confusion is not None
    labelled = np.array(score.confusion.n_pixels).sum(1)
    # The white wedge (and two px beside it), the mask and unlisted codes do not count.
    left = 2 * (64 - 11)
    assert labelled.sum() <= left * 54
    assert [o.true for o in own] == labelled.tolist()
    dice = [round(o.dice, 4) for o in own[1:] if o.predicted or o.true]
    assert dice == [v for name, v in score.dice.items() if name != "mean"]
    mean = dice_scores([own], recipe)["dice"]
    assert mean == pytest.approx(score.dice["mean"], abs=1e-4)


def test_weights_are_judged_by_what_post_processing_leaves(
    change: ChangeRecipe, wedged: Path, tiny_bundle: MakeBundle
) -> None:
    tiny_bundle("net", classes=CLASSES, layers=(), size=SIZE, intensity="zscore")
    network = load_network(find_bundle("net"))
    codes = {"codes": {0: ["background"], 1: ["RNFL"], 2: ["GCIPL"]}}
    plain = validated(change(codes), wedged, network)
    limit = Step(name="threshold", arguments={"least": {"RNFL": 1.0}})
    strict = validated(change(codes, postprocess=[limit]), wedged, network)
    assert plain[1].predicted > 0 == strict[1].predicted
    assert [o.true for o in strict] == [o.true for o in plain]


@pytest.mark.parametrize("n_found", [0, 1])
def test_a_code_that_nobody_labelled_says_nothing(recipe: Recipe, n_found: int) -> None:
    absent, half = Overlap(0, n_found, 0), Overlap(1, 2, 2)
    scores = dice_scores([[half, half, absent], [half, absent]], recipe)
    assert scores == {"dice": 0.5, "dice stripes": 0.5}


def test_prepared_scans_are_not_prepared_again(
    change: ChangeRecipe, wedged: Path
) -> None:
    recipe = change(
        {"codes": {0: ["background"], 1: ["RNFL"]}},
        input={
            "divisor": 2,
            "prepare": [Step(name="device_scale", arguments={"reference_um": 7.74})],
        },
        architecture=Architecture(
            name="unet", arguments={"n_classes": 3, "widths": [4, 8]}
        ),
    )
    arguments = recipe.architecture.arguments
    own = validated(recipe, wedged, build("unet", arguments))
    assert sum(o.true for o in own) > 0


def fine_tuning(recipe: Recipe) -> Recipe:
    """The tiny recipe whose first source is called ground truth."""
    first = recipe.sources[0].model_copy(update={"kind": "ground truth"})
    return recipe.model_copy(update={"sources": (first, *recipe.sources[1:])})


def test_ground_truth_counts_as_much_as_all_that_was_known(recipe: Recipe) -> None:
    third = recipe.sources[1].model_copy(update={"name": "third"})
    three = recipe.model_copy(update={"sources": (*recipe.sources, third)})
    nothing, half, all_ = Overlap(0, 2, 2), Overlap(1, 2, 2), Overlap(2, 2, 2)
    overlaps = [[half, half], [half, all_], [half, nothing]]
    assert dice_scores(overlaps, three)["dice"] == pytest.approx(0.5)
    overlaps = [[half, all_], [half, half], [half, half]]
    assert dice_scores(overlaps, three)["dice"] == pytest.approx(2 / 3)
    assert dice_scores(overlaps, fine_tuning(three))["dice"] == pytest.approx(0.75)
    overlaps[0] = []
    assert dice_scores(overlaps, fine_tuning(three))["dice"] == pytest.approx(0.5)


def test_classes_are_named_by_their_source(recipe: Recipe) -> None:
    tables = [code_table(source, recipe.classes) for source in recipe.sources]
    half, absent = Overlap(1, 2, 2), Overlap(0, 0, 0)
    found = class_scores([[half, half, absent], [half, half]], recipe, tables)
    assert found == {
        "dice stripes / RNFL": 0.5,
        "dice tissue / RNFL+GCIPL": 0.5,
    }


def test_forgetting_weighs_more_than_learning(recipe: Recipe) -> None:
    tuned = fine_tuning(recipe)

    def scores(own: float, known: float) -> dict[str, float]:
        return {"dice": (own + known) / 2, "dice stripes": own, "dice tissue": known}

    start = scores(0.5, 0.9)
    chosen = {
        (own, known): score_of_choice(scores(own, known), start, tuned)
        for own, known in ((0.5, 0.9), (0.6, 0.895), (0.6, 0.80), (0.9, 0.88))
    }
    assert chosen[0.6, 0.895] == pytest.approx(0.7475)
    assert chosen[0.6, 0.80] < chosen[0.5, 0.9] < chosen[0.6, 0.895]
    assert chosen[0.9, 0.88] > chosen[0.6, 0.895]
    assert score_of_choice(scores(0.6, 0.8), {}, recipe) == pytest.approx(0.7)
