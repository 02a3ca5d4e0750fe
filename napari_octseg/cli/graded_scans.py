"""Graded scans that a command is given: corrected in the window, or in files."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg._console import complaints, plain
from napari_octseg.errors import LabelError, ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.class_mapping import ClassMapping
    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.groundtruth.graded_scan import GradedScan, Provenance
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume


def corrected(
    data_set: DataSet,
    volume: OCTVolume,
    mapping: ClassMapping | None,
    *,
    patient: str,
    name: str,
    none_of: Sequence[str] = (),
) -> tuple[GradedScan, tuple[str, ...]]:
    """What was corrected of a scan, as `fitting` gives it.

    Raises
    ------
    ReadError
        If nothing was, or with other classes.
    """
    from napari_octseg.editing.grading import Grading
    from napari_octseg.editing.harvest import graded_scan
    from napari_octseg.editing.identity import find_journals, journal_path
    from napari_octseg.groundtruth.scan_hash import scan_name

    path = journal_path(volume, data_set.label_set)
    label_set, layers = data_set.label_set, data_set.layers
    if not path.is_file():
        journals = find_journals(volume)
        if not journals or mapping is None:
            kept = ["; ".join(", ".join(one.label_set.names) for one in journals)]
            raise ReadError(
                f"{volume.source} was not corrected with the classes of the data set, "
                + (f"but with {kept[0]}" if journals else "nor with any others"),
                allowed=", ".join(data_set.label_set.names),
                todo="say with --map which class becomes which"
                if journals
                else "correct it in the window, or give a file with its labels",
            )
        newest = journals[0]
        path, label_set, layers = newest.path, newest.label_set, newest.layers
    grading = Grading.open(volume, label_set, layers, path=path)
    try:
        scan = graded_scan(grading, patient=patient, name=name or scan_name(volume))
    finally:
        grading.close()
    return fitting(scan, data_set, mapping, none_of)


def labelled(
    data_set: DataSet,
    volume: OCTVolume,
    path: Path,
    mapping: ClassMapping | None,
    first_code: int,
    *,
    patient: str,
    name: str,
    none_of: Sequence[str] = (),
    by_hand: bool = False,
) -> tuple[GradedScan, tuple[str, ...]]:
    """Labels of a file, as `fitting` gives them.

    Unless a person drew them (`by_hand`) they may be a model's: then it is recorded
    that whoever adds them accepts them as they are.
    """
    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.groundtruth.pseudonyms import grader_pseudonym
    from napari_octseg.groundtruth.scan_hash import scan_name
    from napari_octseg.io.label_files import class_indices, read_labels

    file = read_labels(path)
    label_set = file.label_set or data_set.label_set
    same = label_set.names == data_set.label_set.names
    who = grader_pseudonym(getpass.getuser())
    return fitting(
        GradedScan(
            name=name or scan_name(volume),
            patient=patient,
            volume=volume,
            labels=class_indices(file, label_set, first_code),
            label_set=label_set,
            layers=data_set.layers if same else (),
            provenance=_of_a_file(volume, who, by_hand=by_hand),
        ),
        data_set,
        mapping,
        none_of,
    )


def _of_a_file(volume: OCTVolume, who: str, *, by_hand: bool) -> Provenance:
    from napari_octseg.groundtruth.graded_scan import HUMAN, Provenance

    n = volume.n_bscans
    return Provenance(
        states=("reviewed",) * n,
        accepted=(not by_hand,) * n,
        graders=(who,) * n,
        seconds=(0.0,) * n,
        edit_um=(None,) * n,
        origins=np.zeros((n, volume.width), np.uint8),
        origin_names=(HUMAN if by_hand else "file",),
    )


def fitting(
    scan: GradedScan,
    data_set: DataSet,
    mapping: ClassMapping | None,
    none_of: Sequence[str] = (),
) -> tuple[GradedScan, tuple[str, ...]]:
    """The scan with the classes of the data set; says what is therefore not graded.

    `none_of` are findings that somebody says are nowhere in it (`ClassMapping.apply`).
    With it come the findings of which its labels tell nothing.
    """
    from napari_octseg.groundtruth.class_mapping import LEFT_OUT, propose

    own: tuple[LabelSet, tuple[str, ...]] = (data_set.label_set, data_set.layers)
    same = scan.label_set.names == own[0].names and scan.layers == own[1]
    if same and mapping is None:
        return scan, ()
    chosen = mapping or propose(scan.label_set, own[0])
    left_out = [source for source, target in chosen.renames if target == LEFT_OUT]
    if left_out and mapping is None:
        complaints.print(
            f"{plain(scan.name)}: without a counterpart, and therefore not graded: "
            f"{plain(', '.join(left_out))}. Say with --map what becomes of them."
        )
    untold = [
        name for name in chosen.untold(scan.label_set, *own) if name not in set(none_of)
    ]
    if untold:
        complaints.print(
            f"{plain(scan.name)}: its labels do not tell "
            f"{plain(', '.join(sorted(untold)))} from background, which is therefore "
            "not graded. If there is none, say so with --none NAME."
        )
    return chosen.apply(scan, *own, none_of=none_of), tuple(untold)


def read_scans(path: Path, format_name: str, scan: Path | None) -> list[GradedScan]:
    """Scans from a file of other programs.

    Raises
    ------
    ReadError
        If the format is only written, or has no pixels and none are given.
    """
    from napari_octseg.groundtruth.formats.registry import exchange_format
    from napari_octseg.io import read_volume

    chosen, path = exchange_format(format_name), path.expanduser()
    if chosen.read_labels_for is not None and (scan or chosen.read is None):
        if scan is None:
            raise ReadError(
                f"{chosen.title} holds no pixels",
                allowed="the scan that the labels are of",
                todo="give it with --scan FILE",
            )
        return [chosen.read_labels_for(path, read_volume(scan))]
    if chosen.read is None:
        raise ReadError(f"{chosen.title} can only be written")
    found = chosen.read(path)
    if not found:
        raise ReadError(f"{path} holds no labelled scan")
    return found


def patient_of(data_set: DataSet, volume: OCTVolume, patient: str) -> str:
    """Pseudonym of the patient that was given, or that is known for this scan."""
    from napari_octseg.groundtruth.scan_hash import scan_hash

    if patient:
        return data_set.pseudonym_of(patient)
    known_by = scan_hash(volume)
    known = [one.patient for one in data_set.scans() if one.scan == known_by]
    if not known:
        raise LabelError(
            "Nobody said whose scan this is",
            allowed="a name or number that all scans of this patient get",
            todo="give --patient; only a pseudonym made from it is kept",
        )
    return known[0]


def read_map(path: Path | None) -> ClassMapping | None:
    """The table of classes in a file, if there is one."""
    from napari_octseg.groundtruth.class_mapping import read_mapping

    return None if path is None else read_mapping(path)
