"""Commands that fine-tune a model, and accept, discard or roll back what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import console, plain, run_task
from napari_octseg.cli.options import Device
from napari_octseg.errors import ModelError, RecipeError

if TYPE_CHECKING:
    from napari_octseg.engine.finetuning.candidates import Candidate
    from napari_octseg.engine.finetuning.gate import ClassChange
    from napari_octseg.engine.finetuning.run import Run
    from napari_octseg.engine.finetuning.status import RunStatus

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="Folder of the run, or its name in `runs`.")
]
Background = Annotated[
    bool, typer.Option("--background", help="Do not wait for the end.")
]


def fine_tune(
    model: Annotated[str, typer.Argument(help="Name or folder of the model.")],
    data_set: Annotated[
        Path, typer.Argument(help="Folder of the ground-truth data set.")
    ],
    preset: Annotated[
        str, typer.Option(help="quick (minutes), standard or thorough.")
    ] = "standard",
    scope: Annotated[
        str | None,
        typer.Option(
            help="Weights that change: all, decoder (behind the encoder) or norm "
            "(normalisation layers).",
            show_default="as the preset says",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Updates.", show_default="as the preset says")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Time that the training may take.", show_default="as the preset says"
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Largest one.", show_default="as the preset says"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Crops of one update.", show_default="the model's own"),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the data sets that the model was trained on, against "
            "forgetting; phantoms are used in any case."
        ),
    ] = None,
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="Scan whose look training scans are given; repeatable."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of the run.", show_default="one of your own"),
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        str, typer.Option(help="bf16-mixed, 32-true or 16-mixed.")
    ] = "bf16-mixed",
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    background: Background = False,
) -> None:
    """Fine-tune a model on ground truth; Ctrl-C keeps the best so far.

    It runs in a process of its own, also when this terminal is closed. The result is a
    candidate: measured beside the model it comes from, to be accepted or discarded.
    """
    from napari_octseg.engine.finetuning.run import start_run
    from napari_octseg.engine.finetuning.run_folder import new_run_folder
    from napari_octseg.engine.finetuning.settings import FineTuneSettings

    values = {
        "model": model,
        "data_set": data_set,
        "run": run or new_run_folder(model),
        "preset": preset,
        "scope": scope,
        "n_steps": steps,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "minutes": minutes,
        "replay": replay,
        "unlabelled": unlabelled or (),
        "device": device,
        "precision": precision,
        "seed": seed,
    }
    # `from_json` checks the words that come from outside.
    started = start_run(FineTuneSettings.from_json(values))
    for sentence in filter(None, [started.job.held_out, *started.job.notes]):
        console.print(plain(sentence))
    _wait(started, background=background)


def runs() -> None:
    """List the fine-tunings that are going on or wait for a decision."""
    from rich.table import Table

    from napari_octseg.engine.finetuning.run import list_runs
    from napari_octseg.engine.finetuning.run_folder import runs_dir

    own, found = runs_dir().resolve(), list_runs()
    if not found:
        console.print("No fine-tuning is going on or waits for a decision.")
        return
    table = Table("run", "model", "ground truth", "started", "state")
    for run in found:
        job = run.job
        began = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.time))
        at = run.folder.resolve()
        name = at.name if at.parent == own else str(at)
        texts = (name, job.parent, job.data_name, began, _state(run.status))
        table.add_row(*map(plain, texts))
    console.print(table)


def follow(name: RunName) -> None:
    """Watch a fine-tuning that is going on; Ctrl-C cancels it, keeping the best."""
    from napari_octseg.engine.finetuning.run import find_run

    _wait(find_run(name), background=False)


def resume(name: RunName, background: Background = False) -> None:
    """Go on with a fine-tuning that crashed, failed or was cancelled."""
    from napari_octseg.engine.finetuning.run import find_run, resume_run

    _wait(resume_run(find_run(name)), background=background)


def stop(name: RunName) -> None:
    """Cancel a fine-tuning; the best weights so far are measured."""
    from napari_octseg.engine.finetuning.run import find_run

    run = find_run(name)
    run.cancel()
    while (status := run.status).phase in ("preparing", "training"):
        if not status.is_alive and not run.is_stopping:
            break
        time.sleep(0.05)
    console.print(plain(_state(run.status)))


def accept(
    name: RunName,
    model: Annotated[str, typer.Argument(help="Name of the new model.")],
    title: Annotated[
        str, typer.Option(help="For people.", show_default="that of its parent")
    ] = "",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Also if it is worse, or has forgotten.")
    ] = False,
) -> None:
    """Make the candidate of a fine-tuning a model of your own."""
    from napari_octseg.engine.finetuning import candidates

    candidate = _candidate(name)
    comparison = candidate.comparison
    if not anyway and (comparison.verdict == "worse" or comparison.forgot):
        raise ModelError(
            comparison.text,
            allowed="candidates that are not worse",
            todo="discard it, or give --anyway if you know better",
        )
    bundle = candidates.accept(candidate, model, title)
    console.print(f"New model {plain(bundle.name)}: {plain(bundle.folder)}")


def discard(name: RunName) -> None:
    """Remove a fine-tuning and its candidate: nothing stays."""
    from napari_octseg.engine.finetuning.candidates import discard_run
    from napari_octseg.engine.finetuning.run import find_run

    run = find_run(name)
    discard_run(run.folder)
    console.print(f"Removed: {plain(run.folder)}")


def roll_back(
    model: Annotated[str, typer.Argument(help="A fine-tuned model.")],
    ancestor: Annotated[
        str, typer.Argument(help="The model that is to be used again.")
    ],
) -> None:
    """Go back to an ancestor of a model; what came after it is retired."""
    from napari_octseg.engine.finetuning import lineage

    for name in lineage.roll_back(model, ancestor):
        console.print(f"Retired: {plain(name)}")


def restore(
    model: Annotated[str, typer.Argument(help="A model that was retired.")],
) -> None:
    """Bring a model back that was retired by `roll-back`."""
    from napari_octseg.engine.finetuning import lineage

    lineage.restore(model)
    console.print(f"Back in the list: {plain(model)}")


def _wait(run: Run, *, background: bool) -> None:
    """Show a run until its end, and what came of it."""
    from napari_octseg.engine.finetuning.run import iter_follow

    console.print(f"Run: {plain(run.folder)}", soft_wrap=True)
    if background:
        console.print(f"Watch it with: napari-octseg follow {plain(run.folder.name)}")
        return
    while True:
        try:
            candidate = run_task(iter_follow(run), f"fine-tuning {run.job.parent}")
            break
        except KeyboardInterrupt:
            if run.status.has_ended:
                raise
            console.print("Stopping; the best so far is measured and kept.")
            run.cancel()
    if candidate is None:
        raise RecipeError(
            "The fine-tuning was cancelled without a candidate",
            todo=f"go on with: napari-octseg resume {run.folder.name}",
        )
    _show(candidate)


def _show(candidate: Candidate) -> None:
    from rich.table import Table

    comparison = candidate.comparison
    means = [row for row in comparison.replay if row.name == "mean"]
    for title, rows in (
        ("held-out ground truth", (comparison.mean, *comparison.held_out)),
        ("what it knew before", means),
    ):
        shown = [row for row in rows if row is not None]
        if not shown:
            continue
        table = Table(
            "data", "class", "Dice before", "after", "error before", "after", "verdict"
        )
        table.title = title
        for row in shown:
            table.add_row(*map(plain, _cells(row)))
        console.print(table)
    for note in comparison.notes:
        console.print(f"[dim]{plain(note)}[/]")
    console.print(plain(comparison.text))
    name = plain(candidate.run.name)
    console.print(
        f"Keep it with: napari-octseg accept {name} NAME; "
        f"remove it with: napari-octseg discard {name}"
    )


def _cells(row: ClassChange) -> list[str]:
    dice = [_number(value, "") for value in (row.dice_before, row.dice_after)]
    errors = [_number(value, row.unit) for value in (row.mae_before, row.mae_after)]
    return [row.source, row.name, *dice, *errors, row.verdict]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:.1f} {unit}" if unit else f"{value:.3f}"


def _state(status: RunStatus) -> str:
    """State of a run in a line."""
    if status.has_crashed:
        return "crashed: resume or discard it"
    if status.phase == "finished":
        return "accept or discard its candidate"
    if status.phase == "failed" and status.trouble is not None:
        return f"failed: {status.trouble.got}"
    if status.phase == "cancelled":
        return "cancelled: resume or discard it"
    return f"{status.phase} {status.done} of {status.total}"


def _candidate(name: str) -> Candidate:
    from napari_octseg.engine.finetuning.candidates import read_candidate
    from napari_octseg.engine.finetuning.run import find_run

    return read_candidate(find_run(name).folder)
