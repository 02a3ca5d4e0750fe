"""Write a data set in a format of others, into a folder of its own."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.engine.progress import Progress
from napari_octseg.errors import WriteError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_octseg.groundtruth.data_set import DataSet
    from napari_octseg.groundtruth.formats.registry import ExchangeFormat
    from napari_octseg.groundtruth.graded_scan import GradedScan

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_LOOK_S = 0.1


@dataclass(frozen=True)
class Exported:
    """What was written: the folder, its files, the scans, and bytes in all."""

    folder: Path
    files: tuple[Path, ...]
    n_scans: int
    n_bytes: int


def iter_export(
    data_set: DataSet, chosen: ExchangeFormat, place: Path
) -> Generator[Progress, None, Exported]:
    """Export the newest version of every scan.

    Parameters
    ----------
    data_set
        What to export.
    chosen
        A format that can be written.
    place
        Folder in which a new one, named after data set and format, is made. It goes
        again if the export fails or is stopped.

    Raises
    ------
    WriteError
        If the folder cannot be made, or there is nothing to export.
    OctsegError
        What the format cannot hold.
    """
    entries = data_set.scans()
    if not entries or chosen.write is None:
        raise WriteError(
            f"The data set {data_set.name} has no scan",
            allowed="a data set with at least one scan",
            todo="add a corrected scan first",
        )
    scans: list[GradedScan] = []
    newest = data_set.iter_newest([entry.name for entry in entries])
    for entry in entries:
        yield Progress(len(scans), len(entries) + 1, f"reading {entry.name}")
        scans.append(next(newest))
    folder = _new_folder(place, f"{data_set.name}-{chosen.name}")
    thread = ThreadPoolExecutor(1)
    task = thread.submit(chosen.write, scans, folder)
    thread.shutdown(wait=False)
    try:
        while not _is_done(task):
            yield Progress(len(scans), len(scans) + 1, f"writing {folder.name}")
        files = tuple(task.result())
    except BaseException:
        # Nothing can stop a format while it writes: what it wrote goes afterwards.
        task.add_done_callback(lambda _: shutil.rmtree(folder, ignore_errors=True))
        raise
    everything = [path for path in folder.rglob("*") if path.is_file()]
    n_bytes = sum(path.stat().st_size for path in everything)
    return Exported(folder, files, len(scans), n_bytes)


def _is_done(task: Future[list[Path]]) -> bool:
    try:
        task.exception(timeout=_LOOK_S)
    except TimeoutError:
        return False
    return True


def _new_folder(place: Path, name: str) -> Path:
    """A folder that was not there before."""
    stem = _NOT_IN_NAMES.sub("-", name).strip("-.")
    for number in range(1, 1000):
        folder = place / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise WriteError(
                f"The folder {folder} cannot be made: {error.strerror or error}",
                todo="choose a folder in which you may write",
            ) from error
        return folder
    raise WriteError(
        f"{place} holds a thousand exports called {stem}", todo="choose another folder"
    )
