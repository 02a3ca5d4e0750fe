"""Whether the files of a scan are those that were written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.scan_folder import (
    changed_files,
    content_of,
    read_graded,
)
from napari_octseg.groundtruth.versions import (
    SCAN_FILE,
    VERSION_FILE,
    read_entry,
    read_version_facts,
    version_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.labels import LabelSet


def problems_of(
    folder: Path, label_set: LabelSet, layers: tuple[str, ...]
) -> list[str]:
    """What is missing or changed of a scan and its versions, in sentences.

    Parameters
    ----------
    folder
        Of the scan; all its files are read.
    label_set, layers
        Of the data set.
    """
    problems = changed_files(folder, SCAN_FILE)
    try:
        entry = read_entry(folder)
    except ReadError as error:
        return [*problems, error.got]
    for number in entry.versions:
        of_version = version_folder(folder, number)
        changed = changed_files(of_version, VERSION_FILE)
        if changed:
            problems += changed
            continue
        try:
            # The file that holds the hashes has none itself.
            content = content_of(
                read_graded(
                    folder,
                    of_version,
                    patient=entry.patient,
                    label_set=label_set,
                    layers=layers,
                )
            )
            if content != read_version_facts(folder, number).content:
                problems.append(
                    f"{of_version / VERSION_FILE} is not the file that was written"
                )
        except ReadError as error:
            problems.append(error.got)
    return problems
