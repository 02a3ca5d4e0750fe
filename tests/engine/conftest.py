"""The tiny recipe as the engine takes it."""

from pathlib import Path

import pytest

from napari_octseg.engine.recipe import Recipe, read_recipe


@pytest.fixture(scope="session")
def recipe(tiny_recipe: Path) -> Recipe:
    """The tiny recipe, read from its file."""
    return read_recipe(tiny_recipe)
