"""The command that quantifies labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import complaints, console, plain, run_task
from napari_octseg.cli.options import Device, refuse_existing
from napari_octseg.errors import LabelError, WriteError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_octseg.io.label_files import LabelFile
    from napari_octseg.labels import LabelSet
    from napari_octseg.measure.quantify import Amount, Quantification
    from napari_octseg.volume import Spacing


def quantify(
    prediction: Annotated[
        Path,
        typer.Argument(help="Labels: a file or folder. With --model, a scan."),
    ],
    truth: Annotated[
        Path | None, typer.Argument(help="Labels of the ground truth.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Segment the scan with this model first.")
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--label-set",
            help="What the labels stand for: the name of a model, or the classes "
            "from code 0 on, as in background,IRF,SRF. Files that this program "
            "wrote as TIFF or .eye tell it themselves.",
        ),
    ] = None,
    first_code: Annotated[
        int,
        typer.Option(
            min=0, max=1, help="Code of the background: 1 where files count from 1."
        ),
    ] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the table to this CSV.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the occupancy profile into this PNG.")
    ] = None,
    device: Device = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there already.")
    ] = False,
) -> None:
    """Share, area and volume of each class; against a ground truth if one is given."""
    from napari_octseg.io.areas import save_areas
    from napari_octseg.io.label_files import class_indices, read_labels
    from napari_octseg.measure.quantify import iter_quantify

    _check_endings(out, picture)
    if not overwrite:
        refuse_existing([file for file in (out, picture) if file is not None])
    if model is not None and classes is not None:
        raise LabelError(
            "Both --model and --label-set were given",
            allowed="one of them: a model knows its classes",
        )
    true_file = None if truth is None else read_labels(truth)
    if model is not None:
        labels, label_set, spacing = _segmented(prediction, model, device)
    else:
        file = read_labels(prediction)
        label_set, spacing = _label_set(classes, file, true_file), file.spacing
        labels = class_indices(file, label_set, first_code)
        _warn_of_first_code(file, first_code)
    true = None
    if true_file is not None:
        true = class_indices(true_file, label_set, first_code)
        _warn_of_first_code(true_file, first_code)
        spacing = true_file.spacing if true_file.spacing.is_known else spacing
    task = iter_quantify(labels, label_set, true, spacing)
    found = run_task(task, "quantifying")
    _show(found, with_truth=true is not None)
    if out is not None:
        save_areas(found.table(), out)
        console.print(f"Written to {plain(out)}", soft_wrap=True)
    if picture is not None:
        _draw(labels, found, picture, len(label_set), title=prediction.name)
        console.print(f"Written to {plain(picture)}", soft_wrap=True)


def _check_endings(out: Path | None, picture: Path | None) -> None:
    for path, ending in ((out, ".csv"), (picture, ".png")):
        if path is not None and path.suffix.lower() != ending:
            raise WriteError(
                f"{path.name} ends in {path.suffix or 'nothing'}", allowed=ending
            )


def _segmented(
    scan: Path, model: str, device: str
) -> tuple[NDArray[np.uint8], LabelSet, Spacing]:
    from napari_octseg.engine.inference import iter_segment
    from napari_octseg.io import read_volume

    volume = read_volume(scan)
    task = iter_segment(volume, model, device=device)
    result = run_task(task, f"{scan.name}: segmenting")
    return result.labels, result.label_set, volume.spacing


def _label_set(
    wanted: str | None, file: LabelFile, true_file: LabelFile | None
) -> LabelSet:
    """The classes asked for, else those that the files tell of.

    Raises
    ------
    LabelError
        If nothing tells.
    """
    from napari_octseg.bundles.registry import find_bundle
    from napari_octseg.labels import LabelSet

    if wanted is None:
        known = file.label_set
        if known is None and true_file is not None:
            known = true_file.label_set
        if known is None:
            raise LabelError(
                f"{file.name} does not tell what its labels stand for",
                todo="give --label-set raspnet, the name of another model, or the "
                "classes themselves, as in --label-set background,IRF,SRF",
            )
        return known
    if "," in wanted:
        return LabelSet.of(*(name.strip() for name in wanted.split(",")))
    card = find_bundle(wanted).card
    if card is None:
        raise LabelError(f"The model {wanted} cannot be used: its card is broken")
    return card.label_set


def _warn_of_first_code(file: LabelFile, first_code: int) -> None:
    if file.label_set is None and first_code == 0 and not (file.codes == 0).any():
        complaints.print(
            f"[yellow]{plain(file.name)} has no background (code 0) at all. If its "
            "codes count from 1, give --first-code 1.[/]",
            soft_wrap=True,
        )


def _draw(
    labels: NDArray[np.uint8],
    found: Quantification,
    path: Path,
    n_classes: int,
    *,
    title: str,
) -> None:
    from napari_octseg.measure.profile import iter_occupancy
    from napari_octseg.measure.profile_picture import save_profile

    occupancy = run_task(iter_occupancy(labels, n_classes), "drawing")
    save_profile(occupancy, found, path, title=title)


def _show(found: Quantification, *, with_truth: bool) -> None:
    from rich.table import Table

    columns = ["class", "%", "px²", "mm²", "nL"]
    columns += ["true %", "difference", "Dice", "true nL"] if with_truth else []
    table = Table(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="right")
    for one in found.classes:
        cells = [plain(one.label_class.name), f"{one.predicted.percent:.3f}"]
        cells += [f"{one.predicted.area_px:.0f}", *_units(one.predicted)]
        if one.true is not None:
            cells += [f"{one.true.percent:.3f}", f"{one.percent_difference:.3f}"]
            cells += [f"{one.dice:.3f}", _units(one.true)[1]]
        table.add_row(*cells)
    console.print(table)
    n = found.n_bscans
    console.print(f"{n} B-scan{'' if n == 1 else 's'}. Research use only.")
    if found.n_ignored:
        console.print(f"{found.n_ignored} pixels that nobody graded were left out.")


def _units(amount: Amount) -> tuple[str, str]:
    """Area in mm² and volume in nL, a dash where the spacing is not known."""
    from math import isnan

    area, volume = amount.area_mm2, amount.volume_nl
    return (
        "–" if isnan(area) else f"{area:.3f}",
        "–" if isnan(volume) else f"{volume:.1f}",
    )
