"""The command that adapts a model to scans without labels."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from napari_octseg._console import complaints, console, plain, run_task
from napari_octseg.cli.options import Device

if TYPE_CHECKING:
    from collections.abc import Iterator


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
        bool | None,
        typer.Option(
            "--histogram/--no-histogram",
            help="Match grey values to those of the model's training scans.  "
            "[default: only where the model has no batch norm]",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds the model's training data sets, for what they look "
            "like; what the model has kept of that by default."
        ),
    ] = None,
    ground_truth: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a data set with corrected B-scans: before and after are "
            "measured on it, and a model that is worse is not kept."
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the model even if it is worse.")
    ] = False,
    device: Device = "auto",
) -> None:
    """Adapt a model to the scans of another device, without labels.

    The result is a new model, and how much it changes is said. Whether that is for the
    better, only labels can tell: give some (--ground-truth), or look at both models
    side by side in the window.
    """
    from napari_octseg.bundles.registry import find_bundle, user_models_dir
    from napari_octseg.engine.finetuning.adaptation import iter_adapt
    from napari_octseg.engine.finetuning.judged_adaptation import iter_judge, truth_for
    from napari_octseg.io import read_volume

    bundle = find_bundle(model)
    card = bundle.card
    if ground_truth is not None:
        truth_for(bundle, ground_truth)  # a wrong folder shows before the long part
    known = card.name if card is not None else model
    folder = (out or user_models_dir()) / (name or f"{known}-adapted")
    volumes = [read_volume(scan) for scan in scans]
    adapting = iter_adapt(
        model,
        volumes,
        folder=folder,
        refresh_norms=norms,
        match_histogram=histogram,
        device=device,
        data=data,
    )
    adapted = run_task(adapting, f"adapting {known}")
    for sentence in adapted.did:
        console.print(f"{plain(sentence)}.")
    for note in adapted.notes:
        console.print(f"[yellow]{plain(note)}.[/]")
    for scan, share in zip(scans, adapted.changed, strict=True):
        change = (
            "nothing found" if np.isnan(share) else f"{share:.1%} labelled otherwise"
        )
        console.print(f"  {plain(scan.name)}: {change}")
    if ground_truth is not None:
        task = iter_judge(adapted, ground_truth, device=device)
        with kept_on_failure(folder):
            comparison = run_task(task, "measuring before and after").comparison
        console.print(plain(comparison.text))
        if comparison.verdict == "worse" and not keep:
            shutil.rmtree(folder)
            complaints.print("It is not kept; --keep does so all the same.")
            raise typer.Exit(1)
    console.print(f"New bundle: {plain(adapted.bundle.folder)}", soft_wrap=True)


@contextmanager
def kept_on_failure(folder: Path) -> Iterator[None]:
    """Say where the model is if measuring it fails, or is stopped."""
    try:
        yield
    except BaseException:
        complaints.print(
            f"The model was not measured. It is kept: {plain(folder)}", soft_wrap=True
        )
        raise
