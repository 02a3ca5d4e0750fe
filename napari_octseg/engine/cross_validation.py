"""Cross-validation: train anew for each part of the patients that is held out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from napari_octseg.bundles.registry import find_bundle, write_bundle
from napari_octseg.bundles.score import write_scores
from napari_octseg.engine.data.datasets import code_table, load_source
from napari_octseg.engine.data.source import FoldHeldOut
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.evaluation import judge_scans
from napari_octseg.engine.judging.tally import Tally
from napari_octseg.engine.learning.fabric import is_first_process
from napari_octseg.engine.learning.run_state import check_plan, plan_of
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.engine.shipping import card_of, hardware_of
from napari_octseg.engine.training import iter_train
from napari_octseg.errors import RecipeError
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_octseg.bundles.score import Score
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.engine.training import TrainSettings


_NO_CHOICE = "weights of the last update, no choice by the held-out scans"


def iter_cross_validate(
    recipe: Recipe,
    settings: TrainSettings,
    *,
    folds: int = 0,
    names: Sequence[str] = (),
) -> Generator[Progress, None, list[Score]]:
    """Figures of a recipe on patients that were never trained on, each held out once.

    The weights of the last update are measured, as users run them: no held-out scan
    chooses anything, so nothing stops early. Each finished fold is a bundle in
    ``fold-01/<name>``, ``fold-02/<name>``, … of the run folder, and is not trained
    again; the scores are also written to ``cross_validation.json`` there.

    Parameters
    ----------
    recipe
        Of the training; what it holds out of these sources does not count.
    settings
        Of the trainings; `run` is the folder of all of them.
    folds
        Into how many parts the patients of each source are cut; 0 holds out every
        patient on his own (of an image alone: leave one scan out).
    names
        Sources that are cut; all that are not synthetic by default.

    Returns
    -------
    One `Score` for each of these sources, pooled over all folds.

    Raises
    ------
    RecipeError
        If there is no such source, there are fewer patients than folds, or the folder
        holds folds of another recipe.
    """
    cut = _cut_sources(recipe, names)
    n_folds = _n_folds(cut, settings.data, folds)
    classes = recipe.classes
    tallies = {
        source.name: Tally(code_table(source, classes), classes, recipe.layers)
        for source in cut
    }
    total = n_folds * recipe.n_steps
    for fold in range(n_folds):
        part = fold_of(recipe, list(tallies), fold, n_folds)
        own = replace(settings, run=settings.run / f"fold-{fold + 1:02}")
        title = f"fold {fold + 1} of {n_folds}"
        bundle = own.run / recipe.name
        if bundle.is_dir():
            found = read_recipe(bundle / "recipe.json")
            check_plan(_plan_of_fold(found), _plan_of_fold(part), own.run)
        else:
            for step in iter_train(part, own):
                yield replace(
                    step,
                    done=fold * recipe.n_steps + step.done,
                    total=total,
                    message=f"{title}: {step.message}",
                )
            if is_first_process():
                _keep(part, own, bundle)
        if is_first_process():
            _measure(bundle, part, settings, tallies)
        yield Progress((fold + 1) * recipe.n_steps, total, f"{title} is measured")
    if not is_first_process():
        return []
    each = "one patient at a time" if not folds else f"{n_folds} folds by patient"
    note = _NO_CHOICE
    if recipe.start:
        note += f"; first weights of {recipe.start}"
    scores = [
        tally.score(name, f"cross-validation, {each}").model_copy(
            update={"hardware": hardware_of(settings.device), "note": note}
        )
        for name, tally in tallies.items()
    ]
    write_scores(scores, settings.run / "cross_validation.json")
    return scores


def fold_of(recipe: Recipe, names: Sequence[str], fold: int, n_folds: int) -> Recipe:
    """The recipe with the `fold`-th part of the patients of some sources held out."""
    rule = FoldHeldOut(fold=fold, of=n_folds, seed=recipe.seed)
    sources = tuple(
        source.model_copy(update={"validation": rule})
        if source.name in names
        else source
        for source in recipe.sources
    )
    return recipe.model_copy(update={"sources": sources, "patience": 0})


def _plan_of_fold(recipe: Recipe) -> str:
    return f"{recipe.n_steps} updates: {plan_of(recipe)}"


def _cut_sources(recipe: Recipe, names: Sequence[str]) -> list[Source]:
    real = {s.name: s for s in recipe.sources if s.kind != "phantom"}
    unknown = [name for name in names if name not in real]
    if unknown or not real:
        raise RecipeError(
            f"The recipe {recipe.name!r} has no data set "
            f"{unknown[0] if unknown else 'of real scans'!r} to cross-validate",
            allowed=", ".join(real) or "data sets that are not synthetic",
        )
    return [real[name] for name in names or real]


def _n_folds(sources: Sequence[Source], data: Path, folds: int) -> int:
    n_patients = max(
        len({entry.patient for entry in list_source(source, data)})
        for source in sources
    )
    wanted = folds or n_patients
    if not 2 <= wanted <= n_patients:
        raise RecipeError(
            f"{n_patients} patients cannot be cut into {wanted} parts",
            allowed=f"2 to {n_patients}, or 0 for each patient on his own",
            todo="give another number of folds",
        )
    return wanted


def _keep(part: Recipe, settings: TrainSettings, folder: Path) -> None:
    """Make a bundle of the last weights of a fold; its state is not needed any more."""
    network = build(part.architecture.name, part.architecture.arguments)
    last = torch.load(settings.run / "last.pt", map_location="cpu", weights_only=True)
    network.load_state_dict(last["average"])
    scans = [(s, load_source(s, settings.data, part)) for s in part.sources]
    hardware = hardware_of(settings.device)
    card = card_of(
        part, scans, hardware=hardware, n_steps=last["step"], choice=_NO_CHOICE
    )
    recipe = {"recipe.json": part.model_dump_json(indent=1) + "\n"}
    write_bundle(folder, card, network, extras=recipe)
    for name in ("last.pt", "best.pt"):
        (settings.run / name).unlink()


def _measure(
    bundle: Path, part: Recipe, settings: TrainSettings, tallies: dict[str, Tally]
) -> None:
    """Add what the model of a fold says of its held-out scans."""
    model = str(bundle)
    card = find_bundle(model).card
    assert card is not None  # `find_bundle` finds usable ones only
    for source in part.sources:
        if source.name not in tallies:
            continue
        scans = load_source(source, settings.data, part, only_held_out=True)
        judged = judge_scans(scans, model, card, device=settings.device, flips=False)
        for _, answer in judged:
            tallies[source.name].add(answer)
