"""The card of a model as a page for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard


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
        lines += [
            f"## {score.data}, {score.split} ({score.n_images} images)",
            "",
            "| class | Dice |",
            "|---|---|",
            *(f"| {name} | {value:.3f} |" for name, value in score.dice.items()),
            "",
        ]
        if score.boundary_mae_px:
            lines += ["| boundary | mean absolute error, px |", "|---|---|"]
            lines += [f"| {k} | {v:.2f} |" for k, v in score.boundary_mae_px.items()]
            lines += [""]
        how = [score.note, f"`{score.command}`" if score.command else ""]
        how += [f"({score.hardware})" if score.hardware else ""]
        lines += [" ".join(part for part in how if part), ""]
    lines += ["## Limits", "", card.limits, "", "## Licence", "", card.licence, ""]
    lines += [card.reference, ""]
    return "\n".join(lines)
