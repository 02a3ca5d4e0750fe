"""The command `napari-octseg`: one thin function per subcommand."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import (
    complain,
    complaints,
    console,
    explained,
    friendly,
    make_folder,
    plain,
    run_task,
)
from napari_octseg.errors import OctsegError, ReadError, RecipeError, WriteError

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard, Score
    from napari_octseg.engine.recipe import Recipe

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Segment retinal OCT: open a scan of any scanner, run a bundled network, "
    "save the labels. Research use only.",
)
Device = Annotated[
    str, typer.Option(help="auto, cuda, cuda:1, mps or cpu; auto takes the best.")
]
Data = Annotated[Path, typer.Option(help="Folder that holds the recipe's data sets.")]
DEFAULT_MODEL = "octid-unet"


@app.callback()
def main(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what happens underneath.")
    ] = False,
) -> None:
    """Set up logging before any subcommand."""
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING)


@app.command()
@friendly
def view(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Scans to open: files or folders.")
    ] = None,
) -> None:
    """Open the window, with these scans."""
    from napari_octseg.widgets.view import run_view

    run_view(files or [])


@app.command()
@friendly
def demo(
    out: Annotated[
        Path | None,
        typer.Option(help="Write the results into this folder and close the window."),
    ] = None,
) -> None:
    """Show the window on a synthetic volume and segment it."""
    from napari_octseg.widgets.demo import run_demo

    run_demo(out=out)
    if out is not None:
        console.print(f"Written to {plain(out.resolve())}:", soft_wrap=True)
        for path in sorted(out.iterdir()):
            console.print(f"  {plain(path.name)}")


@app.command()
@friendly
def segment(
    inputs: Annotated[
        list[Path], typer.Argument(help="Scans: files, folders of pictures, exports.")
    ],
    model: Annotated[
        str, typer.Option(help="Name of a model, or the folder of a bundle.")
    ] = DEFAULT_MODEL,
    device: Device = "auto",
    out: Annotated[Path, typer.Option(help="Folder for the labels.")] = Path("labels"),
    suffix: Annotated[
        str, typer.Option("--format", help="tif, nii.gz, nrrd, mhd, eye, png.")
    ] = "tif",
    each: Annotated[
        bool,
        typer.Option(help="Take every file of a folder as a scan of its own."),
    ] = False,
    areas: Annotated[
        bool, typer.Option(help="Also write a table with the area of each class.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace labels that are there already.")
    ] = False,
) -> None:
    """Segment scans; labels go to OUT/<scan>_<model>.<format>."""
    from napari_octseg.bundles.registry import find_bundle
    from napari_octseg.engine.inference import iter_segment
    from napari_octseg.io import read_volume
    from napari_octseg.io.areas import class_areas, save_areas
    from napari_octseg.io.naming import label_targets
    from napari_octseg.io.save import check_label_file, save_labels

    # All that can be known to fail is found before the first scan is computed.
    card = find_bundle(model).card
    ending = f"_{card.name if card else model}.{suffix.lstrip('.').lower()}"
    check_label_file(Path(f"labels{ending}"))
    scans = [scan for path in inputs for scan in _scans(path, each=each)]
    if not scans:
        raise ReadError(f"There is no scan in {', '.join(map(str, inputs))}")
    targets = label_targets(scans, out, ending)
    if not overwrite:
        files = [file for _, target in targets for file in _files(target, areas=areas)]
        _refuse_existing(files)
    make_folder(out)
    failed = 0
    for scan, target in targets:
        try:
            with explained(scan.name):
                volume = read_volume(scan)
                check_label_file(target, volume.n_bscans)
                task = iter_segment(volume, model, device=device)
                result = run_task(task, f"{scan.name}: segmenting")
                save_labels(result, target, volume=volume)
                if areas:
                    table = class_areas(result.labels, result.label_set, volume.spacing)
                    save_areas(table, _areas_file(target))
        except OctsegError as error:
            # One bad scan must not cost the others of a long list.
            if len(targets) == 1:
                raise
            failed += 1
            complain(f"[red]{plain(scan.name)}:[/]", error)
            continue
        console.print(f"{plain(target)}  ({result.seconds:.1f} s)", soft_wrap=True)
    if failed:
        complaints.print(f"{failed} of {len(targets)} scans could not be segmented")
        raise typer.Exit(1)


@app.command()
@friendly
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


@app.command()
@friendly
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder for the scan and its truth.")],
    look: Annotated[str, typer.Option(help="spectralis, cirrus or topcon.")] = (
        "spectralis"
    ),
    findings: Annotated[
        list[str] | None,
        typer.Option("--finding", help="IRF, SRF, PED, …; may be given several times."),
    ] = None,
    shape: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="B-scans, depth, width; the scanner's own by default."),
    ] = None,
    eye: Annotated[str, typer.Option(help="OD (right) or OS (left).")] = "OD",
    seed: Annotated[int, typer.Option(help="The same seed gives the same scan.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there already.")
    ] = False,
) -> None:
    """Make a synthetic scan with exact truth: scan.tif, layers, findings, heights."""
    from napari_octseg.io.boundary_files import save_boundaries
    from napari_octseg.io.save import save_labels, save_volume
    from napari_octseg.phantom import (
        FINDING_SET,
        LAYER_SET,
        PhantomSettings,
        make_phantom,
    )

    settings = PhantomSettings(
        look=look,  # type: ignore[arg-type]  # checked by PhantomSettings
        shape=shape,
        findings=tuple(findings or ()),
        laterality=eye,  # type: ignore[arg-type]
        seed=seed,
    )
    parts = ("scan.tif", "layers.tif", "findings.tif", "boundaries.npz")
    if not overwrite:
        _refuse_existing([out / part for part in parts])
    made = make_phantom(settings)
    make_folder(out)
    save_volume(made.volume, out / "scan.tif")
    for name, labels, label_set in (
        ("layers", made.layers, LAYER_SET),
        ("findings", made.findings, FINDING_SET),
    ):
        save_labels(
            labels, out / f"{name}.tif", volume=made.volume, label_set=label_set
        )
    save_boundaries(made.boundaries, out / "boundaries.npz")
    console.print(f"Written to {plain(out)}: scan, layers, findings, boundaries")


@app.command()
@friendly
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


@app.command()
@friendly
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


def _scans(path: Path, *, each: bool) -> list[Path]:
    """The scans of one argument: itself, or with `each` the files of a folder."""
    if not (each and path.is_dir()):
        return [path]
    return sorted(p for p in path.iterdir() if not p.name.startswith("."))


def _files(target: Path, *, areas: bool) -> list[Path]:
    """All that `segment` writes for one scan."""
    return [target, _areas_file(target)] if areas else [target]


def _areas_file(target: Path) -> Path:
    """Table of areas beside labels: `a_net.nii.gz` has `a_net_areas.csv`."""
    from napari_octseg.io.napari_hooks import layer_name

    return target.with_name(f"{layer_name(target)}_areas.csv")


def _refuse_existing(files: list[Path]) -> None:
    there = [file for file in files if file.exists()]
    if there:
        raise WriteError(
            f"{there[0]} is there already"
            + (f", and so are {len(there) - 1} others" if there[1:] else ""),
            todo="use --overwrite to replace, or give another folder",
        )


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
