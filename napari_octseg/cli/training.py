"""The command that trains a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import console, plain, run_task
from napari_octseg.cli.options import Data, Device
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from napari_octseg.engine.recipe import Recipe


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe.json.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the new bundle.")] = Path("."),
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; an unfinished one goes on from there."),
    ] = None,
    device: Device = "auto",
) -> None:
    """Train a network from a recipe; Ctrl-C keeps the best so far."""
    import platform

    from napari_octseg.engine.device import choose_device, describe_device
    from napari_octseg.engine.recipe import read_recipe
    from napari_octseg.engine.shipping import iter_ship
    from napari_octseg.engine.training import TrainSettings, iter_train

    plan = read_recipe(recipe)
    _check_place(plan, out / plan.name)
    folder = run or Path("runs") / plan.name
    settings = TrainSettings(data, folder, device=device)
    try:
        run_task(iter_train(plan, settings), f"training {plan.name}")
    except KeyboardInterrupt:
        if not (folder / "best.pt").is_file():
            raise
        console.print("Stopped; the best weights so far are measured and kept.")
    chosen = str(choose_device(device).device)
    bundle = run_task(
        iter_ship(
            plan,
            folder / "best.pt",
            out / plan.name,
            data=data,
            hardware=f"{describe_device(chosen)}, {platform.machine()}",
            device=device,
        ),
        "measuring",
    )
    console.print(f"New bundle: {plain(bundle.folder)}")


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
