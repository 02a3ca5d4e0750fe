"""Labels of others, read and brought into a data set or into a correction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_octseg.engine.progress import Progress
from napari_octseg.errors import LabelError, ReadError
from napari_octseg.groundtruth.graded_scan import accepted_as_is
from napari_octseg.groundtruth.pseudonyms import grader_pseudonym
from napari_octseg.groundtruth.scan_hash import scan_hash, scan_name
from napari_octseg.labels import LabelSet, remap
from napari_octseg.widgets._starts import Start
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_octseg.editing.grading import Grading
    from napari_octseg.groundtruth.class_mapping import ClassMapping
    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.groundtruth.formats.registry import ExchangeFormat
    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.groundtruth.versions import ScanVersion
    from napari_octseg.volume import OCTVolume


@dataclass(frozen=True)
class Found:
    """What a file or folder of others holds: scans, with the hashes of their pixels."""

    path: Path
    scans: tuple[GradedScan, ...]
    hashes: tuple[str, ...]

    @property
    def label_set(self) -> LabelSet:
        """All classes that occur in its scans, by name."""
        classes = {
            one.name: one for scan in self.scans for one in scan.label_set.classes
        }
        return LabelSet(tuple(classes.values()))

    @property
    def patients(self) -> tuple[str, ...]:
        """Patients as the file calls them, in order."""
        return tuple(dict.fromkeys(scan.patient for scan in self.scans))

    @property
    def by_machine(self) -> bool:
        """Whether there are labels that nobody has corrected, reviewed or accepted."""
        return any(scan.unanswered_bscans for scan in self.scans)


def iter_read(
    chosen: ExchangeFormat, path: Path, volume: OCTVolume | None, *, on_scan: bool
) -> Generator[Progress, None, Found]:
    """Read labels of others.

    Parameters
    ----------
    chosen
        A format that can be read.
    path
        File or folder.
    volume
        The scan that is open, if there is one.
    on_scan
        Whether the labels are of that scan; formats without pixels need it.

    Raises
    ------
    ReadError
        If there is nothing in it, or a scan is needed and none is open.
    OctsegError
        If the format cannot read it.
    """
    yield Progress(0, 1, f"reading {path.name}")
    if not on_scan and chosen.read is not None:
        scans = chosen.read(path)
    elif chosen.read_labels_for is None:
        raise ReadError(f"{chosen.title} cannot be read for a scan that is open")
    elif volume is None:
        raise ReadError(
            f"{path.name} holds labels without a scan",
            allowed="labels of a scan that is open",
            todo="open the scan on the Scan tab first",
        )
    else:
        scans = [chosen.read_labels_for(path, volume)]
    if not scans:
        raise ReadError(f"{path.name} holds no labels", todo="choose another file")
    hashes = tuple(scan_hash(scan.volume) for scan in scans)
    return Found(path, tuple(scans), hashes)


def iter_add(
    data_set: DataSet,
    found: Found,
    mapping: ClassMapping,
    patient: str,
    *,
    none_of: tuple[str, ...] = (),
    accepted_by: str = "",
) -> Generator[Progress, None, list[ScanVersion]]:
    """Add labels of others to a data set, under names that tell nothing of the file.

    Parameters
    ----------
    data_set
        Where to.
    found
        What was read.
    mapping
        From its classes to those of the data set.
    patient
        Pseudonym of the patient, where the file has one; of several, each gets the
        pseudonym of its name in the file. Scans that are in the data set already keep
        their patient.
    none_of
        Findings of the data set that are nowhere in these scans (`ClassMapping.apply`).
    accepted_by
        Who takes what a machine has drawn as it is, which is recorded; by default
        nobody does.

    Raises
    ------
    OctsegError
        If nobody accepted what a machine has drawn, classes cannot be mapped, or the
        disk refuses; scans before that are added.
    """
    known = {entry.scan: entry.patient for entry in data_set.scans()}
    added = []
    pairs = zip(found.scans, found.hashes, strict=True)
    for n_done, (scan, known_by) in enumerate(pairs):
        yield Progress(n_done, len(found.scans), f"adding {scan.name}")
        whose = known.get(known_by, patient if len(found.patients) == 1 else "")
        fitting = replace(
            mapping.apply(scan, data_set.label_set, data_set.layers, none_of=none_of),
            name=scan_name(scan.volume),
            patient=whose or data_set.pseudonym_of(scan.patient),
        )
        if accepted_by:
            fitting = accepted_as_is(fitting, grader_pseudonym(accepted_by))
        untold = mapping.untold(scan.label_set, data_set.label_set, data_set.layers)
        added.append(data_set.add(fitting, untold=set(untold) - set(none_of)))
    return added


def start_of(
    scan: GradedScan, name: str, mapping: ClassMapping, grading: Grading
) -> Start:
    """Labels of others as a start that a correction takes over.

    Parameters
    ----------
    scan
        What was read.
    name
        Of the file, for the person at the screen. Its columns only say ``"file"``: a
        name may tell whose eye it is, and origins are exported.
    mapping
        From its classes to those of the correction.
    grading
        The correction.

    Raises
    ------
    LabelError
        If the labels are of a scan of another size, or classes cannot be mapped.
    """
    if scan.labels.shape != grading.labels.shape:
        raise LabelError(
            f"The labels in {name} are of size {_size_text(scan.labels.shape)}",
            allowed=f"that of the scan being corrected: "
            f"{_size_text(grading.labels.shape)}",
            todo="open the scan that the labels belong to, or import them into the "
            "data set",
        )
    layers = tuple(grading.label_set.names[index] for index in grading.layers)
    # Background is a start like any other: somebody looks at it.
    fitting = mapping.apply(
        scan, grading.label_set, layers, none_of=grading.label_set.names
    )
    if fitting.boundaries is not None:
        labels, heights = fitting.labels, fitting.boundaries.heights
        return Start(name, grading.label_set, layers, "file", name, labels, heights)
    # It says nothing of layers: those of the correction stay below its findings.
    indices = scan.label_set.mapping_to(grading.label_set, dict(mapping.renames))
    labels = remap(scan.labels, indices)
    return Start(name, grading.label_set, (), "file", name, labels)


def fitting_scans(found: Found, shape: Sequence[int]) -> list[GradedScan]:
    """Scans whose labels have the size of a correction."""
    return [scan for scan in found.scans if scan.labels.shape == tuple(shape)]


def found_text(found: Found) -> str:
    """How many scans and graded B-scans a file holds."""
    n_bscans = sum(len(scan.graded_bscans) for scan in found.scans)
    parts = [counted(len(found.scans), "scan")]
    if len(found.patients) > 1:
        parts.append(counted(len(found.patients), "patient"))
    parts.append(f"{counted(n_bscans, 'B-scan')} with labels")
    return " · ".join(parts)


def added_text(versions: list[ScanVersion]) -> str:
    """What became of the scans of an import."""
    n_new = sum(one.is_new and one.number == 1 for one in versions)
    n_again = sum(one.is_new and one.number > 1 for one in versions)
    parts = []
    if n_new:
        parts.append(f"{counted(n_new, 'scan')} added")
    if n_again:
        parts.append(f"{counted(n_again, 'scan')} with a new version")
    if n_new + n_again < len(versions):
        n_same = len(versions) - n_new - n_again
        parts.append(f"{counted(n_same, 'scan')} as before")
    kept = [f"{one.name}: {one.kept}" for one in versions if one.is_new and one.kept]
    return " ".join([", ".join(parts) + ".", *kept])


def _size_text(shape: Sequence[int]) -> str:
    n_bscans, depth, width = shape
    scans = "1 B-scan" if n_bscans == 1 else f"{n_bscans} B-scans"
    return f"{scans} of {width} × {depth} px"
