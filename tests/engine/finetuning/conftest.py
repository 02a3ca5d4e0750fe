"""Small bundles that tell what they were trained on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from napari_octseg.bundles.card import Architecture
from napari_octseg.bundles.registry import Bundle, write_bundle
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.recipe import Recipe
from napari_octseg.networks import build

PHANTOMS = {
    "name": "phantom",
    "kind": "phantom",
    "codes": {"0": ["background"], "1": ["RNFL"], "2": ["GCIPL"]},
}


@pytest.fixture
def with_recipe(
    tiny_bundle: Callable[..., Bundle], recipe: Recipe
) -> Callable[..., Bundle]:
    """Write the bundle of a tiny network beside its recipe."""

    def make(*, phantoms: int = 0, norm: bool = True, name: str = "parent") -> Bundle:
        arguments = {"n_classes": 3, "widths": [4, 8], "norm": norm}
        pattern = tiny_bundle("pattern", divisor=2)
        assert pattern.card is not None
        card = pattern.card.model_copy(
            update={
                "name": name,
                "architecture": Architecture(name="unet", arguments=arguments),
            }
        )
        sources = recipe.sources
        if phantoms:
            made = Source.model_validate({**PHANTOMS, "n_phantoms": phantoms})
            sources = (*sources, made)
        plan = recipe.model_copy(
            update={"name": name, "sources": sources, "input": card.input}
        )
        network = build("unet", arguments)
        recipe_text = {"recipe.json": plan.model_dump_json()}
        return write_bundle(
            pattern.folder.parent / name, card, network, extras=recipe_text
        )

    return make
