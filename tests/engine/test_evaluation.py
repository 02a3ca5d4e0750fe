"""Scores are those of what `segment` says, image by image."""

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_octseg.engine import loaded
from napari_octseg.engine.enface import segment_enface
from napari_octseg.engine.evaluation import EVERYTHING, iter_evaluate
from napari_octseg.engine.inference import segment
from napari_octseg.engine.judging.roc import count_by_threshold
from napari_octseg.engine.metrics import Overlap, overlap
from napari_octseg.engine.progress import outcome
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError
from napari_octseg.io import read_volume


@pytest.fixture(autouse=True)
def fp32_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No half precision: which of both is faster is a matter of the machine's load."""
    monkeypatch.setattr("napari_octseg.engine.precision.fast_dtypes", lambda device: ())


@pytest.fixture
def model(tiny_bundle) -> str:  # type: ignore[no-untyped-def]
    """An untrained model of the classes of the tiny recipe."""
    return str(tiny_bundle("tiny", size=(32, 32)).name)


def test_a_score_pools_what_segment_says(
    model: str, recipe: Recipe, data: Path
) -> None:
    (score,) = outcome(
        iter_evaluate(
            model, recipe, data, names=["stripes"], device="cpu", held_out=False
        )
    )
    assert (score.data, score.split, score.n_images) == ("stripes", EVERYTHING, 6)
    total = Overlap(0, 0, 0)
    for path in sorted((data / "stripes/images").iterdir()):
        found = segment(read_volume(path), model, device="cpu")
        true = read_volume(data / "stripes/labels" / path.name).bscan(0)
        total += overlap(found.labels[0], (true == 7).astype(np.uint8), 1)
    assert score.dice["RNFL"] == round(total.dice, 4)
    assert score.precision["RNFL"] == round(total.precision, 4)


def test_the_network_is_loaded_once(
    model: str, recipe: Recipe, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = []
    whole = loaded.load_network
    monkeypatch.setattr(
        loaded, "load_network", lambda b: count.append(b.name) or whole(b)
    )
    outcome(iter_evaluate(model, recipe, data, device="cpu", held_out=False))
    assert count == ["tiny"]


def test_flips_reach_the_network(model: str, recipe: Recipe, data: Path) -> None:
    plain, flipped = (
        outcome(iter_evaluate(model, recipe, data, device="cpu", flips=flips))[0]
        for flips in (False, True)
    )
    assert plain.confusion != flipped.confusion


def test_an_unknown_data_set_is_told(model: str, recipe: Recipe, data: Path) -> None:
    with pytest.raises(RecipeError, match="stripes, tissue"):
        outcome(iter_evaluate(model, recipe, data, names=["strips"]))


def test_nothing_held_out_is_told(model: str, recipe: Recipe, data: Path) -> None:
    sources = tuple(s.model_copy(update={"validation": ()}) for s in recipe.sources)
    none = recipe.model_copy(update={"sources": sources})
    with pytest.raises(RecipeError, match="--all"):
        outcome(iter_evaluate(model, none, data))


@pytest.fixture
def vessels(tmp_path: Path) -> Path:
    """Three en-face images with vessels and a field of view."""
    random = np.random.default_rng(0)
    for part in ("images", "labels", "masks"):
        (tmp_path / "eyes" / part).mkdir(parents=True)
    for number in range(3):
        name = f"eye{number}.png"
        true = (random.random((40, 36)) < 0.2).astype(np.uint8)
        image = (random.normal(90, 20, true.shape) + 80 * true).clip(0, 250)
        seen = np.zeros(true.shape, np.uint8)
        seen[5:35, 4:30] = 255
        iio.imwrite(tmp_path / "eyes/images" / name, image.astype(np.uint8))
        iio.imwrite(tmp_path / "eyes/labels" / name, 255 * true)
        iio.imwrite(tmp_path / "eyes/masks" / name, seen)
    return tmp_path


def test_vessels_are_scored_within_the_field_of_view(
    tiny_bundle,  # type: ignore[no-untyped-def]
    tiny_recipe: Path,
    vessels: Path,
) -> None:
    classes = ("background", "vessel")
    tiny_bundle("net", classes=classes, layers=(), plane="enface")
    values = json.loads(tiny_recipe.read_text())
    values |= {"classes": classes, "layers": [], "crop": [32, 32]}
    values["input"] = {"plane": "enface", "divisor": 2}
    values["architecture"]["arguments"]["n_classes"] = 2
    values["sources"] = [
        {
            "name": "eyes",
            "folder": "eyes",
            "images": "images/*.png",
            "mask": "masks/{stem}.png",
            "codes": {"0": ["background"], "255": ["vessel"]},
            "validation": ["eye1", "eye2"],
        }
    ]
    recipe = Recipe.model_validate(values)
    (score,) = outcome(iter_evaluate("net", recipe, vessels, device="cpu"))
    chances, truths = [], []
    for number in (1, 2):
        path = vessels / f"eyes/images/eye{number}.png"
        seen = segment_enface(iio.imread(path), "net", device="cpu")
        true = iio.imread(vessels / f"eyes/labels/eye{number}.png") > 0
        chances.append(seen.probabilities[1, 5:35, 4:30].ravel())
        truths.append(true[5:35, 4:30].ravel())
    counts = count_by_threshold(np.concatenate(chances), np.concatenate(truths))
    assert score.roc_auc == {"vessel": round(counts.roc_auc, 4)}
    assert score.average_precision == {"vessel": round(counts.average_precision, 4)}
    said = np.concatenate(chances) > 0.5
    assert score.accuracy["vessel"] == round(
        float((said == np.concatenate(truths)).mean()), 4
    )
    assert (score.n_images, score.n_patients) == (2, 2)
