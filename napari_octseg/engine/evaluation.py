"""Measure a bundle on labelled B-scans, exactly as a user would run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import boundary_names, labels_to_boundaries
from napari_octseg.bundles.card import Score
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.datasets import (
    CodeTable,
    LabelledBscan,
    code_table,
    is_held_out,
    load_source,
)
from napari_octseg.engine.inference import segment
from napari_octseg.engine.metrics import HeightError, Overlap, height_errors, overlap
from napari_octseg.engine.progress import Progress
from napari_octseg.errors import ModelError, RecipeError
from napari_octseg.labels import IGNORE, remap

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_octseg.engine.inference import Segmentation
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.engine.source import Source


def iter_evaluate(
    model: str,
    recipe: Recipe,
    data: Path,
    *,
    device: str = "auto",
    held_out: bool = True,
) -> Generator[Progress, None, list[Score]]:
    """Dice and boundary error of a model on each source of a recipe.

    Parameters
    ----------
    model
        Name or folder of a bundle whose classes are those of the recipe.
    recipe
        Names the sources, what their codes mean and which B-scans are held out.
    data
        Root of the data folders.
    device
        As for `segment`.
    held_out
        Only the held-out B-scans, or all of them.

    Returns
    -------
    One `Score` per source that has such B-scans. Dice is pooled over all pixels of all
    B-scans, per code; the boundary error is the mean over all columns where both sides
    have the boundary, in px of the B-scan's own grid.

    Raises
    ------
    ModelError
        If the model has other classes than the recipe.
    RecipeError
        If data are missing or no B-scan is held out.
    """
    card = find_bundle(model).card
    if card is None or card.label_set.names != recipe.classes:
        raise ModelError(
            f"The model {model!r} has other classes than the recipe {recipe.name!r}",
            allowed=", ".join(recipe.classes),
        )
    work: list[tuple[Source, list[LabelledBscan]]] = []
    for source in recipe.sources:
        bscans = load_source(source, data, recipe)
        chosen = [b for b in bscans if is_held_out(b.name, source) or not held_out]
        if chosen:
            work.append((source, chosen))
    total = sum(len(bscans) for _, bscans in work)
    if not total:
        raise RecipeError(
            f"The recipe {recipe.name!r} holds no B-scan out",
            todo="measure on all B-scans, or name some under validation",
        )
    done = 0
    scores = []
    for source, bscans in work:
        table = code_table(source, recipe.classes)
        tally = _Tally(table, recipe.classes)
        for bscan in bscans:
            tally.add(bscan, segment(bscan.volume, model, device=device))
            done += 1
            yield Progress(done, total, f"{source.name}: {bscan.name}")
        scores.append(tally.score(source, len(bscans), held_out=held_out))
    return scores


class _Tally:
    """Sums of overlaps and boundary errors over the B-scans of one source."""

    def __init__(self, table: CodeTable, classes: Sequence[str]) -> None:
        self.table = table
        self.classes = classes
        self.n_codes = len(table.names)
        self.overlaps = [Overlap(0, 0, 0)] * self.n_codes
        self.errors = [HeightError(0, 0)] * self.n_codes
        # Class of the network → code of the source that contains it.
        self.code_of = {
            index: code
            for code, member in enumerate(table.membership)
            for index, inside in enumerate(member)
            if inside
        }

    def add(self, bscan: LabelledBscan, found: Segmentation) -> None:
        predicted = remap(found.labels[0], {**self.code_of, IGNORE: IGNORE})
        for code in range(self.n_codes):
            self.overlaps[code] += overlap(predicted, bscan.codes, code)
        if found.boundaries is None or self.n_codes < 2:
            return
        codes = list(range(1, self.n_codes))
        true = labels_to_boundaries(bscan.codes[None], codes)
        # The boundary of a code is that of its first class; the last one closes.
        firsts = [self.table.membership[code].index(True) - 1 for code in codes]
        last = len(self.classes) - 1 - self.table.membership[-1][::-1].index(True)
        heights = found.boundaries.heights[[*firsts, last]]
        new = height_errors(heights, true)
        self.errors = [old + more for old, more in zip(self.errors, new, strict=True)]

    def score(self, source: Source, n_images: int, *, held_out: bool) -> Score:
        names = self.table.names
        dice = {names[code]: self.overlaps[code].dice for code in range(1, len(names))}
        dice = {"mean": float(np.mean(list(dice.values()))), **dice}
        edges = boundary_names([name.split("+")[0] for name in names[1:]])
        # The last boundary lies below the last class of the last code.
        bottom = boundary_names(names[-1].split("+"))[-1]
        named = zip((*edges[:-1], bottom), self.errors, strict=True)
        errors = {name: round(e.mae_px, 3) for name, e in named if e.n_columns}
        return Score(
            data=source.name,
            split="held out" if held_out else "all, most of them trained on",
            n_images=n_images,
            dice={name: round(value, 4) for name, value in dice.items()},
            boundary_mae_px=errors,
        )
