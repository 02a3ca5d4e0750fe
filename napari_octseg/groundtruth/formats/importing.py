"""What all readers share: scans of others, under names that are allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.boundaries import layers_among
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.groundtruth.names import name_from
from napari_octseg.groundtruth.volume_facts import anonymous

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume


def scan_of_others(
    name: str,
    volume: OCTVolume,
    labels: NDArray[np.uint8],
    label_set: LabelSet,
    *,
    patient: str = "",
    boundaries: Boundaries | None = None,
) -> GradedScan:
    """A scan whose file says nothing about how its labels came about.

    Parameters
    ----------
    name
        Of the file or folder; made one that is allowed, as by `name_from`.
    volume
        Its pixels, spacing, eye and device are kept, nothing that tells whose it is.
    labels
        (n_bscans, depth, width) class indices, 255 = not graded.
    label_set
        Their classes; those with the name of a layer are its layers.
    patient
        The scan is taken for one patient of its own by default. `name_from` and
        `pseudonym_of` make the same pseudonym of it as of what the file tells.
    boundaries
        Heights that the file holds, in px from the top.

    Raises
    ------
    ReadError
        If labels and pixels have unequal shapes.
    LabelError
        If a label has no class.
    """
    if labels.shape != volume.shape:
        raise ReadError(
            f"{name} has labels of shape {labels.shape} for pixels of shape "
            f"{volume.shape}",
            allowed="one label per pixel",
            todo="export labels and scan with the same B-scans and at native size",
        )
    return GradedScan(
        name=name_from(name),
        patient=name_from(patient or name),
        volume=anonymous(volume),
        labels=labels,
        label_set=label_set,
        layers=layers_among(label_set.names),
        boundaries=boundaries,
    )


def shared_patient(folder: Path, volumes: Sequence[OCTVolume]) -> str:
    """Patient of scans whose files name none; empty if each has its own.

    Single B-scans may be of one eye: they get one patient, so that no split parts them.
    """
    return folder.name if all(one.n_bscans == 1 for one in volumes) else ""


def existing_folder(path: Path) -> Path:
    """`path` if it is a folder.

    Raises
    ------
    ReadError
        If it is none.
    """
    if not path.is_dir():
        raise ReadError(
            f"{path} is no folder", todo="choose the folder that holds the export"
        )
    return path
