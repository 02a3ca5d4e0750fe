"""Make a bundle of a training run: weights, measured figures, card."""

from __future__ import annotations

import platform
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
from napari_octseg.bundles.score import merged
from napari_octseg.engine.augmentation.restyling import unlabelled_sources
from napari_octseg.engine.data.datasets import code_table, load_source
from napari_octseg.engine.device import choose_device, describe_device
from napari_octseg.engine.evaluation import HELD_OUT, iter_measure
from napari_octseg.engine.finetuning.look import LOOK_FILE, look_of, look_text
from napari_octseg.engine.judging.tally import support_of
from napari_octseg.engine.learning.run_state import check_plan, plan_of
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_octseg.bundles.score import Score
    from napari_octseg.engine.data.datasets import LabelledBscan
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.progress import Progress
    from napari_octseg.engine.recipe import Recipe


_CHOICE = (
    "The held-out images were not trained on, but chose the step whose weights are "
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
    extra_scores: Sequence[Score] = (),
) -> Generator[Progress, None, Bundle]:
    """Write a bundle whose card holds the figures of the held-out scans.

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
    extra_scores
        Figures of other ways to measure (a cross validation) that the card shall have.

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
    scans = [(s, load_source(s, data, recipe)) for s in recipe.sources]
    card = card_of(
        recipe,
        scans,
        unlabelled_sources(recipe, data),
        hardware=hardware,
        n_steps=saved["step"],
    )
    text = recipe.model_dump_json(indent=1)
    extras = {"recipe.json": text + "\n"}
    if recipe.input.plane == "bscan":
        # For whoever has the model but not its data.
        extras[LOOK_FILE] = look_text(look_of(recipe, data))
    # The figures are those of the stored (float16) weights: written, measured, then
    # written again with the figures.
    draft = folder.with_name(f".measured-{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    write_bundle(draft / recipe.name, card, network)
    held_out = [(s, [b for b in bscans if b.held_out]) for s, bscans in scans]
    try:
        scores = yield from iter_measure(
            str(draft / recipe.name), card, held_out, split=HELD_OUT, device=device
        )
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    metrics = merged(reproducible(scores, recipe.name, hardware), extra_scores)
    card = card.model_copy(update={"metrics": metrics})
    return write_bundle(folder, card, network, extras=extras)


def reproducible(scores: Sequence[Score], name: str, hardware: str) -> list[Score]:
    """Scores that say by which command they were measured, and on what."""
    command = f"napari-octseg evaluate {name} --data DATA"
    return [
        s.model_copy(update={"command": command, "hardware": hardware}) for s in scores
    ]


def hardware_of(device: str) -> str:
    """The device that `device` stands for, as cards name it."""
    chosen = str(choose_device(device).device)
    return f"{describe_device(chosen)}, {platform.machine()}"


def card_of(
    recipe: Recipe,
    scans: Sequence[tuple[Source, Sequence[LabelledBscan]]],
    unlabelled: Sequence[DataSource] = (),
    *,
    hardware: str,
    n_steps: int,
    choice: str = _CHOICE,
) -> ModelCard:
    """Card of a trained network, without figures.

    Parameters
    ----------
    recipe
        Of the training.
    scans
        Sources and their scans, to tell what was trained on.
    unlabelled
        Further data sets, whose look alone was used.
    hardware, n_steps
        What it was trained on, and for how many updates.
    choice
        What the held-out images were used for; said if there are any.
    """
    any_held_out = any(b.held_out for _, bscans in scans for b in bscans)
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
            data=(
                *(
                    _trained_on(source, [b for b in bscans if not b.held_out], recipe)
                    for source, bscans in scans
                ),
                *unlabelled,
            ),
            split=f"{recipe.split}. {choice}" if any_held_out else recipe.split,
            recipe=f"recipe.json; {n_steps} updates of {recipe.batch_size} images",
            hardware=hardware,
            seed=recipe.seed,
            parent=recipe.start or None,
        ),
        limits=recipe.limits,
        licence=recipe.licence,
        reference=recipe.reference,
    )


def _trained_on(
    source: Source, bscans: Sequence[LabelledBscan], recipe: Recipe
) -> DataSource:
    table = code_table(source, recipe.classes)
    return DataSource(
        name=source.name,
        n_images=len(bscans),
        support=support_of(((b.patient, b.codes) for b in bscans), table),
        synthetic=source.kind == "phantom",
        devices=source.devices,
        labels=source.description,
        licence=source.licence,
        reference=source.reference,
    )
