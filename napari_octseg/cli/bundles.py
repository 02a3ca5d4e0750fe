"""The command that lists the bundles and shows their cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import console, plain

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard


def models(
    name: Annotated[
        str | None, typer.Argument(help="Show the card of this model.")
    ] = None,
) -> None:
    """List the models, or show the card of one."""
    from rich.markdown import Markdown
    from rich.table import Table

    from napari_octseg.bundles.readme import card_text
    from napari_octseg.bundles.registry import find_bundle, list_bundles

    if name is not None:
        card = find_bundle(name).card
        if card is not None:
            console.print(Markdown(card_text(card)))
        return
    table = Table("model", "labels", "weights", "origin")
    for bundle in list_bundles():
        origin = "bundled" if bundle.shipped else plain(bundle.folder)
        name = plain(bundle.name)
        if bundle.card is None:
            problem = plain(bundle.problem)
            table.add_row(f"[dim]{name}[/]", f"[red]{problem}[/]", "", origin)
        else:
            table.add_row(name, _classes(bundle.card), _size(bundle.card), origin)
    console.print(table)


def _classes(card: ModelCard) -> str:
    return plain(", ".join(c.name for c in card.classes[1:]))


def _size(card: ModelCard) -> str:
    return f"{card.weights.n_parameters / 1e6:.1f} M"
