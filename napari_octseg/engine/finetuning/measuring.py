"""Make a measured candidate of the best weights of a run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import torch

from napari_octseg.bundles.registry import find_bundle, write_bundle
from napari_octseg.bundles.rewrite import write_metrics
from napari_octseg.engine.augmentation.restyling import unlabelled_sources
from napari_octseg.engine.data.datasets import load_source
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.comparison import iter_compare
from napari_octseg.engine.finetuning.worst import write_worst
from napari_octseg.engine.learning.run_state import check_plan, plan_of
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.engine.shipping import card_of, hardware_of
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_octseg.engine.finetuning.gate import Comparison
    from napari_octseg.engine.finetuning.job import Job

_FILES = (run_folder.COMPARISON, run_folder.WORST)
_UNCHANGED = (
    "No update made the held-out B-scans better: the weights are those of the parent."
)
_STOPPED = "The training was stopped early; the best weights until then were measured."


def iter_candidate(
    job: Job, run: Path, *, stopped_early: bool = False
) -> Generator[Progress, None, Comparison]:
    """Write the candidate of a run: its bundle, its comparison, its worst B-scans.

    The comparison is written last: where it is, the candidate is complete.

    Parameters
    ----------
    job
        What was trained.
    run
        Its folder, with the best weights.
    stopped_early
        Whether somebody stopped the training.

    Raises
    ------
    RecipeError
        If the weights are those of another recipe, or data are missing.
    ModelError
        If the parent is gone.
    """
    recipe = read_recipe(run / run_folder.RECIPE)
    yield Progress(0, 1, "reading the held-out scans")
    for name in _FILES:
        (run / name).unlink(missing_ok=True)
    folder = run / run_folder.CANDIDATE
    shutil.rmtree(folder, ignore_errors=True)
    scans = [
        (source, load_source(source, job.data, recipe)) for source in recipe.sources
    ]
    held_out = [(source, [b for b in own if b.held_out]) for source, own in scans]
    network = build(recipe.architecture.name, recipe.architecture.arguments)
    saved = torch.load(run / run_folder.BEST, map_location="cpu", weights_only=True)
    check_plan(saved.get("plan"), plan_of(recipe), run)
    network.load_state_dict(saved["weights"])
    hardware = hardware_of(job.device)
    card = card_of(
        recipe,
        scans,
        unlabelled_sources(recipe, job.data),
        hardware=hardware,
        n_steps=saved["step"],
    )
    parent = find_bundle(job.parent).card
    assert parent is not None  # find_bundle raises otherwise
    # The name, not the folder it may have been given by: for the lineage.
    training = card.training.model_copy(update={"parent": parent.name})
    card = card.model_copy(
        update={"name": run_folder.CANDIDATE, "training": training, "metrics": ()}
    )
    write_bundle(folder, card, network)
    measured = yield from iter_compare(
        job.parent,
        str(folder),
        held_out,
        device=job.device,
        notes=[
            *filter(None, [job.held_out]),
            *job.notes,
            *([_UNCHANGED] if not saved["step"] else []),
            *([_STOPPED] if stopped_early else []),
        ],
    )
    write_metrics(
        folder,
        [score.model_copy(update={"hardware": hardware}) for score in measured.scores],
    )
    write_worst(measured.worst, run / run_folder.WORST)
    run_folder.write_json(run / run_folder.COMPARISON, measured.comparison.to_json())
    return measured.comparison
