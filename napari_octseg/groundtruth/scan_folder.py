"""A scan and a version of its labels as files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import LabelError, OctsegError, ReadError
from napari_octseg.groundtruth.bscan_table import read_provenance, write_table
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.groundtruth.json_files import read_json, sha256_of, text_of
from napari_octseg.groundtruth.scan_hash import scan_hash
from napari_octseg.groundtruth.versions import SCAN_FILE, VERSION_FILE, damaged
from napari_octseg.groundtruth.volume_facts import facts_of, volume_of
from napari_octseg.io import read_volume
from napari_octseg.io.boundary_files import load_boundaries, save_boundaries
from napari_octseg.io.format import ReadOptions
from napari_octseg.io.image_writers import write_tiff_labels, write_tiff_volume
from napari_octseg.io.label_files import read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.groundtruth.versions import Kept
    from napari_octseg.labels import LabelSet

PIXELS = "pixels.tif"
_LABELS, _BOUNDARIES = "labels.tif", "boundaries.npz"
_ORIGINS, _TABLE = "origins.tif", "bscans.csv"


def write_scan(scan: GradedScan, folder: Path) -> None:
    """Write what stays the same in every version: pixels, patient."""
    write_tiff_volume(scan.volume, folder / PIXELS)
    facts = {
        "patient": scan.patient,
        "shape": list(scan.volume.shape),
        "dtype": scan.volume.data.dtype.name,
        "scan_hash": scan_hash(scan.volume),
        "files": {PIXELS: sha256_of(folder / PIXELS)},
    }
    (folder / SCAN_FILE).write_text(text_of(facts), encoding="utf-8")


def write_version(scan: GradedScan, folder: Path, kept: Kept | None = None) -> None:
    """Write labels, boundaries, provenance and what is known about the scan.

    `kept` is what the labels have from the version before.
    """
    import tifffile

    from napari_octseg import __version__

    labelled = replace(scan.volume, labels=scan.labels, label_set=scan.label_set)
    write_tiff_labels(labelled, folder / _LABELS)
    write_table(scan, folder / _TABLE)
    if scan.boundaries is not None:
        save_boundaries(scan.boundaries, folder / _BOUNDARIES)
    provenance = scan.provenance
    if provenance is not None:
        tifffile.imwrite(
            folder / _ORIGINS,
            provenance.origins,
            photometric="minisblack",
            compression="zlib",
        )
    names = None if provenance is None else list(provenance.origin_names)
    facts = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "program": f"napari-octseg {__version__}",
        "content": content_of(scan),
        "graded_bscans": list(scan.graded_bscans),
        "volume": facts_of(scan.volume),
        "origin_names": names,
        "kept": None if kept is None else asdict(kept),
        "files": {path.name: sha256_of(path) for path in sorted(folder.iterdir())},
    }
    (folder / VERSION_FILE).write_text(text_of(facts), encoding="utf-8")


def content_of(scan: GradedScan) -> str:
    """SHA-256 of labels, boundaries, provenance and facts of the scan, 64 digits.

    Without the pixels, and without the time spent: a second more is nothing new.
    """
    found = hashlib.sha256()
    facts: dict[str, Any] = {"volume": facts_of(scan.volume)}
    arrays = [scan.labels]
    if scan.boundaries is not None:
        facts["boundaries"] = scan.boundaries.names
        arrays.append(scan.boundaries.heights.astype("<f4", copy=False))
    told = scan.provenance
    if told is not None:
        facts["states"], facts["accepted"] = told.states, told.accepted
        facts["graders"], facts["edit_um"] = told.graders, told.edit_um
        facts["origin_names"] = told.origin_names
        arrays.append(told.origins)
    found.update(json.dumps(facts, sort_keys=True).encode())
    for array in arrays:
        found.update(np.ascontiguousarray(array).view(np.uint8).data)
    return found.hexdigest()


def read_graded(
    scan_folder: Path,
    folder: Path,
    *,
    patient: str,
    label_set: LabelSet,
    layers: tuple[str, ...],
    lazy_bytes: int = ReadOptions.lazy_bytes,
) -> GradedScan:
    """Read a version.

    Parameters
    ----------
    scan_folder
        Of the scan; its name is that of the scan.
    folder
        Of the version.
    patient, label_set, layers
        As in `GradedScan`.
    lazy_bytes
        Pixels of more than this stay on disk.

    Raises
    ------
    ReadError
        If a file is missing, damaged, or no longer the one that was written.
    """
    facts = read_json(folder / VERSION_FILE)
    for problem in changed_files(folder, VERSION_FILE):
        raise damaged(folder, ValueError(problem))
    try:
        pixels = read_volume(scan_folder / PIXELS, lazy_bytes=lazy_bytes).data
        volume = volume_of(pixels, facts["volume"])
        files, names = facts["files"], facts["origin_names"]
        provenance = None
        if names is not None:
            origins = np.asarray(read_labels(folder / _ORIGINS).codes[0], np.uint8)
            provenance = read_provenance(folder / _TABLE, origins, tuple(names))
        boundaries = None
        if _BOUNDARIES in files:
            boundaries = load_boundaries(folder / _BOUNDARIES)
        return GradedScan(
            name=scan_folder.name,
            patient=patient,
            volume=volume,
            labels=np.asarray(read_labels(folder / _LABELS).codes),
            label_set=label_set,
            layers=layers,
            boundaries=boundaries,
            provenance=provenance,
        )
    except ReadError:
        raise
    except (OctsegError, KeyError, TypeError, ValueError) as error:
        raise damaged(folder, error) from error


def changed_files(folder: Path, facts_file: str) -> list[str]:
    """Files that are missing or do not have their hash, in words.

    Parameters
    ----------
    folder
        Folder of a scan or of a version.
    facts_file
        The file in it that holds the hashes.
    """
    try:
        hashes = dict(read_json(folder / facts_file)["files"])
    except ReadError as error:
        return [error.got]
    except (KeyError, TypeError, ValueError):
        return [f"{folder / facts_file} names no files"]
    problems = []
    for name, expected in hashes.items():
        path = folder / name
        if not path.is_file():
            problems.append(f"{path} is missing")
        elif sha256_of(path) != expected:
            problems.append(f"{path} is not the file that was written")
    return problems


def check_fits(scan: GradedScan, label_set: LabelSet, layers: tuple[str, ...]) -> None:
    """Check that a scan is labelled as a data set wants it.

    Raises
    ------
    LabelError
        If classes or layers differ.
    """
    for what, got, allowed in (
        ("classes", scan.label_set.names, label_set.names),
        ("layers", scan.layers, layers),
    ):
        if got != allowed:
            raise LabelError(
                f"The scan {scan.name} has the {what} {', '.join(got) or '(none)'}",
                allowed=f"the {what} of the data set: {', '.join(allowed) or 'none'}",
                todo="map its classes to those of the data set, or begin a data set of "
                "its own",
            )
