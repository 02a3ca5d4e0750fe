"""Commands that train a network and make a bundle of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import complaints, console, plain, run_task
from napari_octseg.cli.measuring import show_score
from napari_octseg.cli.options import Data, Device
from napari_octseg.errors import ReadError, RecipeError

if TYPE_CHECKING:
    from napari_octseg.engine.recipe import Recipe


Devices = Annotated[int, typer.Option(help="GPUs (or CPU processes) of each node.")]
Nodes = Annotated[int, typer.Option(help="Machines that train together.")]
Precision = Annotated[
    str, typer.Option(help="bf16-mixed, 32-true or 16-mixed, as Fabric names it.")
]


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe.json.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the new bundle.")] = Path("."),
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; an unfinished one goes on from there."),
    ] = None,
    device: Device = "auto",
    devices: Devices = 1,
    nodes: Nodes = 1,
    precision: Precision = "bf16-mixed",
) -> None:
    """Train a network from a recipe; Ctrl-C keeps the best so far."""
    from napari_octseg.engine.learning.fabric import is_first_process
    from napari_octseg.engine.recipe import read_recipe
    from napari_octseg.engine.shipping import hardware_of, iter_ship
    from napari_octseg.engine.training import TrainSettings, iter_train

    plan = read_recipe(recipe)
    _check_place(plan, out / plan.name)
    folder = run or Path("runs") / plan.name
    settings = TrainSettings(data, folder, device, devices, nodes, precision)
    _speak_once()
    try:
        run_task(iter_train(plan, settings), f"training {plan.name}")
    except KeyboardInterrupt:
        if not (folder / "best.pt").is_file():
            raise
        console.print("Stopped; the best weights so far are measured and kept.")
    if not is_first_process():
        return
    bundle = run_task(
        iter_ship(
            plan,
            folder / "best.pt",
            out / plan.name,
            data=data,
            hardware=hardware_of(device),
            device=device,
        ),
        "measuring",
    )
    console.print(f"New bundle: {plain(bundle.folder)}")


def cross_validate(
    recipe: Annotated[Path, typer.Argument(help="A recipe.json.")],
    data: Data,
    folds: Annotated[
        int, typer.Option(help="Parts; 0 holds out one patient after the other.")
    ] = 5,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            help="Data set whose patients are held out in turn; may be given several "
            "times; all that are not synthetic by default.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of the folds; an unfinished one goes on from there."),
    ] = None,
    device: Device = "auto",
    devices: Devices = 1,
    nodes: Nodes = 1,
    precision: Precision = "bf16-mixed",
) -> None:
    """Train anew for each part of the patients, and measure on those left out."""
    from napari_octseg.engine.cross_validation import iter_cross_validate
    from napari_octseg.engine.recipe import read_recipe
    from napari_octseg.engine.training import TrainSettings

    plan = read_recipe(recipe)
    folder = run or Path("runs") / f"{plan.name}-folds"
    settings = TrainSettings(data, folder, device, devices, nodes, precision)
    _speak_once()
    task = iter_cross_validate(plan, settings, folds=folds, names=sources or ())
    for score in run_task(task, f"cross-validating {plan.name}"):
        show_score(score)


def ship(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the new bundle.")] = Path("."),
    recipe: Annotated[
        Path | None,
        typer.Option(help="Its recipe, with better words; that of the run by default."),
    ] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(
            help="Further figures for the card (JSON), as of a cross validation; may "
            "be given several times."
        ),
    ] = None,
    hardware: Annotated[
        str, typer.Option(help="What it was trained on, if not on this machine.")
    ] = "",
    device: Device = "auto",
) -> None:
    """Make a bundle of a training run: measured on what it holds out, with a card."""
    from napari_octseg.bundles.score import read_scores
    from napari_octseg.engine.recipe import read_recipe
    from napari_octseg.engine.shipping import hardware_of, iter_ship

    plan = read_recipe(recipe or run / "recipe.json")
    best = run / "best.pt"
    if not best.is_file():
        raise ReadError(
            f"{run} holds no weights: best.pt is missing",
            todo="train until the first validation at least",
        )
    extra = [score for file in scores or () for score in read_scores(file)]
    _check_place(plan, out / plan.name)
    task = iter_ship(
        plan,
        best,
        out / plan.name,
        data=data,
        hardware=hardware or hardware_of(device),
        device=device,
        extra_scores=extra,
    )
    bundle = run_task(task, "measuring")
    console.print(f"New bundle: {plain(bundle.folder)}")


def _speak_once() -> None:
    """Of several processes that train together only the first one says something."""
    from napari_octseg.engine.learning.fabric import is_first_process

    console.quiet = complaints.quiet = not is_first_process()


def _check_place(plan: Recipe, folder: Path) -> None:
    """Find out before a long training whether its bundle can be made in `folder`."""
    from napari_octseg.bundles.registry import check_fit, check_new_bundle
    from napari_octseg.engine.recipe import read_recipe
    from napari_octseg.networks import build

    check_new_bundle(folder)
    present = folder / "recipe.json"
    if present.is_file() and read_recipe(present) != plan:
        raise RecipeError(
            f"{present} is another recipe than the one that is to be trained",
            todo="train that one, or give another folder with --out",
        )
    network = build(plan.architecture.name, plan.architecture.arguments)
    check_fit(network, plan.classes, plan.input, plan.name)
