"""Which journal belongs to which scan: told by content, so that files may move."""

from __future__ import annotations

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.editing.journal_file import identity_of, reading
from napari_octseg.errors import JournalError
from napari_octseg.groundtruth.scan_hash import scan_hash

if TYPE_CHECKING:
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

logger = logging.getLogger(__name__)

_FOLDER_VARIABLE = "OCTSEG_JOURNALS"
_SUFFIX = ".sqlite"


@dataclass(frozen=True)
class FoundJournal:
    """A journal of a scan, without its edits.

    Parameters
    ----------
    path
        Its file.
    label_set, layers
        What it was graded with.
    n_edits
        Edits in force, model runs among them.
    last_time
        When the newest of them began, seconds since 1970 (UTC); None if there is none.
    grader
        Who made the newest of them; empty if there is none.
    """

    path: Path
    label_set: LabelSet
    layers: tuple[str, ...]
    n_edits: int
    last_time: float | None
    grader: str


def journal_path(
    volume: OCTVolume,
    label_set: LabelSet,
    folder: Path | None = None,
    *,
    scan: str | None = None,
) -> Path:
    """Where the journal of a scan with a label set is, or will be.

    Parameters
    ----------
    volume
        The scan.
    label_set
        Its classes by name; colours do not matter.
    folder
        Folder of all journals. By default that of the variable OCTSEG_JOURNALS, or
        ``journals`` in the user's data folder.
    scan
        Its `scan_hash`, if it is known already.
    """
    names = "\n".join(label_set.names)
    known_by = hashlib.blake2b(names.encode(), digest_size=8).hexdigest()
    return _folder_of(scan or scan_hash(volume), folder) / f"{known_by}{_SUFFIX}"


def find_journals(volume: OCTVolume, folder: Path | None = None) -> list[FoundJournal]:
    """The journals of a scan, the one edited last first.

    One that is open in a window, or damaged, is left out: opening it will say so.

    Parameters
    ----------
    volume, folder
        As for `journal_path`.
    """
    found = []
    for path in sorted(_folder_of(scan_hash(volume), folder).glob(f"*{_SUFFIX}")):
        try:
            found.append(_look_at(path))
        except JournalError as error:
            logger.warning("a journal of this scan cannot be read: %s", error)
    return sorted(found, key=lambda one: one.last_time or 0.0, reverse=True)


def _look_at(path: Path) -> FoundJournal:
    with reading(path) as connection:
        identity = identity_of(connection)
        # With max() SQLite takes the other columns from the row of the maximum.
        n_edits, _, last_time, grader = connection.execute(
            "SELECT count(*), max(id), time, grader FROM edits WHERE state = 'done'"
        ).fetchone()
    names = identity.label_set, identity.layers
    return FoundJournal(path, *names, n_edits, last_time, grader or "")


def _folder_of(scan: str, folder: Path | None) -> Path:
    return (folder or _journals_folder()) / scan


def _journals_folder() -> Path:
    chosen = os.environ.get(_FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(
        platformdirs.user_data_dir("napari-octseg", appauthor=False), "journals"
    )
