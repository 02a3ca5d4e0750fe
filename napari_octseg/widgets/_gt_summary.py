"""What is in a data set: counts of its newest versions, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.progress import Progress
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_octseg.groundtruth.data_set import DataSet, ScanEntry
    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.labels import LabelClass, LabelSet


@dataclass(frozen=True)
class ClassCount:
    """On how many graded B-scans, and of how many patients, a class is seen."""

    label_class: LabelClass
    n_bscans: int
    n_patients: int


@dataclass(frozen=True)
class Summary:
    """A data set in figures.

    Attributes
    ----------
    folder, name, label_set, layers
        Which data set it is.
    scans
        Its scans.
    split
        Patient to side.
    n_reviewed, n_corrected, n_others
        Graded B-scans by how they were graded; the last came without telling.
    classes
        All classes but the background.
    """

    folder: Path
    name: str
    label_set: LabelSet
    layers: tuple[str, ...]
    scans: tuple[ScanEntry, ...]
    split: dict[str, str]
    n_reviewed: int
    n_corrected: int
    n_others: int
    classes: tuple[ClassCount, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """Pseudonyms of the patients, in order."""
        return tuple(sorted({one.patient for one in self.scans}))

    def pseudonym_of(self, patient_key: str) -> str:
        """Pseudonym of a patient in this data set (`DataSet.pseudonym_of`)."""
        from napari_octseg.groundtruth.data_set import DataSet

        return DataSet.open(self.folder).pseudonym_of(patient_key)

    @property
    def n_bscans(self) -> int:
        """Graded B-scans."""
        return self.n_reviewed + self.n_corrected + self.n_others


@dataclass(frozen=True)
class _Counts:
    """Of one scan: graded B-scans by state, and by class index."""

    states: dict[str, int]
    classes: tuple[int, ...]


_counted: dict[tuple[str, str, str], _Counts] = {}


def iter_summary(data_set: DataSet) -> Generator[Progress, None, Summary]:
    """Count what the newest versions hold; versions never change, so once is enough."""
    scans = tuple(data_set.scans())
    states = {"reviewed": 0, "corrected": 0, "": 0}
    n_bscans = np.zeros(len(data_set.label_set), int)
    seen_of: list[set[str]] = [set() for _ in data_set.label_set.names]
    for n_done, entry in enumerate(scans):
        yield Progress(n_done, len(scans), entry.name)
        key = (str(data_set.folder), entry.name, entry.newest.content)
        if key not in _counted:
            _counted[key] = _counts_of(data_set.read(entry.name))
        counts = _counted[key]
        for state, n in counts.states.items():
            states[state] += n
        n_bscans += counts.classes
        for index in np.flatnonzero(counts.classes):
            seen_of[index].add(entry.patient)
    return Summary(
        data_set.folder,
        data_set.name,
        data_set.label_set,
        data_set.layers,
        scans,
        dict(data_set.split()),
        states["reviewed"],
        states["corrected"],
        states[""],
        tuple(
            ClassCount(one, int(n), len(seen))
            for one, n, seen in zip(
                data_set.label_set.classes[1:], n_bscans[1:], seen_of[1:], strict=True
            )
        ),
    )


def _counts_of(scan: GradedScan) -> _Counts:
    states = {"reviewed": 0, "corrected": 0, "": 0}
    n_bscans = np.zeros(IGNORE + 1, int)
    for bscan in scan.graded_bscans:
        told = scan.provenance
        state = "" if told is None else told.states[bscan]
        states[state if state in states else ""] += 1
        n_bscans[np.unique(scan.labels[bscan])] += 1
    return _Counts(states, tuple(n_bscans[: len(scan.label_set)].tolist()))
