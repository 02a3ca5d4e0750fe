"""Small bundles that tell what they were trained on, and fine-tunings of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_octseg.bundles.card import Architecture
from napari_octseg.bundles.registry import Bundle, write_bundle
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.job import Job, write_job
from napari_octseg.engine.finetuning.status import write_launched
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


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the user's runs, empty."""
    folder = tmp_path / "runs"
    monkeypatch.setenv(run_folder.RUNS_VARIABLE, str(folder))
    return folder


@pytest.fixture
def from_parent(recipe: Recipe, tiny_bundle: Callable[..., Bundle]) -> Recipe:
    """The tiny recipe, beginning with the random weights of a bundle ``parent``."""
    tiny_bundle("parent", widths=(8, 16), size=(32, 32))
    arguments = {"n_classes": 3, "widths": [8, 16]}
    architecture = recipe.architecture.model_copy(update={"arguments": arguments})
    return recipe.model_copy(
        update={
            "start": "parent",
            "architecture": architecture,
            "title": "Tiny, fine-tuned",
            "validate_every": 20,
        }
    )


@pytest.fixture
def planned(from_parent: Recipe, data: Path, runs: Path) -> Callable[..., Path]:
    """Make the folder of a run that waits for its worker; `work` does it here."""

    def make(name: str = "run", **changes: object) -> Path:
        folder = runs / name
        folder.mkdir(parents=True)
        job = Job(
            "parent",
            data,
            data_name="mine",
            data_digest="d" * 64,
            n_train_bscans=5,
            n_held_out_bscans=1,
            device="cpu",
            precision="32-true",
            settings={"preset": "quick"},
            trained_on={"id-of-mine": ("P-1", "P-2"), "id-of-another": None},
        )
        write_job(job, from_parent.model_copy(update=changes), folder)
        write_launched(folder, "preparing", stopped_early=False)
        return folder

    return make


@pytest.fixture
def family(tiny_bundle: Callable[..., Bundle]) -> Callable[..., None]:
    """Write models, each the parent of the next one."""

    def write(*chain: str) -> None:
        for parent, name in zip((None, *chain), chain, strict=False):
            folder = tiny_bundle(name).folder
            card = json.loads((folder / "card.json").read_text())
            card["training"]["parent"] = parent
            (folder / "card.json").write_text(json.dumps(card))

    return write
