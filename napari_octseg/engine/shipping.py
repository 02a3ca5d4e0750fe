"""Make a bundle of a training run: weights, measured figures, card."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import torch

from napari_octseg.bundles.card import (
    DataSource,
    ModelCard,
    Training,
    Weights,
    class_entries,
)
from napari_octseg.bundles.registry import Bundle, write_bundle
from napari_octseg.engine.datasets import n_training_bscans
from napari_octseg.engine.evaluation import iter_evaluate
from napari_octseg.engine.run_state import check_plan, plan_of
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_octseg.engine.progress import Progress
    from napari_octseg.engine.recipe import Recipe


_CHOICE = (
    "The held-out B-scans were not trained on, but chose the step whose weights are "
    "kept, so the figures are slightly kind"
)


def iter_ship(
    recipe: Recipe,
    best: Path,
    folder: Path,
    *,
    data: Path,
    hardware: str,
    device: str = "auto",
) -> Generator[Progress, None, Bundle]:
    """Write a bundle whose card holds the figures of the held-out B-scans.

    Parameters
    ----------
    recipe
        Recipe of the run; it is stored beside the card.
    best
        ``best.pt`` of the run.
    folder
        The new bundle; it must not exist, or hold nothing but a recipe.
    data
        Root of the data folders, to measure on.
    hardware
        What it was trained and measured on, for the card.
    device
        To measure on, as for `segment`.

    Raises
    ------
    ModelError
        If the folder holds anything else.
    RecipeError
        If the weights are those of another recipe.
    """
    network = build(recipe.architecture.name, recipe.architecture.arguments)
    saved = torch.load(best, map_location="cpu", weights_only=True)
    check_plan(saved.get("plan"), plan_of(recipe), best.parent)
    network.load_state_dict(saved["weights"])
    card = _card(recipe, data, hardware=hardware, n_steps=saved["step"])
    text = recipe.model_dump_json(indent=1)
    extras = {"recipe.json": text + "\n"}
    # The figures are those of the stored (float16) weights: written, measured, then
    # written again with the figures.
    draft = folder.with_name(f".measured-{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    write_bundle(draft / recipe.name, card, network)
    try:
        scores = yield from iter_evaluate(
            str(draft / recipe.name), recipe, data, device=device
        )
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    command = f"napari-octseg evaluate {recipe.name} --data DATA"
    measured = [
        s.model_copy(update={"command": command, "hardware": hardware}) for s in scores
    ]
    card = card.model_copy(update={"metrics": tuple(measured)})
    return write_bundle(folder, card, network, extras=extras)


def _card(recipe: Recipe, data: Path, *, hardware: str, n_steps: int) -> ModelCard:
    return ModelCard(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        description=recipe.description,
        architecture=recipe.architecture,
        # Placeholder hash and count: write_bundle computes both.
        weights=Weights(sha256="0" * 64, n_parameters=1),
        classes=class_entries(recipe.label_set),
        original_classes=recipe.original_classes,
        layers=recipe.layers,
        input=recipe.input,
        postprocess=recipe.postprocess,
        training=Training(
            data=tuple(
                DataSource(
                    name=source.name,
                    n_images=n_training_bscans(source, data),
                    devices=source.devices,
                    labels=source.description,
                    licence=source.licence,
                    reference=source.reference,
                )
                for source in recipe.sources
            ),
            split=f"{recipe.split}. {_CHOICE}",
            recipe=f"recipe.json; {n_steps} updates of {recipe.batch_size} B-scans",
            hardware=hardware,
            seed=recipe.seed,
            parent=recipe.start or None,
        ),
        limits=recipe.limits,
        licence=recipe.licence,
        reference=recipe.reference,
    )
