"""Save labels and volumes; the suffix of the file decides the format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from napari_octseg.errors import VolumeError, WriteError
from napari_octseg.io import eye_writer, image_writers
from napari_octseg.io.atomic import written_whole
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries


@runtime_checkable
class Segmented(Protocol):
    """Labels that know their classes, such as the result of `segment`."""

    @property
    def labels(self) -> NDArray[np.uint8]:
        """(n_bscans, depth, width) or (rows, columns) class indices."""

    @property
    def label_set(self) -> LabelSet:
        """Classes in index order."""


_LABEL_WRITERS: dict[str, Callable[[OCTVolume, Path], None]] = {
    ".nii.gz": image_writers.write_itk_labels,
    ".nii": image_writers.write_itk_labels,
    ".nrrd": image_writers.write_itk_labels,
    ".mhd": image_writers.write_itk_labels,
    ".mha": image_writers.write_itk_labels,
    ".tif": image_writers.write_tiff_labels,
    ".tiff": image_writers.write_tiff_labels,
    ".png": image_writers.write_png_labels,
    ".eye": eye_writer.write_eye,
}
_VOLUME_WRITERS: dict[str, Callable[[OCTVolume, Path], None]] = {
    ".nii.gz": image_writers.write_itk_volume,
    ".nii": image_writers.write_itk_volume,
    ".nrrd": image_writers.write_itk_volume,
    ".mhd": image_writers.write_itk_volume,
    ".mha": image_writers.write_itk_volume,
    ".tif": image_writers.write_tiff_volume,
    ".tiff": image_writers.write_tiff_volume,
    ".eye": eye_writer.write_eye,
}


def save_labels(
    result: Segmented | NDArray[Any],
    path: str | os.PathLike[str],
    volume: OCTVolume | None = None,
    label_set: LabelSet | None = None,
) -> None:
    """Save labels with their spacing and class names, in the format of the suffix.

    Parameters
    ----------
    result
        What `segment` or `segment_enface` returned, or an array
        (n_bscans, depth, width) or (depth, width) of class indices 0…255 (255 = not
        graded).
    path
        ``.tif``, ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mhd``, ``.mha``; ``.eye`` (with
        the pixels and boundaries); ``.png`` for one B-scan. An existing file is
        replaced as a whole or, if anything fails, left as it was.
    volume
        Where the labels belong: spacing and, for ``.eye``, pixels. Taken from
        `result.volume` where there is one.
    label_set
        Classes of the labels; taken from `result` where it has them.

    Raises
    ------
    WriteError
        For an unknown suffix, labels that are none, or a disk that refuses.
    """
    path = Path(path).expanduser()
    write = _writer_for(path, _LABEL_WRITERS)
    boundaries = None
    if isinstance(result, Segmented):
        labels = _as_labels(result.labels)
        label_set = label_set or result.label_set
        boundaries = getattr(result, "boundaries", None)
        volume = volume or getattr(result, "volume", None)
    else:
        labels = _as_labels(result)
    try:
        labelled = _labelled(labels, volume, label_set, boundaries)
    except VolumeError as error:
        raise WriteError(error.got, allowed=error.allowed, todo=error.todo) from error
    with written_whole(path) as target:
        write(labelled, target)


def check_label_file(path: Path, n_bscans: int = 1) -> None:
    """Check before a long computation whether labels can be saved under this name.

    Raises
    ------
    WriteError
        For an unknown suffix, or several B-scans as one PNG.
    """
    if _writer_for(path, _LABEL_WRITERS) is image_writers.write_png_labels:
        image_writers.check_png(n_bscans)


def save_volume(volume: OCTVolume, path: str | os.PathLike[str]) -> None:
    """Save the pixels of a volume with its spacing, in the format of the suffix.

    Parameters
    ----------
    volume
        ``.eye`` keeps boundaries, labels and localizer; the others only pixels, spacing
        and (TIFF) laterality.
    path
        ``.tif``, ``.nii``, ``.nii.gz``, ``.nrrd``, ``.mhd``, ``.mha`` or ``.eye``.

    Raises
    ------
    WriteError
        For an unknown suffix or a disk that refuses.
    """
    path = Path(path).expanduser()
    write = _writer_for(path, _VOLUME_WRITERS)
    with written_whole(path) as target:
        write(volume, target)


def _writer_for(
    path: Path, writers: dict[str, Callable[[OCTVolume, Path], None]]
) -> Callable[[OCTVolume, Path], None]:
    for suffix, write in writers.items():
        if path.name.lower().endswith(suffix):
            return write
    raise WriteError(
        f"{path.name} has the suffix {path.suffix or '(none)'}",
        allowed=", ".join(sorted(writers)),
        todo="end the file name with one of these",
    )


def _as_labels(values: Any) -> NDArray[np.uint8]:
    """`values` as (n_bscans, depth, width) uint8."""
    labels = np.asarray(values)
    if labels.dtype.kind not in "biu" or labels.ndim not in (2, 3) or not labels.size:
        raise WriteError(
            f"Labels of type {labels.dtype} and shape {labels.shape}",
            allowed="integers of shape (n_bscans, depth, width) or (depth, width)",
        )
    if labels.min() < 0 or labels.max() > IGNORE:
        raise WriteError(
            f"Labels from {labels.min()} to {labels.max()}",
            allowed=f"0 (background) to {IGNORE} (not graded)",
        )
    return (labels if labels.ndim == 3 else labels[None]).astype(np.uint8, copy=False)


def _labelled(
    labels: NDArray[np.uint8],
    volume: OCTVolume | None,
    label_set: LabelSet | None,
    boundaries: Boundaries | None,
) -> OCTVolume:
    """The volume with these labels; black pixels where there is no volume."""
    if label_set is None:
        highest = int(labels[labels != IGNORE].max(initial=0))
        label_set = LabelSet.numbered(highest)
    if volume is None:
        black = np.broadcast_to(np.uint8(0), labels.shape)
        return OCTVolume(
            black, labels=labels, label_set=label_set, boundaries=boundaries
        )
    return replace(
        volume,
        labels=labels,
        label_set=label_set,
        boundaries=boundaries or volume.boundaries,
    )
