from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from napari_octseg.engine.augment import AugmentSettings
from napari_octseg.engine.augmentation.draws import Draws
from napari_octseg.engine.augmentation.restyling import (
    Restyler,
    load_styles,
    unlabelled_sources,
)
from napari_octseg.engine.augmentation.svdna import Style
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten flat pictures, 10 to 100 bright."""
    (tmp_path / "other").mkdir()
    for n in range(1, 11):
        iio.imwrite(tmp_path / f"other/x{n}.png", np.full((20, 24), 10 * n, np.uint8))
    return tmp_path


def aimed_at(recipe: Recipe, **target: Any) -> Recipe:
    values = {**recipe.model_dump(), "augment": {"svdna": 0.5}}
    return Recipe.model_validate({**values, "targets": [{"name": "t", **target}]})


OTHER = {"folder": "other", "images": "*.png"}


def test_targets_are_spread_over_their_folder(recipe: Recipe, folder: Path) -> None:
    (styles,) = load_styles(aimed_at(recipe, **OTHER, n_most=4), folder, {})
    found = [int(np.searchsorted(style.shares, 0.5)) for style in styles]
    assert found == [10, 40, 70, 100]


def test_a_source_as_target_gives_its_training_scans(
    recipe: Recipe, folder: Path
) -> None:
    aimed = aimed_at(recipe, source="stripes")
    trained = {"stripes": [torch.full((1, 8, 8), 0.2), torch.full((1, 8, 8), 0.6)]}
    (styles,) = load_styles(aimed, folder, trained)
    assert [int(np.searchsorted(s.shares, 0.5)) for s in styles] == [51, 153]
    with pytest.raises(RecipeError, match="has no images"):
        load_styles(aimed, folder, {"stripes": []})


def test_the_card_tells_of_targets_that_are_no_source(
    recipe: Recipe, folder: Path
) -> None:
    (told,) = unlabelled_sources(aimed_at(recipe, **OTHER, licence="CC0"), folder)
    assert (told.name, told.n_images, told.licence) == ("t", 10, "CC0")
    assert told.labels.startswith("none")
    assert unlabelled_sources(aimed_at(recipe, source="stripes"), folder) == []


def test_looks_change_as_often_as_they_should() -> None:
    image = torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.4
    style = Style(torch.full((24, 24), 0.8))
    settings = AugmentSettings(
        svdna=0.3, match=0.2, components_least=2, components_most=4
    )
    restyler, draws = Restyler([[style]], settings), Draws(0)
    found = [restyler(image, draws) for _ in range(300)]
    changed = [float(one.mean()) > 0.7 for one in found]
    assert 0.4 < np.mean(changed) < 0.6
    assert all(
        torch.equal(o, image) for o, c in zip(found, changed, strict=True) if not c
    )


def test_without_targets_the_image_stays(recipe: Recipe) -> None:
    image = torch.rand(1, 8, 8)
    assert Restyler([], AugmentSettings(svdna=1.0))(image, Draws(0)) is image


def test_scans_of_many_bscans_are_targets_too(recipe: Recipe, folder: Path) -> None:
    first = np.repeat(np.arange(10, 60, 10, dtype=np.uint8), 20 * 24)
    np.save(folder / "first.npy", first.reshape(5, 20, 24))
    np.save(folder / "second.npy", np.full((1, 20, 24), 99, np.uint8))
    aimed = aimed_at(recipe, scans=[str(folder / "first.npy"), "second.npy"], n_most=4)
    (styles,) = load_styles(aimed, folder, {})
    found = [int(np.searchsorted(style.shares, 0.5)) for style in styles]
    assert found == [10, 50, 99]
    (told,) = unlabelled_sources(aimed, folder)
    assert told.n_images == 3
