"""Commands for scans: look at them, segment them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_octseg._console import (
    complain,
    complaints,
    console,
    explained,
    make_folder,
    plain,
    run_task,
)
from napari_octseg.cli.options import DEFAULT_MODEL, Device, refuse_existing
from napari_octseg.errors import OctsegError, ReadError


def view(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Scans to open: files or folders.")
    ] = None,
) -> None:
    """Open the window, with these scans."""
    from napari_octseg.widgets.view import run_view

    run_view(files or [])


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
        refuse_existing(files)
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
