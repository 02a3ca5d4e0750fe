from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.evaluation import iter_evaluate
from napari_octseg.engine.inference import segment
from napari_octseg.engine.recipe import Recipe, read_recipe
from napari_octseg.engine.shipping import iter_ship
from napari_octseg.engine.training import TrainSettings, iter_train
from napari_octseg.errors import ModelError, RecipeError
from napari_octseg.io import read_volume


def drain(task):  # type: ignore[no-untyped-def]
    while True:
        try:
            next(task)
        except StopIteration as end:
            return end.value


@pytest.fixture(scope="module")
def bundle(
    recipe: Recipe, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny recipe, trained and made a bundle."""
    root = tmp_path_factory.mktemp("trained")
    best = drain(iter_train(recipe, TrainSettings(data, root / "run", "cpu")))
    shipped = iter_ship(recipe, best, root / "tiny", data=data, hardware="here")
    return Path(drain(shipped).folder)


def test_a_run_becomes_a_bundle_that_segments(bundle: Path, data: Path) -> None:
    volume = read_volume(data / "stripes/images/scan10.png")
    result = segment(volume, str(bundle), device="cpu")
    true = read_volume(data / "stripes/labels/scan10.png").bscan(0)
    expected = np.select([true == 7, true == 3], [1, 2], 0)
    assert (result.labels[0] == expected).mean() > 0.9
    assert sorted(p.name for p in bundle.iterdir()) == [
        "README.md",
        "card.json",
        "look.json",
        "recipe.json",
        "weights.safetensors",
    ]


def test_the_card_holds_what_the_stored_weights_reach(
    bundle: Path, data: Path, recipe: Recipe
) -> None:
    card = find_bundle(str(bundle)).card
    assert card is not None
    assert [(s.data, s.n_images) for s in card.metrics] == [
        ("stripes", 1),
        ("tissue", 2),
    ]
    again = drain(iter_evaluate(str(bundle), recipe, data, device="cpu"))
    assert [s.dice for s in again] == [s.dice for s in card.metrics]
    assert card.metrics[0].dice["RNFL"] > 0.8
    assert card.metrics[0].boundary_mae_px["ILM"] < 2
    assert list(card.metrics[1].dice) == ["mean", "RNFL+GCIPL"]
    assert card.weights.n_parameters == sum(
        p.numel() for p in load_network(find_bundle(str(bundle))).parameters()
    )
    assert read_recipe(bundle / "recipe.json") == recipe
    assert [source.n_images for source in card.training.data] == [5, 4]


def test_weights_of_another_recipe_are_not_shipped_under_this_one(
    bundle: Path, data: Path, recipe: Recipe, tmp_path: Path
) -> None:
    other = recipe.model_copy(update={"seed": 5})
    best = bundle.parent / "run/best.pt"
    with pytest.raises(RecipeError, match="another recipe"):
        drain(iter_ship(other, best, tmp_path / "tiny", data=data, hardware="here"))


def test_a_model_of_other_classes_is_not_measured(
    bundle: Path, data: Path, recipe: Recipe
) -> None:
    other = recipe.model_copy(update={"classes": ("background", "IRF", "SRF")})
    with pytest.raises(ModelError, match="IRF"):
        drain(iter_evaluate(str(bundle), other, data))


def test_a_bundle_is_never_overwritten(
    bundle: Path, recipe: Recipe, data: Path
) -> None:
    before = torch.load(bundle.parent / "run/best.pt")["step"]
    best = bundle.parent / "run/best.pt"
    with pytest.raises(ModelError, match="there already"):
        drain(iter_ship(recipe, best, bundle, data=data, hardware="here"))
    assert before > 0
