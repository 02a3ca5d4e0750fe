"""Labels from files: class indices, whatever a format keeps them as."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import LabelError, ReadError
from napari_octseg.io import read_volume
from napari_octseg.io.format import broken_file
from napari_octseg.io.pictures import picture_files, read_bscan
from napari_octseg.io.tiff import classes_in
from napari_octseg.labels import IGNORE, remap
from napari_octseg.volume import Spacing

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

_PICTURES = (".png", ".bmp", ".jpg", ".jpeg")
_TIFFS = (".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class LabelFile:
    """Labels as a file holds them.

    Parameters
    ----------
    name
        Of the file or folder.
    codes
        (n_bscans, depth, width) integers.
    label_set
        What the codes stand for, counted from 0; None if the file does not tell.
    spacing
        Of the scan, as far as the file tells.
    """

    name: str
    codes: NDArray[Any]
    label_set: LabelSet | None
    spacing: Spacing


def read_labels(path: str | os.PathLike[str]) -> LabelFile:
    """Read labels from any format that `read_volume` opens.

    Of indexed pictures the index is the label, not the colour. Files that hold labels
    beside a scan (``.eye``, Duke ``.mat``, RETOUCH folders) give these.

    Parameters
    ----------
    path
        File, or folder with one picture per B-scan.

    Raises
    ------
    ReadError
        If it cannot be opened, or holds colours or fractions instead of labels.
    """
    path = Path(path).expanduser()
    pictures = _pictures(path)
    if pictures:
        return LabelFile(path.name, _stacked(pictures), None, Spacing())
    # Labels are small: they are read as a whole.
    volume = read_volume(path, lazy_bytes=sys.maxsize)
    if volume.labels is not None:
        codes, label_set = volume.labels, volume.label_set
    else:
        codes, label_set = np.asarray(volume.data), classes_of(path, volume)
    if codes.dtype.kind == "f":
        codes = _whole_numbers(codes, path)
    return LabelFile(path.name, codes, label_set, volume.spacing)


def classes_of(path: Path, volume: OCTVolume) -> LabelSet | None:
    """Classes of a volume that `save_labels` wrote as TIFF; None if it is no such."""
    is_tiff = path.is_file() and path.name.lower().endswith(_TIFFS)
    return classes_in(path) if is_tiff and volume.data.dtype == np.uint8 else None


def class_indices(
    file: LabelFile, label_set: LabelSet, first_code: int = 0
) -> NDArray[np.uint8]:
    """Labels of a file in the class indices of a label set.

    Parameters
    ----------
    file
        What `read_labels` gave. Classes that it names are found by their names, and
        those without a counterpart become `IGNORE`.
    label_set
        Classes wanted.
    first_code
        Code of the background in a file that names no classes: 1 for the label
        pictures of RASP-Net, which count 1…12. Lower codes become `IGNORE`.

    Returns
    -------
    (n_bscans, depth, width) uint8.

    Raises
    ------
    LabelError
        If a code belongs to no class.
    """
    if file.label_set is not None:
        return remap(file.codes, file.label_set.mapping_to(label_set))
    codes = np.unique(file.codes)
    last = first_code + len(label_set) - 1
    wrong = codes[((codes < 0) | (codes > last)) & (codes != IGNORE)]
    if wrong.size:
        raise LabelError(
            f"{file.name} has the code {wrong[0]}",
            allowed=f"{first_code} ({label_set.names[0]}) to {last} "
            f"({label_set.names[-1]}), {IGNORE} (not graded)",
            todo="choose the label set that these labels were made with; where they "
            "count from 1, the first code is 1 (--first-code 1)",
        )
    indices = file.codes.astype(np.int64) - first_code
    graded = (file.codes != IGNORE) & (indices >= 0)
    return np.where(graded, indices, IGNORE).astype(np.uint8)


def _pictures(path: Path) -> list[Path]:
    """The label pictures of a file or folder; none where it is something else."""
    if path.is_file():
        return [path] if path.suffix.lower() in _PICTURES else []
    files = picture_files(path) if path.is_dir() else []
    return files if files and files[0].suffix.lower() in _PICTURES else []


def _stacked(paths: list[Path]) -> NDArray[Any]:
    bscans = [_codes_in(path) for path in paths]
    for path, bscan in zip(paths, bscans, strict=True):
        if bscan.shape != bscans[0].shape:
            raise ReadError(
                f"{path.name} is {bscan.shape[0]} × {bscan.shape[1]} px but "
                f"{paths[0].name} is {bscans[0].shape[0]} × {bscans[0].shape[1]} px",
                allowed="label pictures of one size in a folder",
            )
    return np.stack(bscans)


def _codes_in(path: Path) -> NDArray[Any]:
    """Codes (depth, width) of one label picture."""
    from PIL import Image, UnidentifiedImageError

    with (
        broken_file(path, "a label picture", UnidentifiedImageError, OSError),
        Image.open(path) as image,
    ):
        if image.mode == "P":
            return np.asarray(image)
    codes, note = read_bscan(path)
    if note is not None:
        raise ReadError(
            f"{path.name} is a picture in colours",
            allowed="one number per pixel: grey or indexed pictures",
            todo="export the class of each pixel instead of its colour",
        )
    return codes


def _whole_numbers(values: NDArray[Any], path: Path) -> NDArray[Any]:
    whole = np.rint(values)
    if not np.array_equal(whole, values):
        raise ReadError(
            f"{path.name} holds fractions", allowed="labels: whole numbers 0 to 255"
        )
    codes: NDArray[np.int64] = whole.astype(np.int64)
    return codes
