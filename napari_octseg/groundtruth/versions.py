"""Scans of a data set and their versions, as its folders tell of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SCANS, LOCK = "scans", ".lock"
SCAN_FILE, VERSION_FILE = "scan.json", "version.json"
_FOLDER = re.compile(r"v(\d{4,})")


@dataclass(frozen=True)
class Kept:
    """What a version has from the one before, because nobody graded it anew.

    Parameters
    ----------
    number
        Of the version before.
    bscans
        B-scans that are wholly from it.
    parts
        B-scans of which some columns or pixels are.
    """

    number: int
    bscans: tuple[int, ...]
    parts: tuple[int, ...]

    def __str__(self) -> str:
        """Say it in a sentence: ``B-scans 1–3 stay as in version 1.``."""
        told = []
        if self.bscans:
            told.append(f"B-scan{_listed(self.bscans)}")
        if self.parts:
            what = "parts of B-scan" if told else "Parts of B-scan"
            told.append(f"{what}{_listed(self.parts)}")
        verb = "stays" if len(self.bscans) == 1 and not self.parts else "stay"
        return f"{' and '.join(told)} {verb} as in version {self.number}."


def _listed(numbers: Sequence[int]) -> str:
    """Numbers after a noun: ``s 1–3, 7``, or `` 4`` for a single one."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    return f"{'s' if len(numbers) > 1 else ''} {', '.join(told)}"


@dataclass(frozen=True)
class ScanVersion:
    """The labels of a scan as they were at one time; they never change.

    Parameters
    ----------
    name
        Of the scan.
    number
        1, 2, 3, …
    time
        When it was saved, ISO 8601, UTC.
    content
        SHA-256 of all that training could see of it, 64 digits.
    graded_bscans
        Indices of the B-scans with graded columns.
    folder
        Where it is.
    kept
        What it has from the version before; None if nothing.
    is_new
        Whether it was saved just now; False where nothing had changed.
    """

    name: str
    number: int
    time: str
    content: str
    graded_bscans: tuple[int, ...]
    folder: Path
    kept: Kept | None = None
    is_new: bool = False

    @property
    def n_graded_bscans(self) -> int:
        """How many B-scans have graded columns."""
        return len(self.graded_bscans)


@dataclass(frozen=True)
class ScanEntry:
    """A scan of a data set, without its pixels and labels.

    Parameters
    ----------
    name
        Of the scan.
    patient
        Pseudonym.
    scan
        `scan_hash` of its pixels.
    shape
        (n_bscans, depth, width).
    versions
        Numbers, oldest first.
    newest
        The last of them.
    """

    name: str
    patient: str
    scan: str
    shape: tuple[int, int, int]
    versions: tuple[int, ...]
    newest: ScanVersion

    @property
    def n_graded_bscans(self) -> int:
        """B-scans of the newest version that have graded columns."""
        return self.newest.n_graded_bscans


def version_folder(scan_folder: Path, number: int) -> Path:
    """Folder of a version."""
    return scan_folder / f"v{number:04d}"


def version_numbers(scan_folder: Path) -> tuple[int, ...]:
    """Numbers of the versions of a scan, oldest first."""
    found = (_FOLDER.fullmatch(path.name) for path in scan_folder.iterdir())
    return tuple(sorted(int(match[1]) for match in found if match))


def scan_folders(folder: Path) -> list[Path]:
    """Folders of the scans of a data set, by name."""
    scans = folder / SCANS
    if not scans.is_dir():
        return []
    return sorted(path for path in scans.iterdir() if (path / SCAN_FILE).is_file())


def read_entries(folder: Path) -> list[ScanEntry]:
    """The scans of a data set, by name.

    Raises
    ------
    ReadError
        If one is damaged.
    """
    return [read_entry(one) for one in scan_folders(folder)]


def read_entry(scan_folder: Path) -> ScanEntry:
    """What is known about a scan.

    Raises
    ------
    ReadError
        If files are missing or damaged.
    """
    path = scan_folder / SCAN_FILE
    facts = read_json(path)
    numbers = version_numbers(scan_folder)
    if not numbers:
        raise ReadError(
            f"{scan_folder} holds no version",
            allowed="at least one folder v0001",
            todo="take this folder from a copy of the data set",
        )
    try:
        n_bscans, depth, width = (int(n) for n in facts["shape"])
        patient, scan = str(facts["patient"]), str(facts["scan_hash"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, error) from error
    newest = read_version_facts(scan_folder, numbers[-1])
    shape = (n_bscans, depth, width)
    return ScanEntry(scan_folder.name, patient, scan, shape, numbers, newest)


def read_version_facts(scan_folder: Path, number: int) -> ScanVersion:
    """What is known about a version.

    Raises
    ------
    ReadError
        If there is none, or it is damaged.
    """
    folder = version_folder(scan_folder, number)
    facts = read_json(folder / VERSION_FILE)
    try:
        return ScanVersion(
            scan_folder.name,
            number,
            str(facts["time"]),
            str(facts["content"]),
            tuple(int(bscan) for bscan in facts["graded_bscans"]),
            folder,
            _kept(facts.get("kept")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder / VERSION_FILE, error) from error


def _kept(facts: Mapping[str, Any] | None) -> Kept | None:
    if facts is None:
        return None
    bscans, parts = (tuple(int(b) for b in facts[key]) for key in ("bscans", "parts"))
    return Kept(int(facts["number"]), bscans, parts)


def damaged(path: Path, error: Exception) -> ReadError:
    """Error of a file of a data set that is not as it was written."""
    return ReadError(
        f"{path} is damaged ({type(error).__name__}: {error})",
        allowed="the file as napari-octseg wrote it",
        todo="take it from a copy of the data set; `napari-octseg ground-truth check` "
        "lists all such files",
    )
