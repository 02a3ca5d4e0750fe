"""The command that measures a model, and says whether its card is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import complaints, console, plain, run_task
from napari_octseg.cli.options import Data, Device, refuse_existing
from napari_octseg.errors import CardError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.figures import FigureTable
    from napari_octseg.bundles.score import Score

_MOST_DIFFERENCES = 5


def evaluate(
    model: Annotated[str, typer.Argument(help="Name or folder of a bundle.")],
    data: Data,
    datasets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATASET]...",
            help="Names of data sets in the model's recipe (all of them by default), "
            "or recipe files that name other data.",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All images, not only the held-out ones.")
    ] = False,
    others: Annotated[
        list[str] | None,
        typer.Option("--with", help="Average with this model; may be repeated."),
    ] = None,
    flips: Annotated[
        bool, typer.Option("--flips", help="Average with mirrored images.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the scores, as in a card.")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write a row for each figure.")
    ] = None,
    against_card: Annotated[
        bool,
        typer.Option("--against-card", help="Fail unless the card says the same."),
    ] = False,
    write_card: Annotated[
        bool, typer.Option("--write-card", help="Put the figures into the card.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there already.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Measure a model on labelled images that were not trained on.

    Says of each figure whether it is the one on the card.
    """
    from napari_octseg.bundles.registry import find_bundle
    from napari_octseg.bundles.rewrite import write_metrics
    from napari_octseg.bundles.score import write_scores
    from napari_octseg.bundles.score_table import score_table
    from napari_octseg.engine.data.data_sets import choose_data
    from napari_octseg.engine.evaluation import iter_evaluate
    from napari_octseg.engine.shipping import hardware_of, reproducible
    from napari_octseg.io.atomic import written_whole

    bundle = find_bundle(model)
    choices = choose_data(bundle, datasets or ())
    as_published = not (others or flips or every) and all(c.own for c in choices)
    if (against_card or write_card) and not as_published:
        raise CardError(
            "The card holds figures of the model alone on held-out images of its own "
            "recipe",
            todo="leave out --against-card and --write-card, or --all, --with, "
            "--flips and files",
        )
    files = [file for file in (json_file, csv_file) if file is not None]
    if not overwrite:
        refuse_existing(files)
    scores: list[Score] = []
    for choice in choices:
        task = iter_evaluate(
            [model, *(others or ())],
            choice.recipe,
            data,
            names=choice.names,
            device=device,
            held_out=not every,
            flips=flips,
        )
        scores += run_task(task, f"measuring {model}")
    agrees = True
    for score in scores:
        show_score(score)
        if as_published and bundle.card is not None:
            agrees &= _compare(score, bundle.card)
    if json_file is not None:
        with written_whole(json_file) as target:
            write_scores(scores, target)
    if csv_file is not None:
        with written_whole(csv_file) as target:
            target.write_text(score_table(scores), encoding="utf-8")
    if write_card:
        hardware = hardware_of(device)
        write_metrics(bundle.folder, reproducible(scores, bundle.name, hardware))
        console.print(f"Written to {plain(bundle.folder / 'card.json')}")
    elif against_card and not agrees:
        complaints.print("The card is not what was measured.")
        raise typer.Exit(1)


def show_score(score: Score) -> None:
    """Figures of one data set as tables."""
    from napari_octseg.bundles.evidence import thin_figures
    from napari_octseg.bundles.figures import confusion_table, figure_tables, seen_in

    console.print(f"{plain(score.data)}, {plain(score.split)}: {seen_in(score)}")
    if warning := thin_figures(score):
        console.print(f"[yellow]{plain(warning)}[/]")
    for table in figure_tables(score):
        _print(table)
    if score.confusion is not None:
        console.print("Of the pixels of each label, % that were said to be:")
        _print(confusion_table(score.confusion))


def _print(table: FigureTable) -> None:
    from rich.table import Table

    shown = Table(*(plain(title) for title in table.header))
    for row in table.rows:
        shown.add_row(*(plain(cell) for cell in row))
    console.print(shown)


def _compare(score: Score, card: ModelCard) -> bool:
    """Say whether the card has these figures; whether it has, but for rounding."""
    from napari_octseg.bundles.agreement import differences, of_card

    on_card = of_card(card.metrics, score)
    if on_card is None:
        console.print("The card has no figures of this data set.\n")
        return False
    found = differences(on_card, score)
    large = [one for one in found if one.is_large]
    if not found:
        console.print("[green]As the card says.[/]\n")
    elif not large:
        console.print(
            f"[green]As the card says, but for rounding[/]: {plain(found[0])}.\n"
        )
    else:
        shown: Sequence[object] = large[:_MOST_DIFFERENCES]
        more = len(large) - len(shown)
        console.print("[red]Not as the card says:[/]")
        for one in shown:
            console.print(f"  {plain(one)}")
        console.print(f"  and {more} other figures\n" if more else "")
    return not large
