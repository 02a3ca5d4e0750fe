"""Commands for ground truth: keep it, look at it, exchange it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octseg._console import complaints, console, friendly, plain
from napari_octseg.cli.graded_scans import (
    corrected,
    fitting,
    labelled,
    patient_of,
    read_map,
    read_scans,
)
from napari_octseg.cli.groundtruth_options import (
    Folder,
    Mapping,
    Name,
    NoneOf,
    Patient,
    Replaces,
)
from napari_octseg.errors import LabelError, ReadError, WriteError

if TYPE_CHECKING:
    from napari_octseg.groundtruth.data_set import DataSet, ScanVersion
    from napari_octseg.groundtruth.graded_scan import GradedScan


def new(
    folder: Folder,
    name: Annotated[str, typer.Option(help="For people. [default: the folder's]")] = "",
    model: Annotated[
        str | None,
        typer.Option(help="With the classes and layers of this model; or --classes."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Classes in order: background,RNFL,GCIPL,… Or --model."),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            help="Which of them are layers, top to bottom; those known as layers by "
            "default, none for ''."
        ),
    ] = None,
) -> None:
    """Begin a data set in a new or empty folder."""
    from napari_octseg.boundaries import layers_among
    from napari_octseg.bundles.registry import find_bundle
    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.labels import LabelSet

    if (model is None) == (classes is None):
        raise LabelError(
            "A data set needs the classes of its labels",
            allowed="either --model NAME or --classes background,RNFL,…",
        )
    if model is not None:
        card = find_bundle(model).card
        assert card is not None
        label_set, known = card.label_set, tuple(card.layers)
    else:
        label_set = LabelSet.of(*_listed(classes))
        known = layers_among(label_set.names)
    chosen = known if layers is None else _listed(layers)
    title = name or folder.expanduser().resolve().name
    data_set = DataSet.create(folder, title, label_set, chosen)
    console.print(f"{plain(data_set.folder)}: {plain(', '.join(label_set.names))}")


def add(
    folder: Folder,
    scan: Annotated[Path, typer.Argument(help="A scan: file or folder.")],
    labels: Annotated[
        Path | None,
        typer.Argument(
            help="Labels of all of it: a file, or a folder of pictures. By default "
            "those that were corrected in the window."
        ),
    ] = None,
    patient: Patient = "",
    name: Name = "",
    first_code: Annotated[
        int, typer.Option(help="Code of the background in labels without class names.")
    ] = 0,
    by_hand: Annotated[
        bool,
        typer.Option(
            "--by-hand",
            help="A person drew the labels of the file. Otherwise it is recorded that "
            "you accept them as they are.",
        ),
    ] = False,
    mapping: Mapping = None,
    none_of: NoneOf = None,
    replaces: Replaces = False,
) -> None:
    """Add what was corrected of a scan, or labels from a file, as a new version.

    Of what was corrected only columns drawn by hand and reviewed B-scans count. Labels
    from a file count as a whole: you answer for them, which is recorded. What is graded
    in the data set, but not here, stays.
    """
    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.io import read_volume

    data_set, volume = DataSet.open(folder), read_volume(scan)
    chosen = read_map(mapping)
    options = {"patient": patient_of(data_set, volume, patient), "name": name}
    absent = none_of or ()
    if labels is None:
        found, untold = corrected(data_set, volume, chosen, none_of=absent, **options)
    else:
        found, untold = labelled(
            data_set,
            volume,
            labels,
            chosen,
            first_code,
            none_of=absent,
            by_hand=by_hand,
            **options,
        )
    # A file may leave out columns for any reason; a reviewer has seen all of them.
    whole = found.reviewed_bscans if labels is None else ()
    added = data_set.add(found, replaces=replaces, whole=whole, untold=untold)
    _tell(added, found)


def list_scans(folder: Folder) -> None:
    """List the scans of a data set, with their patients and versions."""
    from rich.table import Table

    from napari_octseg.groundtruth.data_set import DataSet

    data_set = DataSet.open(folder)
    split, scans = data_set.split(), data_set.scans()
    table = Table("scan", "patient", "side", "B-scans", "graded", "version", "saved")
    for one in scans:
        table.add_row(
            plain(one.name),
            plain(one.patient),
            split.get(one.patient, "not decided"),
            str(one.shape[0]),
            str(one.n_graded_bscans),
            str(one.newest.number),
            one.newest.time[:16].replace("T", " "),
        )
    console.print(table)
    n_graded = sum(one.n_graded_bscans for one in scans)
    console.print(
        f"{plain(data_set.name)}: {len(scans)} scans of {len(data_set.patients())} "
        f"patients, {n_graded} graded B-scans\n"
        f"classes: {plain(', '.join(data_set.label_set.names))}\n"
        f"digest: {data_set.digest()}",
        soft_wrap=True,
    )


def split(
    folder: Folder,
    fraction: Annotated[
        float, typer.Option(help="Share of the patients to hold out.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(help="Hold this patient out; may be repeated."),
    ] = None,
    train: Annotated[
        list[str] | None,
        typer.Option(help="Train on this patient; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be decided.")
    ] = False,
) -> None:
    """Decide which patients are trained on and which are held out.

    What was decided stays; patients that are new are drawn by chance.
    """
    from rich.table import Table

    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.groundtruth.split import TRAIN, VALIDATION

    data_set = DataSet.open(folder)
    _check_filled(data_set)
    asked = {
        **dict.fromkeys(hold_out or (), VALIDATION),
        **dict.fromkeys(train or (), TRAIN),
    }
    if dry_run:
        sides = data_set.propose_split(fraction, seed, asked)
    else:
        sides = data_set.fill_split(asked, fraction, seed)
    table = Table("patient", "side")
    for patient, side in sides.items():
        table.add_row(plain(patient), side)
    console.print(table)


def check(folder: Folder) -> None:
    """Say which files of a data set are not those that were written."""
    from napari_octseg.groundtruth.data_set import DataSet

    data_set = DataSet.open(folder)
    problems = data_set.check()
    for problem in problems:
        console.print(plain(problem), soft_wrap=True)
    if problems:
        complaints.print(
            "Take these files from a copy of the data set. Versions before them can "
            "still be read."
        )
        raise typer.Exit(1)
    console.print(f"All {len(data_set.scans())} scans are as they were written.")


def formats() -> None:
    """List the formats of other programs, and what each of them loses."""
    from rich.table import Table

    from napari_octseg.groundtruth.formats_table import format_rows

    first, *rows = format_rows()
    table = Table(*first)
    for row in rows:
        table.add_row(*map(plain, row))
    console.print(table)


def export(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    name: Annotated[
        str, typer.Option("--format", help="See: napari-octseg ground-truth formats")
    ],
    scans: Annotated[
        list[str] | None,
        typer.Option("--scan", help="Only this scan; may be repeated."),
    ] = None,
) -> None:
    """Write the newest versions of a data set in a format of other programs."""
    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.groundtruth.formats.registry import exchange_format

    data_set, chosen = DataSet.open(folder), exchange_format(name)
    if chosen.write is None:
        raise WriteError(
            f"{chosen.title} can only be read",
            todo="choose a format that can be written: napari-octseg ground-truth "
            "formats",
        )
    _check_filled(data_set)
    names = scans or [one.name for one in data_set.scans()]
    files = chosen.write(list(data_set.iter_newest(names)), out.expanduser())
    console.print(f"{plain(out)}: {len(files)} files", soft_wrap=True)
    if chosen.loses:
        console.print(f"What the format cannot hold: {plain(chosen.loses)}")


def import_labels(
    folder: Folder,
    path: Annotated[Path, typer.Argument(help="File or folder to read.")],
    name: Annotated[
        str, typer.Option("--format", help="See: napari-octseg ground-truth formats")
    ],
    scan: Annotated[
        Path | None,
        typer.Option(help="The scan, for formats that hold labels without pixels."),
    ] = None,
    patient: Patient = "",
    keep_names: Annotated[
        bool,
        typer.Option(
            "--keep-names",
            help="Keep names of scans and patients as they are in the file: for public "
            "data, whose names tell nobody's.",
        ),
    ] = False,
    accept_as_is: Annotated[
        bool,
        typer.Option(
            "--accept-as-is",
            help="Take what a machine has drawn as truth, which is recorded.",
        ),
    ] = False,
    mapping: Mapping = None,
    none_of: NoneOf = None,
    replaces: Replaces = False,
    write_map: Annotated[
        Path | None,
        typer.Option(
            help="Import nothing; write the table that would be used, to be edited "
            "and given with --map."
        ),
    ] = None,
) -> None:
    """Add labels that people made with other programs; they count as a whole.

    What is graded in the data set, but not there, stays.
    """
    from napari_octseg.groundtruth.class_mapping import propose, write_mapping
    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.groundtruth.graded_scan import accepted_as_is
    from napari_octseg.groundtruth.pseudonyms import grader_pseudonym
    from napari_octseg.groundtruth.scan_hash import scan_hash, scan_name

    data_set = DataSet.open(folder)
    found = read_scans(path, name, scan)
    if write_map is not None:
        write_mapping(propose(found[0].label_set, data_set.label_set), write_map)
        console.print(f"{plain(write_map)}: edit it, then import with --map")
        return
    chosen = read_map(mapping)
    known = {entry.scan: entry.patient for entry in data_set.scans()}
    for one in found:
        known_as = known.get(scan_hash(one.volume), "")
        whose = patient or known_as or one.patient
        is_kept = keep_names or whose == known_as
        fitted, untold = fitting(one, data_set, chosen, none_of or ())
        scan_in = replace(
            fitted,
            patient=whose if is_kept else data_set.pseudonym_of(whose),
            name=one.name if keep_names else scan_name(one.volume),
        )
        if accept_as_is:
            scan_in = accepted_as_is(scan_in, grader_pseudonym(getpass.getuser()))
        _tell(data_set.add(scan_in, replaces=replaces, untold=untold), scan_in)


def _check_filled(data_set: DataSet) -> None:
    if not data_set.scans():
        raise ReadError(
            f"The data set {data_set.name} has no scan", todo="add a scan first"
        )


def _tell(version: ScanVersion, scan: GradedScan) -> None:
    what = f"version {version.number}" if version.is_new else "nothing new"
    console.print(
        f"{plain(version.name)} of {plain(scan.patient)}: {what}, "
        f"{version.n_graded_bscans} of {scan.volume.n_bscans} B-scans graded",
        soft_wrap=True,
    )
    if version.is_new and version.kept is not None:
        console.print(f"{version.kept} Add with --replace to drop that.")


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (text or "").split(",") if one.strip())


app = typer.Typer(
    no_args_is_help=True,
    help="Ground truth: what people answer for, in a data set that keeps every "
    "version, and in the formats of other programs.",
)
_COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("new", new),
    ("add", add),
    ("list", list_scans),
    ("split", split),
    ("check", check),
    ("formats", formats),
    ("export", export),
    ("import", import_labels),
)
for _name, _command in _COMMANDS:
    app.command(_name)(friendly(_command))
