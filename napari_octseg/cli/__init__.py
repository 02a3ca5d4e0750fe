"""The command `napari-octseg`: one thin function per subcommand."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from napari_octseg._console import friendly
from napari_octseg.cli import (
    adapting,
    bundles,
    measuring,
    phantoms,
    quantities,
    scans,
    training,
)

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
