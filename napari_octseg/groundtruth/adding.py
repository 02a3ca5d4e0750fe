"""How a scan gets into a data set: written beside it, then moved in as a whole."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError
from napari_octseg.groundtruth.carrying import carried_over
from napari_octseg.groundtruth.locking import cannot_write, locked
from napari_octseg.groundtruth.scan_folder import (
    content_of,
    read_graded,
    write_scan,
    write_version,
)
from napari_octseg.groundtruth.scan_hash import scan_hash
from napari_octseg.groundtruth.versions import (
    LOCK,
    SCANS,
    read_entries,
    read_version_facts,
    version_folder,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.groundtruth.versions import ScanEntry, ScanVersion

_INCOMING = ".incoming"
_DAY_S = 24 * 3600.0


def add_version(
    folder: Path,
    scan: GradedScan,
    *,
    replaces: bool = False,
    whole: Collection[int] = (),
    untold: Collection[str] = (),
) -> ScanVersion:
    """Save a scan in the folder of a data set; see `DataSet.add`.

    The slow part, writing, needs no lock; the moves at the end do.

    Raises
    ------
    LabelError
        If nothing of the scan is graded, it holds a machine's output that nobody
        accepted, or it is there as another patient's.
    ReadError
        If the version from which columns are to be carried over is damaged.
    WriteError
        If the disk refuses; the data set is as before then.
    """
    _check_answered(scan)
    known_by = scan_hash(scan.volume)
    while True:
        same = _same_scan(folder, known_by, scan)
        _check_graded(scan, same, replaces=replaces)
        full, kept = scan, None
        if same is not None and not replaces:
            newest = same.newest
            before = read_graded(
                newest.folder.parent,
                newest.folder,
                patient=scan.patient,
                label_set=scan.label_set,
                layers=scan.layers,
                lazy_bytes=0,
            )
            full, kept = carried_over(
                scan, before, newest.number, whole=whole, untold=untold
            )
        content = content_of(full)
        if same is not None and same.newest.content == content:
            return same.newest
        with _draft_in(folder) as draft:
            write_version(full, draft / "version", kept)
            if same is None:
                write_scan(full, draft)
            _settle(draft)
            with locked(folder / LOCK):
                _sweep(folder)
                now = _same_scan(folder, known_by, scan)
                if _newest_number(now) != _newest_number(same):
                    # Another writer was first: what it added is to be kept too.
                    continue
                scan_folder, number = _move_in(folder, draft, same, scan.name)
        return replace(read_version_facts(scan_folder, number), is_new=True)


def _newest_number(entry: ScanEntry | None) -> int:
    return 0 if entry is None else entry.newest.number


def _check_graded(scan: GradedScan, same: ScanEntry | None, *, replaces: bool) -> None:
    if scan.graded_bscans or (replaces and same is not None):
        return
    todo = "correct a B-scan or mark it as reviewed"
    if same is not None:
        todo += (
            "; to take back all that is graded of this scan, say so on the command "
            "line with --replace"
        )
    raise LabelError(
        f"Nothing of the scan {scan.name} is graded",
        allowed="scans with at least one corrected or reviewed B-scan",
        todo=todo,
    )


def _check_answered(scan: GradedScan) -> None:
    unanswered = scan.unanswered_bscans
    if unanswered:
        raise LabelError(
            f"{len(unanswered)} of the graded B-scans of {scan.name} hold a machine's "
            "output that nobody has looked at",
            allowed="what a person drew, reviewed, or accepted as is",
            todo="take them over into a correction and review them there; on the "
            "command line --accept-as-is takes and marks them",
        )


def _same_scan(folder: Path, known_by: str, scan: GradedScan) -> ScanEntry | None:
    """The scan with the same pixels, if there is one."""
    same = next((one for one in read_entries(folder) if one.scan == known_by), None)
    if same is not None and same.patient != scan.patient:
        raise LabelError(
            f"The scan {scan.name} of patient {scan.patient} is in the data set "
            f"already, as {same.name} of patient {same.patient}",
            allowed="one patient for one scan",
            todo=f"add it as patient {same.patient}",
        )
    return same


def _move_in(
    folder: Path, draft: Path, same: ScanEntry | None, name: str
) -> tuple[Path, int]:
    """Folder of the scan and number of the version, once they are there."""
    scans = folder / SCANS
    if same is None:
        os.rename(draft / "version", version_folder(draft, 1))
        scans.mkdir(exist_ok=True)
        scan_folder, number = scans / _free_name(scans, name), 1
        os.rename(draft, scan_folder)
    else:
        scan_folder, number = scans / same.name, same.newest.number + 1
        os.rename(draft / "version", version_folder(scan_folder, number))
    _settle_folder(scans)
    _settle_folder(scan_folder)
    return scan_folder, number


def _free_name(scans: Path, name: str) -> str:
    # Some disks do not tell capital letters from small ones.
    taken = {path.name.lower() for path in scans.iterdir()}
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}-{number}"
    return free


@contextmanager
def _draft_in(folder: Path) -> Iterator[Path]:
    """A folder on the same disk, from which things are moved to their place."""
    draft = folder / _INCOMING / uuid.uuid4().hex
    try:
        # Not a temporary folder of the system: those are for one's own eyes only.
        (draft / "version").mkdir(parents=True)
        yield draft
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Take away what programs that were killed have left; they died a day ago."""
    for left in (folder / _INCOMING).iterdir():
        try:
            age_s = time.time() - left.stat().st_mtime
        except FileNotFoundError:
            continue  # its writer has just taken it away
        if age_s > _DAY_S:
            shutil.rmtree(left, ignore_errors=True)


def _settle(folder: Path) -> None:
    """Wait until all files in a folder are on the disk: a power cut loses none."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        else:
            _settle_folder(path)


def _settle_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open folders, and needs not
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
