"""The card of a model as a page for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.evidence import honest_limits, thin_figures
from napari_octseg.bundles.figures import (
    FigureTable,
    figure_tables,
    frequent_confusions,
    seen_in,
)

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score


def card_text(card: ModelCard) -> str:
    """The card as Markdown for people."""
    lines = [f"# {card.title}", "", card.description, ""]
    lines += ["Classes: " + ", ".join(c.name for c in card.classes) + ".", ""]
    if card.training.data:
        lines += ["## Training data", ""]
        lines += [
            f"- {d.name}: {d.n_images} images; {d.labels} {d.devices} "
            f"Licence: {d.licence or 'not stated'}. {d.reference}".replace("  ", " ")
            for d in card.training.data
        ]
        lines += ["", card.training.recipe, f"Split: {card.training.split}", ""]
    for score in card.metrics:
        lines += score_lines(score)
    lines += ["## Limits", "", honest_limits(card), "", "## Licence", ""]
    lines += [card.licence, "", card.reference, ""]
    return "\n".join(lines)


def score_lines(score: Score) -> list[str]:
    """Lines of Markdown: the figures of one data set, and what they rest on."""
    lines = [f"## {score.data}, {score.split} ({seen_in(score)})", ""]
    lines += [thin_figures(score), ""] if thin_figures(score) else []
    for table in figure_tables(score):
        lines += [*table_lines(table), ""]
    confused = frequent_confusions(score)
    lines += [confused, ""] if confused else []
    how = [score.note, f"`{score.command}`" if score.command else ""]
    how += [f"({score.hardware})" if score.hardware else ""]
    return [*lines, " ".join(part for part in how if part), ""]


def table_lines(table: FigureTable) -> list[str]:
    """A table as Markdown."""
    rows = [table.header, tuple("---" for _ in table.header), *table.rows]
    return [f"| {' | '.join(row)} |" for row in rows]
