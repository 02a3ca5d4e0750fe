"""The command that adapts a model to scans without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_octseg._console import console, plain, run_task
from napari_octseg.cli.options import Device


def adapt(
    model: Annotated[str, typer.Argument(help="Name or folder of a bundle.")],
    scans: Annotated[
        list[Path], typer.Argument(help="Unlabelled scans: files or folders.")
    ],
    name: Annotated[
        str, typer.Option(help="Name of the new model.  [default: MODEL-adapted]")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the new bundle; that of your own by default."),
    ] = None,
    norms: Annotated[
        bool,
        typer.Option(help="Move the statistics of batch norm towards the scans'."),
    ] = True,
    histogram: Annotated[
        bool,
        typer.Option(help="Match grey values to those of the model's training scans."),
    ] = True,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds the model's training data sets, for what they look "
            "like; phantoms alone tell by default."
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Adapt a model to the scans of another device, without labels.

    The result is a new model, and how much it changes is said. Whether that is for the
    better, only labels can tell: measure it with evaluate, or look at both models side
    by side in the window.
    """
    from napari_octseg.bundles.registry import find_bundle, user_models_dir
    from napari_octseg.engine.finetuning.adaptation import iter_adapt
    from napari_octseg.io import read_volume

    card = find_bundle(model).card
    known = card.name if card is not None else model
    folder = (out or user_models_dir()) / (name or f"{known}-adapted")
    volumes = [read_volume(scan) for scan in scans]
    task = iter_adapt(
        model,
        volumes,
        folder=folder,
        refresh_norms=norms,
        match_histogram=histogram,
        device=device,
        data=data,
    )
    adapted = run_task(task, f"adapting {known}")
    for sentence in adapted.did:
        console.print(f"{plain(sentence)}.")
    for note in adapted.notes:
        console.print(f"[yellow]{plain(note)}.[/]")
    for scan, share in zip(scans, adapted.changed, strict=True):
        change = (
            "nothing found" if np.isnan(share) else f"{share:.1%} labelled otherwise"
        )
        console.print(f"  {plain(scan.name)}: {change}")
    console.print(f"New bundle: {plain(adapted.bundle.folder)}", soft_wrap=True)
