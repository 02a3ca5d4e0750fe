"""``provenance.json`` beside every export: where its labels come from.

It tells who answers for which B-scan, where each spacing comes from, and the hash of
every file. Read back, it gives what a format has no place for; what somebody has
changed in between loses its provenance, because nobody in the table answers for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg import __version__
from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import LabelError, ReadError, VolumeError
from napari_octseg.groundtruth.graded_scan import Provenance
from napari_octseg.groundtruth.json_files import read_json, sha256_of, write_json
from napari_octseg.groundtruth.scan_hash import scan_hash
from napari_octseg.groundtruth.volume_facts import facts_of, volume_of
from napari_octseg.io.boundary_names import canonical_boundary
from napari_octseg.labels import LabelClass, LabelSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

FILE_NAME = "provenance.json"
_SCHEMA = "napari-octseg export 1"


def write_sidecar(
    folder: Path,
    format_name: str,
    scans: Sequence[GradedScan],
    notes: Sequence[str],
    sources: Sequence[GradedScan] = (),
) -> Path:
    """Write the sidecar of an export into its folder, after all other files.

    Parameters
    ----------
    folder
        Holds the files of the export and no others; all are listed with their SHA-256.
    format_name
        As in the registry.
    scans
        As they were written, so with the labels and pixels that are in the files.
    notes
        What was changed to fit the format, in sentences.
    sources
        The scans before their pixels were changed to fit, in the same order; empty if
        they were not.

    Raises
    ------
    WriteError
        If the disk refuses.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    target = folder / FILE_NAME
    volumes = [scan.volume for scan in sources or scans]
    write_json(
        target,
        {
            "schema": _SCHEMA,
            "format": format_name,
            "program": f"napari-octseg {__version__}",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "notes": list(notes),
            "scans": [
                _entry(scan, volume)
                for scan, volume in zip(scans, volumes, strict=True)
            ],
            "files": {p.relative_to(folder).as_posix(): sha256_of(p) for p in files},
        },
    )
    return target


def _entry(scan: GradedScan, source: OCTVolume) -> dict[str, Any]:
    boundaries = scan.boundaries
    written = scan_hash(scan.volume)
    is_changed = source.data is not scan.volume.data
    return {
        "name": scan.name,
        "patient": scan.patient,
        "scan_hash": written,
        "source_hash": scan_hash(source) if is_changed else written,
        "labels_sha256": _hash_of(scan.labels),
        "boundaries_sha256": None if boundaries is None else _hash_of_heights(scan),
        "shape": list(scan.volume.shape),
        "dtype": scan.volume.data.dtype.name,
        **facts_of(scan.volume),
        "classes": [[c.name, c.long_name, c.colour] for c in scan.label_set.classes],
        "layers": list(scan.layers),
        "boundaries": None if boundaries is None else list(boundaries.names),
        "provenance": _told(scan),
    }


def _hash_of(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _hash_of_heights(scan: GradedScan) -> str | None:
    if scan.boundaries is None:
        return None
    # Not a number has many bit patterns, and -0 equals 0.
    heights = scan.boundaries.heights.astype("<f4") + np.float32(0)
    return _hash_of(np.where(np.isnan(heights), np.float32(np.nan), heights))


def _told(scan: GradedScan) -> dict[str, Any] | None:
    told = scan.provenance
    if told is None:
        return None
    n_graded = scan.graded_columns.sum(axis=1)
    return {
        "origin_names": list(told.origin_names),
        "bscans": [
            {
                "bscan": bscan,
                "state": told.states[bscan],
                "accepted_as_is": bool(told.accepted[bscan]),
                "grader": told.graders[bscan],
                "seconds": float(told.seconds[bscan]),
                "edit_um": None if edit is None else float(edit),
                "n_graded_columns": int(n_graded[bscan]),
                "origins": _as_runs(told.origins[bscan]),
            }
            for bscan, edit in enumerate(told.edit_um)
        ],
    }


def _as_runs(origins: NDArray[np.uint8]) -> str:
    """Origin of each column as ``origin×columns``: ``1×120 0×392``."""
    runs = ((origin, len(list(run))) for origin, run in groupby(origins.tolist()))
    return " ".join(f"{origin}×{length}" for origin, length in runs)


def _from_runs(text: str) -> NDArray[np.uint8]:
    runs = [[int(n) for n in run.split("×")] for run in text.split()]
    origins, lengths = np.array(runs, int).reshape(-1, 2).T
    return np.repeat(origins.astype(np.uint8), lengths)


@dataclass(frozen=True)
class Sidecar:
    """What the sidecar of an export tells, by the names of its scans."""

    path: Path
    entries: Mapping[str, Mapping[str, Any]]

    def name_of(self, volume: OCTVolume) -> str | None:
        """Name of the scan with these pixels; None unless it is exactly one of them."""
        known_by = scan_hash(volume) if self.entries else ""
        names = [n for n, e in self.entries.items() if known_by in _hashes_of(e)]
        return names[0] if len(names) == 1 else None

    def check_is_of(self, name: str, volume: OCTVolume) -> None:
        """Refuse a scan that is not the one from which labels were exported.

        Nothing is known, and nothing refused, where the sidecar has no scan of that
        name. Sidecars of older versions do not tell what float32 pixels were before
        they were written as integers; those are accepted.

        Raises
        ------
        ReadError
            If it has other pixels.
        """
        entry = self.entries.get(name)
        if entry is None or scan_hash(volume) in _hashes_of(entry):
            return
        dtypes = volume.data.dtype.name, entry.get("dtype")
        if "source_hash" not in entry and dtypes == ("float32", "uint16"):
            return
        raise ReadError(
            f"These labels belong to another scan: {name}, whose pixels are not those "
            "of this one",
            allowed="the scan from which the labels were exported",
            todo="open that scan, or choose the labels of this one; if they are of "
            f"this one, with other pixels, remove {self.path}: without it nothing is "
            "checked",
        )

    def has_labels_of(self, scan: GradedScan) -> bool:
        """Whether the labels are those that were written, as far as it is known."""
        entry = self.entries.get(scan.name)
        return entry is None or entry.get("labels_sha256") == _hash_of(scan.labels)

    def has_heights_of(self, scan: GradedScan) -> bool:
        """Whether the boundaries are those that were written, as far as it is known."""
        entry = self.entries.get(scan.name)
        return entry is None or entry.get("boundaries_sha256") == _hash_of_heights(scan)

    def completed(self, scan: GradedScan) -> GradedScan:
        """A scan as its file holds it, with what the sidecar knows about it.

        Spacing, eye and device come back if the pixels are those that were written,
        the patient also if they are those of the scan before it was written, classes if
        the labels have no others, provenance only if nothing was changed.

        Raises
        ------
        ReadError
            If the sidecar is damaged.
        """
        entry = self.entries.get(scan.name)
        if entry is None:
            return scan
        try:
            return _completed(scan, entry)
        except (KeyError, TypeError, ValueError, LabelError, VolumeError) as error:
            raise ReadError(
                f"{self.path} is damaged at the scan {scan.name!r} ({error})",
                todo="take this file from a copy of the export, or remove it: without "
                "it only what the other files tell is read",
            ) from error


def read_sidecar(folder: Path) -> Sidecar:
    """The sidecar in a folder; one without entries if there is none.

    Raises
    ------
    ReadError
        If it is something else.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return Sidecar(path, {})
    facts = read_json(path)
    try:
        return Sidecar(path, {entry["name"]: entry for entry in facts["scans"]})
    except (KeyError, TypeError) as error:
        raise ReadError(
            f"{path} names no scans",
            allowed="what an export of this program wrote",
            todo="remove the file: without it only what the other files tell is read",
        ) from error


def _completed(scan: GradedScan, entry: Mapping[str, Any]) -> GradedScan:
    volume, label_set, layers = scan.volume, scan.label_set, scan.layers
    known_by = scan_hash(volume)
    has_its_pixels = known_by in _hashes_of(entry)
    if known_by == entry["scan_hash"]:
        volume = volume_of(volume.data, entry)
    classes = LabelSet(tuple(LabelClass(*told) for told in entry["classes"]))
    if _are_same(label_set, classes):
        label_set, layers = classes, tuple(entry["layers"])
    whole = replace(
        scan,
        patient=entry["patient"] if has_its_pixels else scan.patient,
        volume=volume,
        label_set=label_set,
        layers=layers,
        boundaries=_in_order(scan.boundaries, entry["boundaries"]),
    )
    is_unchanged = (
        has_its_pixels
        and label_set == classes
        and _hash_of(whole.labels) == entry["labels_sha256"]
        and _hash_of_heights(whole) in (None, entry["boundaries_sha256"])
    )
    told = entry["provenance"]
    if told is None or not is_unchanged:
        return whole
    return replace(whole, provenance=_provenance(told))


def _hashes_of(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    """Hashes of the pixels that were written, and of those of the scan itself."""
    return entry.get("scan_hash"), entry.get("source_hash")


def _are_same(found: LabelSet, told: LabelSet) -> bool:
    """Whether the classes in a file are those told, as far as the file names any."""
    unnamed = LabelSet.numbered(len(found) - 1).names
    return found.names in (told.names, unnamed) and len(found) <= len(told)


def _in_order(
    found: Boundaries | None, names: Sequence[str] | None
) -> Boundaries | None:
    """Boundaries under the names and in the order that they had; absent ones are NaN.

    Files keep no boundary without heights, and readers sort the others by anatomy.
    """
    if found is None or names is None:
        return found
    ours = [name if name in found.names else canonical_boundary(name) for name in names]
    if set(found.names) - set(ours):
        return found
    absent = np.full(found.heights.shape[1:], np.nan, np.float32)
    heights = [found[name] if name in found.names else absent for name in ours]
    return Boundaries(tuple(names), np.stack(heights))


def _provenance(told: Mapping[str, Any]) -> Provenance:
    bscans = told["bscans"]
    return Provenance(
        states=tuple(one["state"] for one in bscans),
        accepted=tuple(bool(one["accepted_as_is"]) for one in bscans),
        graders=tuple(one["grader"] for one in bscans),
        seconds=tuple(float(one["seconds"]) for one in bscans),
        edit_um=tuple(one["edit_um"] for one in bscans),
        origins=np.stack([_from_runs(one["origins"]) for one in bscans]),
        origin_names=tuple(told["origin_names"]),
    )
