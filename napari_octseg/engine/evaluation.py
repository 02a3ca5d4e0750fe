"""Measure a bundle on labelled scans, exactly as a user would run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.datasets import (
    LabelledBscan,
    code_table,
    load_source,
)
from napari_octseg.engine.enface import segment_enface
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.engine.tally import Judged, Tally
from napari_octseg.errors import ModelError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.engine.source import Source

HELD_OUT = "held out"
EVERYTHING = "all, those it was trained on included"


def iter_evaluate(
    model: str,
    recipe: Recipe,
    data: Path,
    *,
    names: Sequence[str] = (),
    device: str = "auto",
    held_out: bool = True,
) -> Generator[Progress, None, list[Score]]:
    """Figures of a model on each source of a recipe.

    Parameters
    ----------
    model
        Name or folder of a bundle whose classes are those of the recipe; for B-scans or
        en-face images, as its sources.
    recipe
        Names the sources, what their codes mean and which images are held out.
    data
        Root of the data folders.
    names
        Sources to measure on; all by default.
    device
        As for `segment`.
    held_out
        Only the held-out images, or all of them.

    Returns
    -------
    One `Score` per source that has such images.

    Raises
    ------
    ModelError
        If the model has other classes than the recipe.
    RecipeError
        If data are missing, no image is held out, or no source has such a name.
    """
    card = find_bundle(model).card
    if card is None or card.label_set.names != recipe.classes:
        raise ModelError(
            f"The model {model!r} has other classes than the recipe {recipe.name!r}",
            allowed=", ".join(recipe.classes),
        )
    work: list[tuple[Source, list[LabelledBscan]]] = []
    for source in _chosen(recipe, names):
        bscans = load_source(source, data, recipe)
        kept = [b for b in bscans if b.held_out or not held_out]
        if kept:
            work.append((source, kept))
    total = sum(len(bscans) for _, bscans in work)
    if not total:
        raise RecipeError(
            f"No image of {', '.join(s.name for s in _chosen(recipe, names))} is held "
            "out",
            todo="measure on all of them (--all), or name some under validation",
        )
    done = 0
    scores = []
    for source, bscans in work:
        tally = Tally(code_table(source, recipe.classes), recipe.classes, card.layers)
        for bscan in bscans:
            tally.add(_judged(bscan, model, card, device))
            done += 1
            yield Progress(done, total, f"{source.name}: {bscan.name}")
        scores.append(tally.score(source.name, HELD_OUT if held_out else EVERYTHING))
    return scores


def _chosen(recipe: Recipe, names: Sequence[str]) -> list[Source]:
    known = {source.name: source for source in recipe.sources}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RecipeError(
            f"The recipe {recipe.name!r} has no data set {unknown[0]!r}",
            allowed=", ".join(known),
        )
    return [known[name] for name in names or known]


def _judged(bscan: LabelledBscan, model: str, card: ModelCard, device: str) -> Judged:
    """The model's answer beside the labels."""
    if card.input.plane == "enface":
        seen = segment_enface(bscan.volume.bscan(0), model, device=device)
        return Judged(
            bscan.patient, bscan.codes, seen.labels, probabilities=seen.probabilities
        )
    at = bscan.index
    found = outcome(iter_segment(bscan.volume, model, device=device, bscans=[at]))
    heights = None if found.boundaries is None else found.boundaries.heights[:, at]
    return Judged(
        bscan.patient,
        bscan.codes,
        found.labels[at],
        heights=heights,
        axial_um=bscan.volume.spacing.axial,
    )
