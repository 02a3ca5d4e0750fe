"""A raw data set of nnU-Net v2: ``imagesTr``, ``labelsTr``, ``dataset.json``.

Isensee et al., Nature Methods 18:203-211, 2021; documentation/dataset_format.md and
ignore_label.md of nnU-Net: labels count from 0 without gaps, and *ignore* is the
highest. A case is a scan: nnU-Net takes B-scans out of it for its 2-D configuration.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import LabelError, ReadError, WriteError
from napari_octseg.groundtruth.formats.code_table import CodeTable
from napari_octseg.groundtruth.formats.exporting import (
    became_numbers,
    export_folder,
    numbers_only,
    one_label_set,
)
from napari_octseg.groundtruth.formats.importing import (
    existing_folder,
    scan_of_others,
    shared_patient,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.groundtruth.json_files import read_json, write_json
from napari_octseg.io import read_volume
from napari_octseg.io.label_files import read_labels
from napari_octseg.io.save import save_labels, save_volume
from napari_octseg.labels import BACKGROUND, IGNORE, LabelSet
from napari_octseg.volume import Origin, Spacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

_DATASET, _SPLITS = "dataset.json", "splits_final.json"
_IMAGES, _LABELS = "imagesTr", "labelsTr"
_CHANNEL = "_0000"
_ENDING = ".nii.gz"
_IGNORE_NAME = "ignore"
_MARKER = 1e9  # devices write larger values for "no signal"
_MAX_FOLDS = 5  # what nnU-Net trains by default


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write a raw data set as a new folder, best called ``Dataset123_Name``.

    Labels keep their class indices; where a pixel is not graded, nnU-Net's *ignore*
    label stands, the number of classes. Pixels that are no numbers, or device markers
    above 1e9, become 0, because nnU-Net refuses them. ``splits_final.json`` has folds
    by patient; nnU-Net itself would split by case (copy it into the folder of the
    preprocessed data set).

    Raises
    ------
    WriteError
        As `export_folder`; if the scans have several label sets, nothing is graded, or
        a class has one of the two names that nnU-Net keeps for itself.
    """
    label_set = one_label_set(scans)
    _check_names(label_set)
    graded = [numbers_only(scan, _MARKER) for scan in scans if scan.graded_bscans]
    if not graded:
        raise WriteError(
            "No pixel of these scans is graded",
            todo="correct or review B-scans first",
        )
    spacings = _spacings([scan.volume for scan in graded])
    of_scan = dict(zip((scan.name for scan in graded), spacings, strict=True))
    any_ignored = any((scan.labels == IGNORE).any() for scan in graded)

    def write_scan(scan: GradedScan, folder: Path) -> None:
        for part in (_IMAGES, _LABELS):
            (folder / part).mkdir(exist_ok=True)
        volume = replace(scan.volume, spacing=of_scan[scan.name])
        save_volume(volume, folder / _IMAGES / f"{scan.name}{_CHANNEL}{_ENDING}")
        ignored = np.uint8(len(label_set))
        labels = np.where(scan.labels == IGNORE, ignored, scan.labels)
        save_labels(labels, folder / _LABELS / f"{scan.name}{_ENDING}", volume)

    def finish(draft: Path) -> None:
        named = {name: i for i, name in enumerate(label_set.names[1:], start=1)}
        ignore = {_IGNORE_NAME: len(label_set)} if any_ignored else {}
        facts = {
            "channel_names": {"0": "OCT"},
            "labels": {BACKGROUND: 0, **named, **ignore},
            "numTraining": len(graded),
            "file_ending": _ENDING,
            "overwrite_image_reader_writer": "SimpleITKIO",
            "name": target.name,
        }
        write_json(draft / _DATASET, facts)
        folds = folds_by_patient(graded)
        if folds:
            (draft / _SPLITS).write_text(json.dumps(folds, indent=2), encoding="utf-8")

    return export_folder(
        target, "nnunet", graded, write_scan, finish, list(_notes(scans, graded))
    )


def _check_names(label_set: LabelSet) -> None:
    taken = {_IGNORE_NAME, BACKGROUND} & set(label_set.names[1:])
    if taken:
        raise WriteError(
            f"A class is called {taken.pop()!r}",
            allowed="names that nnU-Net does not use itself",
            todo="rename the class",
        )


def _notes(scans: Sequence[GradedScan], graded: Sequence[GradedScan]) -> Iterator[str]:
    kept = {scan.name: scan for scan in graded}
    for scan in scans:
        if scan.name not in kept:
            yield f"{scan.name} has no graded pixel and was left out."
        elif kept[scan.name] is not scan:
            yield became_numbers(scan.name)
    if not all(s.volume.spacing.axial and s.volume.spacing.lateral for s in graded):
        yield "Not every scan has a known spacing: all have 1 mm, so none is resampled."


def _spacings(volumes: Sequence[OCTVolume]) -> list[Spacing]:
    """Spacing that nnU-Net is told for each scan.

    It resamples all cases to one spacing: a placeholder among known values would blow a
    scan up a hundredfold, so each direction is known for all scans or for none. One
    B-scan has no distance to the next: it gets the median of the others.
    """
    if any(None in (v.spacing.axial, v.spacing.lateral) for v in volumes):
        return [Spacing()] * len(volumes)
    distances = [v.spacing.between_bscans for v in volumes if v.n_bscans > 1]
    known = [um for um in distances if um is not None]
    usual = float(np.median(known)) if known and len(known) == len(distances) else None
    spacings = []
    for volume in volumes:
        _, axial, lateral = volume.spacing
        between = volume.spacing.between_bscans if volume.n_bscans > 1 else usual
        spacings.append(
            Spacing.of((between if usual else None, axial, lateral), Origin.FILE)
        )
    return spacings


def folds_by_patient(scans: Sequence[GradedScan]) -> list[dict[str, list[str]]]:
    """Cross-validation folds in which no patient is on both sides.

    Returns
    -------
    Up to five folds ``{"train": names, "val": names}`` of about equal size; none for a
    single patient.
    """
    cases: dict[str, list[str]] = {}
    for scan in scans:
        cases.setdefault(scan.patient, []).append(scan.name)
    n_folds = min(_MAX_FOLDS, len(cases))
    if n_folds < 2:
        return []
    held_out: list[list[str]] = [[] for _ in range(n_folds)]
    for patient in sorted(cases, key=lambda one: (-len(cases[one]), one)):
        min(held_out, key=len).extend(cases[patient])
    return [
        {
            "train": sorted({scan.name for scan in scans} - set(names)),
            "val": sorted(names),
        }
        for names in held_out
    ]


def read(path: Path) -> list[GradedScan]:
    """Read a raw data set of nnU-Net v2.

    Parameters
    ----------
    path
        Folder with ``dataset.json``, ``imagesTr`` and ``labelsTr``, in any file format
        that `read_volume` opens. Without a sidecar each volume is taken for a patient
        of its own, and single B-scans for one patient together.

    Raises
    ------
    ReadError, LabelError
        If something is missing or broken, or labels are regions.
    """
    folder = existing_folder(path)
    facts = read_json(folder / _DATASET)
    table, ignored = _table(facts, folder / _DATASET)
    cases = _cases(folder, facts)
    volumes = {
        name: read_volume(image, lazy_bytes=sys.maxsize)
        for name, (image, _) in cases.items()
    }
    sidecar = read_sidecar(folder)
    patient = shared_patient(folder, list(volumes.values()))
    scans = []
    for name, volume in volumes.items():
        codes = read_labels(cases[name][1]).codes
        codes = np.where(codes == ignored, IGNORE, codes)
        labels = table.indices(codes, name)
        scan = scan_of_others(name, volume, labels, table.label_set, patient=patient)
        scans.append(sidecar.completed(scan))
    return scans


def _table(facts: dict[str, Any], path: Path) -> tuple[CodeTable, int]:
    """Classes by code, and the code of pixels to ignore (255 if there is none)."""
    told = facts.get("labels")
    if not isinstance(told, dict) or not all(type(c) is int for c in told.values()):
        raise LabelError(
            f"{path} has the labels {told}",
            allowed='a number for each name, such as {"background": 0, "IRF": 1}',
            todo="regions of several numbers and data sets of nnU-Net v1 are not read; "
            "convert them first",
        )
    ignored = told.get(_IGNORE_NAME, IGNORE)
    named = {code: name for name, code in told.items() if name != _IGNORE_NAME}
    codes = sorted(named)
    return CodeTable(tuple(codes), LabelSet.of(*(named[c] for c in codes))), ignored


def _cases(folder: Path, facts: dict[str, Any]) -> dict[str, tuple[Path, Path]]:
    """Image and labels of each case, by its name."""
    if len(facts.get("channel_names", {"0": ""})) != 1:
        raise ReadError(
            f"{folder / _DATASET} has {len(facts['channel_names'])} channels",
            allowed="one channel: the OCT scan",
        )
    if "dataset" in facts:
        cases = {
            name: (folder / case["images"][0], folder / case["label"])
            for name, case in facts["dataset"].items()
        }
    else:
        ending = str(facts.get("file_ending", _ENDING))
        images = sorted((folder / _IMAGES).glob(f"*{_CHANNEL}{ending}"))
        names = [image.name.removesuffix(f"{_CHANNEL}{ending}") for image in images]
        cases = {
            name: (image, folder / _LABELS / f"{name}{ending}")
            for name, image in zip(names, images, strict=True)
        }
    missing = [p for pair in cases.values() for p in pair if not p.is_file()]
    if missing or not cases:
        raise ReadError(
            f"{folder} lacks {missing[0].name if missing else 'training cases'}",
            allowed=f"an image in {_IMAGES} and labels in {_LABELS} for each case",
        )
    return cases


FORMAT = ExchangeFormat(
    name="nnunet",
    title="nnU-Net data set",
    what="imagesTr, labelsTr and dataset.json with nnU-Net's ignore label and folds by "
    "patient: to train nnU-Net v2. Call the folder Dataset123_Name.",
    write=write,
    read=read,
    read_labels_for=None,
    suffixes=(),
    loses="Boundaries are not kept, only the labels made from them (half a pixel); "
    "pixels that are no numbers become 0; scans without graded pixels are left out.",
)
