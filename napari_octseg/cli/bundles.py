"""Commands for bundles: list them, measure them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import console, plain, run_task
from napari_octseg.cli.options import Data, Device

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score


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


def evaluate(
    model: Annotated[str, typer.Argument(help="Name or folder of a bundle.")],
    data: Data,
    recipe: Annotated[
        Path | None, typer.Option(help="Names the data; the bundle's own by default.")
    ] = None,
    every: Annotated[
        bool, typer.Option(help="All B-scans, not only the held-out ones.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Measure a model on the labelled B-scans that its recipe holds out."""
    from napari_octseg.bundles.registry import find_bundle
    from napari_octseg.engine.evaluation import iter_evaluate
    from napari_octseg.engine.recipe import read_recipe

    plan = read_recipe(recipe or find_bundle(model).folder / "recipe.json")
    task = iter_evaluate(model, plan, data, device=device, held_out=not every)
    for score in run_task(task, f"measuring {model}"):
        _show(score)


def _classes(card: ModelCard) -> str:
    return plain(", ".join(c.name for c in card.classes[1:]))


def _size(card: ModelCard) -> str:
    return f"{card.weights.n_parameters / 1e6:.1f} M"


def _show(score: Score) -> None:
    """Figures of one data set as a table."""
    from rich.table import Table

    bscans = "B-scan" if score.n_images == 1 else "B-scans"
    console.print(
        f"{plain(score.data)}, {plain(score.split)}: {score.n_images} {bscans}"
    )
    table = Table("class", "Dice")
    for name, value in score.dice.items():
        table.add_row(plain(name), f"{value:.3f}")
    console.print(table)
    if score.boundary_mae_px:
        table = Table("boundary", "mean absolute error, px")
        for name, value in score.boundary_mae_px.items():
            table.add_row(plain(name), f"{value:.2f}")
        console.print(table)
