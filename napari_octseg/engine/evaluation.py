"""Measure a bundle on labelled scans, exactly as a user would run it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.data.datasets import LabelledBscan, code_table, load_source
from napari_octseg.engine.enface import segment_enface
from napari_octseg.engine.ensemble import find_models
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.judging.tally import Judged, Tally
from napari_octseg.engine.loaded import loaded_network
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.errors import ModelError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from torch import nn

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.recipe import Recipe

HELD_OUT = "held out"
EVERYTHING = "all, trained on or not"


def iter_evaluate(
    model: str | Sequence[str],
    recipe: Recipe,
    data: Path,
    *,
    names: Sequence[str] = (),
    device: str = "auto",
    held_out: bool = True,
    flips: bool = False,
) -> Generator[Progress, None, list[Score]]:
    """Figures of a model on each source of a recipe.

    Parameters
    ----------
    model
        Name or folder of a bundle whose classes are those of the recipe, for B-scans or
        en-face images as its sources; or several, to be averaged.
    recipe
        Names the sources, what their codes mean and which images are held out.
    data
        Root of the data folders.
    names
        Sources to measure on; all by default.
    device, flips
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
    # What cannot be measured is said before the data are read.
    card = _card(model, recipe)
    scans = [
        (source, load_source(source, data, recipe, only_held_out=held_out))
        for source in _chosen(recipe, names)
    ]
    if not any(bscans for _, bscans in scans):
        raise RecipeError(
            f"No image of {', '.join(source.name for source, _ in scans)} is held out",
            todo="measure on all of them (--all), or name some under validation",
        )
    split = HELD_OUT if held_out else EVERYTHING
    task = iter_measure(model, card, scans, split=split, device=device, flips=flips)
    return (yield from task)


def iter_measure(
    model: str | Sequence[str],
    card: ModelCard,
    scans: Sequence[tuple[Source, Sequence[LabelledBscan]]],
    *,
    split: str,
    device: str = "auto",
    flips: bool = False,
) -> Generator[Progress, None, list[Score]]:
    """Figures of a model on labelled scans that are at hand.

    Parameters
    ----------
    model, device, flips
        As for `iter_evaluate`.
    card
        Of the model, or of the first one.
    scans
        Sources and their scans; a source without scans has no score.
    split
        What the scans are of the source, for the scores.
    """
    classes = card.label_set.names
    held = _held(model, card)
    total = sum(len(bscans) for _, bscans in scans)
    done = 0
    scores = []
    for source, bscans in scans:
        tally = Tally(code_table(source, classes), classes, card.layers)
        for bscan, judged in judge_scans(
            bscans, model, card, device=device, flips=flips
        ):
            tally.add(judged)
            done += 1
            yield Progress(done, total, f"{source.name}: {bscan.name}")
        if bscans:
            scores.append(tally.score(source.name, split))
    del held
    return scores


def _held(model: str | Sequence[str], card: ModelCard) -> list[nn.Module]:
    """Networks that no scan needs to load again, as long as somebody holds them."""
    return [loaded_network(c.bundle) for c in find_models(model, card.input.plane)]


def _card(model: str | Sequence[str], recipe: Recipe) -> ModelCard:
    first = model if isinstance(model, str) else next(iter(model), "")
    card = find_bundle(first).card
    if card is None or card.label_set.names != recipe.classes:
        raise ModelError(
            f"The model {first!r} has other classes than the recipe {recipe.name!r}",
            allowed=", ".join(recipe.classes),
        )
    return card


def _chosen(recipe: Recipe, names: Sequence[str]) -> list[Source]:
    known = {source.name: source for source in recipe.sources}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RecipeError(
            f"The recipe {recipe.name!r} has no data set {unknown[0]!r}",
            allowed=", ".join(known),
        )
    return [known[name] for name in names or known]


def judge_scans(
    bscans: Sequence[LabelledBscan],
    model: str | Sequence[str],
    card: ModelCard,
    *,
    device: str,
    flips: bool,
) -> Iterator[tuple[LabelledBscan, Judged]]:
    """Each scan, and the model's answer beside its labels, to be added to a `Tally`.

    Where several models each have their own scans (one for each fold of a cross
    validation) one tally takes all of them.

    Parameters
    ----------
    bscans
        Labelled scans, B-scans of a volume one after the other.
    model, card, device, flips
        As for `iter_measure`.
    """
    held = _held(model, card)
    if card.input.plane == "enface":
        for one in bscans:
            image = one.volume.bscan(one.index)
            seen = segment_enface(image, model, device=device, flips=flips)
            chances = seen.probabilities
            yield (
                one,
                Judged(one.patient, one.codes, seen.labels, probabilities=chances),
            )
        return
    # B-scans of one volume are segmented together, as a user would.
    for _, group in groupby(bscans, key=lambda bscan: id(bscan.volume)):
        own = list(group)
        volume, at = own[0].volume, [one.index for one in own]
        found = outcome(
            iter_segment(
                volume, model, device=device, bscans=at, first=at[0], flips=flips
            )
        )
        layers = None if found.boundaries is None else found.boundaries.heights
        for one in own:
            judged = Judged(
                one.patient,
                one.codes,
                found.labels[one.index],
                heights=None if layers is None else layers[:, one.index],
                axial_um=volume.spacing.axial,
            )
            yield one, judged
    del held
