"""The exchange formats by name; a module is imported when its format is used.

To add one: write a module with a constant ``FORMAT``, and name it in `_MODULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

_PACKAGE = "napari_octseg.groundtruth.formats"

_MODULES = {
    "png": "png_masks",
    "tiff": "tiff_masks",
    "retouch": "retouch",
    "nifti": "nifti",
    "nnunet": "nnunet",
    "eye": "eye",
    "boundary-csv": "boundary_csv",
    "duke-mat": "duke_mat",
    "coco": "coco",
    "dicom-seg": "dicom_seg",
    "octexplorer": "octexplorer",
    "polygons": "polygons",
    "device-boundaries": "device_boundaries",
}


@dataclass(frozen=True)
class ExchangeFormat:
    """A way in which other programmes keep labels.

    Attributes
    ----------
    name
        By which it is chosen: ``nnunet``.
    title
        What a person calls it.
    what
        What it carries, and who reads it, in a sentence.
    write
        ``(scans, target) -> files written``; the target is a new or empty folder. None
        for formats that are only read.
    read
        ``path -> scans`` with the label set by the file's own names. None for formats
        without pixels.
    read_labels_for
        ``(path, volume) -> scan`` with the pixels of that volume, for formats that
        hold none. None for those that do.
    suffixes
        Usual endings of a file of this format, lower case with the dot.
    loses
        What writing and reading back loses, in a sentence; empty if nothing.
    """

    name: str
    title: str
    what: str
    write: Callable[[Sequence[GradedScan], Path], list[Path]] | None
    read: Callable[[Path], list[GradedScan]] | None
    read_labels_for: Callable[[Path, OCTVolume], GradedScan] | None
    suffixes: tuple[str, ...]
    loses: str


class _Formats(Mapping[str, ExchangeFormat]):
    """Formats by name, in the order in which they are offered."""

    def __getitem__(self, name: str) -> ExchangeFormat:
        module = import_module(f"{_PACKAGE}.{_MODULES[name]}")
        found: ExchangeFormat = module.FORMAT
        return found

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


FORMATS: Mapping[str, ExchangeFormat] = _Formats()


def exchange_format(name: str) -> ExchangeFormat:
    """The format of that name.

    Raises
    ------
    LabelError
        If there is none.
    """
    if name not in FORMATS:
        raise LabelError(
            f"No exchange format is called {name!r}", allowed=", ".join(FORMATS)
        )
    return FORMATS[name]
