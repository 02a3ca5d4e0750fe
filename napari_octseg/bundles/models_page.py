"""The page that compares all models: `docs/models.md`, made from their cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.evidence import honest_limits
from napari_octseg.bundles.figures import MEAN, FigureTable, percent, seen_in
from napari_octseg.bundles.readme import table_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score

_HEAD = """# Models and how well they do

This page is made from the cards of the models, by `python -m benchmarks.pages`; a test
compares the two. The figures are measured by `napari-octseg evaluate MODEL --data
DATA`, which runs the stored weights the way you do, on scans they were not trained on,
and says whether it found what the card says. Where *split* tells of a
cross-validation, they are those of other weights, trained anew without the scans.

Dice is pooled over all pixels of a data set: twice the area that model and grader have
in common, divided by the sum of both areas. In brackets is the 95 % interval of a
bootstrap over patients; there is none for fewer than three patients. A data set that
does not tell classes apart is judged on what it labels: `EZ+RPE` is the band of both.
"""
_PLANES = {"bscan": "B-scan", "enface": "en face"}


def models_page(cards: Sequence[ModelCard], pictures: Collection[str] = ()) -> str:
    """The page as Markdown.

    Parameters
    ----------
    cards
        In the order of the page.
    pictures
        Names of the models that have a picture in `docs/images/models`.
    """
    lines = [_HEAD, "## All models", "", *table_lines(_overview(cards)), ""]
    lines += ["## Mean Dice, data set by data set", ""]
    lines += [
        "A mean is over the classes that the data set labels and the model knows: "
        "compare figures of one row only where the models label the same. Vessel "
        "models also have their ROC-AUC.",
        "",
        *table_lines(_comparison(cards)),
        "",
    ]
    for card in cards:
        lines += _model(card, has_picture=card.name in pictures)
    return "\n".join(lines)


def _overview(cards: Sequence[ModelCard]) -> FigureTable:
    rows = []
    for card in cards:
        plane = _PLANES[card.input.plane]
        if card.input.n_neighbours:
            plane += f" with {card.input.n_neighbours} on each side"
        classes = ", ".join(c.name for c in card.classes[1:])
        size = f"{card.weights.n_parameters / 1e6:.1f} M"
        rows.append((_link(card), plane, classes, card.architecture.name, size))
    return FigureTable(
        ("model", "takes", "labels", "network", "parameters"), tuple(rows)
    )


def _comparison(cards: Sequence[ModelCard]) -> FigureTable:
    """A row for each data set and split, a column for each model."""
    scores = {
        (score.data, score.split, card.name): score
        for card in cards
        for score in card.metrics
    }
    keys = dict.fromkeys((data, split) for data, split, _ in scores)
    rows = []
    for data, split in keys:
        own = [scores.get((data, split, card.name)) for card in cards]
        seen = sorted({seen_in(score) for score in own if score is not None})
        cells = ("" if score is None else _in_short(score) for score in own)
        rows.append((data, split, "; ".join(seen), *cells))
    header = ("data set", "split", "measured on", *(card.name for card in cards))
    return FigureTable(header, tuple(rows))


def _in_short(score: Score) -> str:
    mean = score.dice.get(MEAN)
    parts = [] if mean is None else [f"{mean:.3f}"]
    parts += [f"AUC {value:.4f}" for value in score.roc_auc.values()]
    return ", ".join(parts)


def _model(card: ModelCard, *, has_picture: bool) -> list[str]:
    lines = [f"## {card.name}", "", card.description, ""]
    if has_picture:
        picture = f"images/models/{card.name}.png"
        lines += [f"![{card.title}, on a phantom]({picture})", ""]
    for title, table in (
        ("Dice", _dice(card)),
        ("Mean absolute error of boundaries, px (µm)", _boundaries(card)),
    ):
        if table.rows:
            lines += [f"{title}:", "", *table_lines(table), ""]
    lines += [f"Limits: {honest_limits(card)}", ""]
    return [*lines, f"All figures: [{card.name}](../models/{card.name}/README.md).", ""]


def _dice(card: ModelCard) -> FigureTable:
    """A row for each class, a column for each data set."""

    def cell(score: Score, name: str) -> str:
        if name not in score.dice:
            return ""
        ends = score.dice_interval.get(name)
        interval = f" ({ends[0]:.2f} – {ends[1]:.2f})" if ends else ""
        seen = score.support.get(name)
        few = f", {seen}" if seen is not None and seen.is_thin else ""
        return f"{score.dice[name]:.3f}{interval}{few}"

    scores = [score for score in card.metrics if score.dice]
    names = dict.fromkeys(name for score in scores for name in score.dice)
    rows = tuple((name, *(cell(score, name) for score in scores)) for name in names)
    return FigureTable(("class", *map(_heading, scores)), rows)


def _boundaries(card: ModelCard) -> FigureTable:
    def cell(score: Score, name: str) -> str:
        share = score.boundary_judged.get(name, 1.0)
        if name not in score.boundary_mae_px:
            return "not found" if name in score.boundary_judged else ""
        um = score.boundary_mae_um.get(name)
        known = "" if um is None else f" ({um:.1f})"
        seen = f", found in {percent(share)}" if share < 1 else ""
        return f"{score.boundary_mae_px[name]:.2f}{known}{seen}"

    def named(score: Score) -> dict[str, float]:
        return score.boundary_judged or score.boundary_mae_px

    scores = [score for score in card.metrics if named(score)]
    names = dict.fromkeys(name for score in scores for name in named(score))
    rows = tuple((name, *(cell(score, name) for score in scores)) for name in names)
    return FigureTable(("boundary", *map(_heading, scores)), rows)


def _heading(score: Score) -> str:
    return f"{score.data}, {score.split}, {seen_in(score)}"


def _link(card: ModelCard) -> str:
    return f"[{card.name}](#{card.name})"
