"""Recipes that ship: what a network sees in training is what it sees afterwards."""

from pathlib import Path

import pytest
import torch

from napari_octseg.bundles.registry import models_dir
from napari_octseg.engine.data.datasets import image_on_grid
from napari_octseg.engine.preprocess import normalise
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.phantom import PhantomSettings, make_phantom

RECIPES = sorted(models_dir().glob("*/recipe.json"))

OF_THE_WHOLE = ("zscore", "column_l2")
"""Intensities whose statistics are those of the image they are given."""


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_no_machine_is_named(path: Path) -> None:
    recipe = read_recipe(path)
    assert not Path(recipe.start).is_absolute()
    assert not any(Path(source.folder).is_absolute() for source in recipe.sources)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_crops_have_nearly_the_statistics_of_the_whole_bscan(path: Path) -> None:
    """Normalised in training per crop, afterwards over the whole B-scan."""
    recipe = read_recipe(path)
    spec = recipe.input
    if spec.plane != "bscan" or spec.size is None or spec.intensity not in OF_THE_WHOLE:
        pytest.skip(f"{spec.intensity} of {spec.plane} crops of size {spec.size}")
    rows, columns = recipe.crop
    assert 3 * columns >= spec.size[1]
    if spec.intensity == "column_l2":
        assert rows == spec.size[0]
    for look in ("spectralis", "topcon"):
        settings = PhantomSettings(look=look, shape=(1, 496, 512), seed=3)
        image = image_on_grid(make_phantom(settings).volume, 0, spec)
        whole = normalise(image[None], spec.intensity)[0]
        top = (spec.size[0] - rows) // 2
        for left in range(0, spec.size[1] - columns + 1, 64):
            area = (..., slice(top, top + rows), slice(left, left + columns))
            crop = normalise(image[area][None], spec.intensity)[0]
            if spec.intensity == "column_l2":
                assert torch.allclose(crop, whole[area], atol=1e-5)
            # Augmentation changes contrast by 30 % and gamma by more than that.
            assert (crop - whole[area]).abs().mean() < 0.25 * whole.std()
