"""The ground-truth data set: a folder to which scans are added, never overwritten."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from napari_octseg.errors import LabelError, ReadError
from napari_octseg.groundtruth.adding import add_version
from napari_octseg.groundtruth.checking import problems_of
from napari_octseg.groundtruth.description import (
    Description,
    begin,
    check_own_secret,
    check_secret,
    described,
)
from napari_octseg.groundtruth.pseudonyms import is_pseudonym, pseudonym_of
from napari_octseg.groundtruth.scan_folder import check_fits, read_graded
from napari_octseg.groundtruth.split_file import (
    draw_sides,
    patients_in,
    read_split,
    write_drawn_sides,
    write_sides,
)
from napari_octseg.groundtruth.versions import (
    ScanEntry,
    ScanVersion,
    read_entries,
    read_entry,
    read_version_facts,
    scan_folders,
)
from napari_octseg.groundtruth.volume_facts import anonymous
from napari_octseg.io.format import ReadOptions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.labels import LabelSet

__all__ = ["DataSet", "ScanEntry", "ScanVersion"]


@dataclass(frozen=True)
class DataSet:
    """A folder of scans with the labels that people answer for.

    Made by `create` and `open`. Several programs may read and write it at once: what is
    there never changes, and what is new appears as a whole.

    Parameters
    ----------
    folder
        Where it is.
    id
        32 digits that no other data set has.
    name
        For people.
    label_set, layers
        Classes of all its labels, and names of the layers among them, top to bottom.
    """

    folder: Path
    id: str
    name: str
    label_set: LabelSet
    layers: tuple[str, ...]

    @classmethod
    def create(
        cls, folder: Path, name: str, label_set: LabelSet, layers: Sequence[str] = ()
    ) -> Self:
        """Begin a data set in a new or empty folder.

        Raises
        ------
        LabelError
            If a layer is none of the classes.
        WriteError
            If something is in the folder already, or it cannot be written to.
        """
        missing = [layer for layer in layers if layer not in label_set.names]
        if missing:
            raise LabelError(
                f"The layer {missing[0]!r} is no class",
                allowed=", ".join(label_set.names),
            )
        folder = Path(folder).expanduser()
        own = Description(uuid.uuid4().hex, name, label_set, tuple(layers))
        begin(folder, own)
        return cls(folder, own.id, name, label_set, own.layers)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a data set.

        Raises
        ------
        ReadError
            If the folder holds none, a damaged one, or one of a newer program.
        """
        folder = Path(folder).expanduser()
        own = described(folder)
        return cls(folder, own.id, own.name, own.label_set, own.layers)

    def add(
        self,
        scan: GradedScan,
        *,
        replaces: bool = False,
        whole: Collection[int] = (),
        untold: Collection[str] = (),
    ) -> ScanVersion:
        """Save the labels of a scan as a new version.

        Columns that only the newest version has are carried over (`carried_over`), so
        that a new version never grades less. Pixels are stored once: a scan that is
        there already keeps its name, and gets the version. Where another scan has the
        name, a number is put behind it. What could tell whose eye it is is left out
        (`anonymous`).

        Parameters
        ----------
        scan
            Labelled with the classes of this data set.
        replaces
            Carry nothing over: what is not graded in this scan drops out of use. Then
            a scan that is there may also come with nothing graded.
        whole
            B-scans of which the labels answer for every column (`reviewed_bscans`).
        untold
            Classes that the labels cannot tell; see `ClassMapping.untold`.

        Returns
        -------
        The version, with the name under which the scan is stored; the newest one there
        is where nothing has changed since.

        Raises
        ------
        LabelError
            If its classes differ, nothing is graded, the scan is there as another
            patient's, or the pseudonym of a new patient was made with another secret
            than those before.
        ReadError
            If the version from which columns are to be carried over is damaged.
        WriteError
            If the disk refuses; the data set is as before then.
        """
        check_fits(scan, self.label_set, self.layers)
        if scan.patient not in self.patients():
            check_secret(self.folder, scan.patient)
        return add_version(
            self.folder,
            replace(scan, volume=anonymous(scan.volume)),
            replaces=replaces,
            whole=whole,
            untold=untold,
        )

    def scans(self) -> list[ScanEntry]:
        """The scans, by name.

        Raises
        ------
        ReadError
            If one is damaged.
        """
        return read_entries(self.folder)

    def read(
        self,
        name: str,
        version: int | None = None,
        *,
        lazy_bytes: int = ReadOptions.lazy_bytes,
    ) -> GradedScan:
        """A scan with its labels.

        Parameters
        ----------
        name
            Of the scan.
        version
            Number of the version; the newest by default.
        lazy_bytes
            Pixels of more than this stay on disk.

        Raises
        ------
        ReadError
            If there is no such scan or version, or a file is missing or damaged.
        """
        folder = self._folder_of(name)
        entry = read_entry(folder)
        return read_graded(
            folder,
            _version_of(entry, folder, version).folder,
            patient=entry.patient,
            label_set=self.label_set,
            layers=self.layers,
            lazy_bytes=lazy_bytes,
        )

    def iter_newest(self, names: Sequence[str]) -> Iterator[GradedScan]:
        """The newest versions of scans that are needed together, as for an export.

        Parameters
        ----------
        names
            Of the scans. They share 1 GiB of memory for pixels; those of a scan that is
            larger than its share stay on disk.

        Raises
        ------
        ReadError
            As for `read`.
        """
        for name in names:
            yield self.read(name, lazy_bytes=ReadOptions.lazy_bytes // len(names))

    def graded_bscans(self, name: str, version: int | None = None) -> tuple[int, ...]:
        """Which B-scans of a scan have graded columns; its pixels are not read.

        Parameters
        ----------
        name, version
            As for `read`.

        Raises
        ------
        ReadError
            As for `read`.
        """
        folder = self._folder_of(name)
        return _version_of(read_entry(folder), folder, version).graded_bscans

    def versions(self, name: str) -> list[ScanVersion]:
        """The versions of a scan, oldest first.

        Raises
        ------
        ReadError
            If there is no such scan, or it is damaged.
        """
        folder = self._folder_of(name)
        numbers = read_entry(folder).versions
        return [read_version_facts(folder, number) for number in numbers]

    def pseudonym_of(self, patient_key: str) -> str:
        """Pseudonym of a patient of this data set, such as ``P-3f9a21c7``.

        Parameters
        ----------
        patient_key
            As for `pseudonyms.pseudonym_of`; a pseudonym stays as it is.

        Raises
        ------
        LabelError
            If it is empty, or the secret of this user is not that of the data set:
            the patient could get a second pseudonym.
        ReadError, WriteError
            If the secret cannot be read or made.
        """
        if not is_pseudonym(patient_key):
            check_own_secret(self.folder)
        return pseudonym_of(patient_key)

    def patients(self) -> tuple[str, ...]:
        """Pseudonyms, in order."""
        return patients_in(self.folder)

    def split(self) -> dict[str, str]:
        """Side of each patient that somebody decided: ``train`` or ``validation``.

        Raises
        ------
        ReadError
            If the file is damaged.
        """
        return read_split(self.folder)

    def set_split(self, split: Mapping[str, str]) -> None:
        """Decide on which side patients are; others stay where they are.

        Raises
        ------
        LabelError
            If a patient or a side is unknown.
        WriteError
            If the disk refuses; the split is as before then.
        """
        write_sides(self.folder, split)

    def fill_split(
        self,
        asked: Mapping[str, str] | None = None,
        fraction: float = 0.2,
        seed: int = 0,
    ) -> dict[str, str]:
        """Decide on a side for every patient, and tell the sides.

        Patients that somebody decided stay, also where another writer has done so a
        moment ago: what is drawn is drawn and written in one step.

        Parameters
        ----------
        asked
            Sides wanted, whatever was decided.
        fraction, seed
            Of the draw of all others; see `proposed_split`.

        Raises
        ------
        LabelError
            If a patient or a side is unknown, or the fraction is not between 0 and 1.
        WriteError
            If the disk refuses; the split is as before then.
        """
        return write_drawn_sides(self.folder, asked or {}, fraction, seed)

    def propose_split(
        self,
        fraction: float = 0.2,
        seed: int = 0,
        asked: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """What `fill_split` would decide; nothing is written."""
        return draw_sides(self.folder, asked or {}, fraction, seed)

    def digest(self) -> str:
        """SHA-256 of the newest versions of all scans, 64 digits: what was trained on.

        The same for the same classes, patients, pixels and labels, whatever the scans
        are called and in whatever order they were added.
        """
        rows = sorted(
            f"{entry.scan} {entry.patient} {entry.newest.content}"
            for entry in self.scans()
        )
        classes = [" ".join(map(repr, self.label_set.names)), repr(self.layers)]
        return hashlib.sha256("\n".join([*classes, *rows]).encode()).hexdigest()

    def check(self) -> list[str]:
        """What is missing or is not as it was written, in sentences; empty if nothing.

        Reads all files.
        """
        return [problem for some in self.iter_check() for problem in some]

    def iter_check(self) -> Iterator[list[str]]:
        """The same, one scan after the other, in the order of their names."""
        for folder in scan_folders(self.folder):
            yield problems_of(folder, self.label_set, self.layers)
        try:
            self.split()
        except ReadError as error:
            yield [error.got]

    def _folder_of(self, name: str) -> Path:
        folders = {path.name: path for path in scan_folders(self.folder)}
        if name not in folders:
            raise ReadError(
                f"The data set has no scan {name!r}",
                allowed=", ".join(folders) or "none: it has no scan yet",
            )
        return folders[name]


def _version_of(entry: ScanEntry, folder: Path, version: int | None) -> ScanVersion:
    """A version of a scan, the newest one by default."""
    if version is None:
        return entry.newest
    if version not in entry.versions:
        raise ReadError(
            f"The scan {entry.name} has no version {version}",
            allowed=", ".join(map(str, entry.versions)),
        )
    return read_version_facts(folder, version)
