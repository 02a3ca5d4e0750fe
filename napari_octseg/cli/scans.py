"""Commands for scans: look at them, segment them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

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
from napari_octseg.errors import ModelError, OctsegError, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_octseg.engine.comparing.merging import Merged
    from napari_octseg.engine.enface import EnfaceSegmentation
    from napari_octseg.engine.inference import Segmentation
    from napari_octseg.engine.progress import Progress
    from napari_octseg.engine.vessel_map import VesselMap
    from napari_octseg.volume import OCTVolume

    _Vessels: TypeAlias = EnfaceSegmentation | VesselMap


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
        list[str] | None,
        typer.Option(
            help="Name of a model, or the folder of a bundle; given several times, the "
            "probabilities of these models are averaged. "
            f"[default: {DEFAULT_MODEL}]",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(help="Model whose layers are taken; goes with --findings."),
    ] = None,
    findings: Annotated[
        str | None,
        typer.Option(
            help="Model whose findings, such as fluid, are painted over these layers; "
            "both become one label set."
        ),
    ] = None,
    flips: Annotated[
        bool,
        typer.Option(
            "--flips",
            help="Average with mirrored B-scans; a map of vessels over all flips and "
            "quarter turns.",
        ),
    ] = False,
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
    """Segment scans; labels go to OUT/SCAN_MODEL.FORMAT.

    A model of vessels gives of a volume a map with square pixels, B-scans as rows, and
    beside it the projection it was made from, OUT/SCAN_MODEL_projection.tif. One
    picture is taken for an en-face image, such as OCT angiography or a photograph of
    the fundus, of which green is seen.
    """
    from napari_octseg.bundles.registry import find_bundle
    from napari_octseg.engine.suitability import may_be_picture
    from napari_octseg.io import in_green, read_volume
    from napari_octseg.io.areas import class_areas, save_areas
    from napari_octseg.io.naming import label_targets
    from napari_octseg.io.save import check_label_file, save_labels, save_volume

    # All that can be known to fail is found before the first scan is computed.
    merged = _both_or_none(layers, findings, model)
    names = list(merged or model or [DEFAULT_MODEL])
    cards = [card for name in names if (card := find_bundle(name).card)]
    enface = cards[0].input.plane == "enface" and not merged
    task_of = _merge_of(*merged) if merged else _task_of(names, enface=enface)
    joined = "+".join(card.name for card in cards)
    ending = f"_{joined}.{suffix.lstrip('.').lower()}"
    check_label_file(Path(f"labels{ending}"))
    scans = [scan for path in inputs for scan in _scans(path, each=each)]
    if not scans:
        raise ReadError(f"There is no scan in {', '.join(map(str, inputs))}")
    targets = label_targets(scans, out, ending)
    if not overwrite:
        files = [
            file
            for _, target in targets
            for file in _files(target, areas=areas, enface=enface)
        ]
        refuse_existing(files)
    make_folder(out)
    failed = 0
    for scan, target in targets:
        try:
            with explained(scan.name):
                volume = read_volume(scan)
                if enface and may_be_picture(volume):
                    volume = in_green(volume)
                check_label_file(target, 1 if enface else volume.n_bscans)
                task = task_of(volume, device=device, flips=flips)
                result = run_task(task, f"{scan.name}: segmenting")
                # The projection, where the labels lie on one.
                seen = getattr(result, "volume", volume)
                save_labels(result, target, seen)
                if enface and seen is not volume:
                    save_volume(seen, _beside(target, "projection.tif"))
                if areas:
                    labels = result.labels.reshape(seen.shape)
                    table = class_areas(labels, result.label_set, seen.spacing)
                    save_areas(table, _beside(target, "areas.csv"))
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


def _task_of(
    names: list[str], *, enface: bool
) -> Callable[..., Generator[Progress, None, Segmentation | _Vessels]]:
    """What segments a volume with these models.

    Raises
    ------
    ModelError
        If they cannot be averaged.
    """
    from napari_octseg.engine import inference
    from napari_octseg.engine.ensemble import find_models

    find_models(names, "enface" if enface else "bscan")
    return partial(_iter_vessels if enface else inference.iter_segment, model=names)


def _iter_vessels(
    volume: OCTVolume, model: list[str], *, device: str, flips: bool
) -> Generator[Progress, None, _Vessels]:
    """Vessels of an en-face picture, or of a volume by its projection."""
    from napari_octseg.engine.enface import iter_segment_enface
    from napari_octseg.engine.suitability import may_be_picture
    from napari_octseg.engine.vessel_map import iter_vessel_map

    if may_be_picture(volume):
        image = volume.bscan(0)
        return (
            yield from iter_segment_enface(image, model, device=device, flips=flips)
        )
    return (yield from iter_vessel_map(volume, model, device=device, flips=flips))


def _both_or_none(
    layers: str | None, findings: str | None, models: list[str] | None
) -> tuple[str, str] | None:
    """The models of layers and of findings, if they were given.

    Raises
    ------
    ModelError
        If only one of them was, or other models beside them.
    """
    if layers is None and findings is None:
        return None
    if layers is None or findings is None or models:
        raise ModelError(
            "--layers and --findings go together, and not with --model",
            todo="give --layers MODEL --findings MODEL, or --model alone",
        )
    return layers, findings


def _merge_of(
    layers: str, findings: str
) -> Callable[..., Generator[Progress, None, Merged]]:
    """What segments a volume with the layers of one model, the findings of another.

    Raises
    ------
    OctsegError
        If they cannot be merged.
    """
    from napari_octseg.engine.comparing import merging
    from napari_octseg.engine.ensemble import find_models

    for name in (layers, findings):
        find_models(name, "bscan")
    merging.plan_of(layers, findings)
    return partial(merging.iter_merged, layers=layers, findings=findings)


def _files(target: Path, *, areas: bool, enface: bool) -> list[Path]:
    """All that `segment` may write for one scan."""
    files = [target]
    if enface:
        files.append(_beside(target, "projection.tif"))
    if areas:
        files.append(_beside(target, "areas.csv"))
    return files


def _beside(target: Path, ending: str) -> Path:
    """A file beside labels: of `a_net.nii.gz` `a_net_areas.csv`."""
    from napari_octseg.io.napari_hooks import layer_name

    return target.with_name(f"{layer_name(target)}_{ending}")
