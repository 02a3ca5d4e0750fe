"""The command `napari-octseg`: one thin function per subcommand."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import friendly
from napari_octseg.cli import (
    adapting,
    bundles,
    finetuning,
    groundtruth,
    measuring,
    phantoms,
    quantities,
    scans,
    training,
)

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Segment retinal OCT: open a scan of any scanner, run a bundled network, "
    "save the labels. Research use only.",
)
COMMANDS = (
    scans.view,
    scans.demo,
    scans.segment,
    quantities.quantify,
    bundles.models,
    phantoms.phantom,
    training.train,
    training.cross_validate,
    training.ship,
    measuring.evaluate,
    adapting.adapt,
)
"""In the order of the help page; `cross_validate` is called `cross-validate`."""
FINE_TUNING: tuple[Callable[..., None], ...] = (
    finetuning.fine_tune,
    finetuning.runs,
    finetuning.follow,
    finetuning.stop,
    finetuning.resume,
    finetuning.accept,
    finetuning.discard,
    finetuning.roll_back,
    finetuning.restore,
)
"""The same, in a part of the help page of their own."""


@app.callback()
def main(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what happens underneath.")
    ] = False,
) -> None:
    """Set up logging before any subcommand."""
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING)


for _command in COMMANDS:
    app.command()(friendly(_command))
for _tuning in FINE_TUNING:
    app.command(rich_help_panel="Fine-tuning")(friendly(_tuning))
app.add_typer(groundtruth.app, name="ground-truth")
