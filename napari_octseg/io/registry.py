"""The file formats, in the order in which they are tried.

To add one: write a module with a `Format`, and add it to `FORMATS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.io import (
    dicom_opt,
    duke_mat,
    eye,
    heyex_vol,
    heyex_xml,
    itk_images,
    numpy_files,
    pictures,
    tiff,
)
from napari_octseg.io.format import HEAD_BYTES, Format

if TYPE_CHECKING:
    from pathlib import Path

FORMATS: tuple[Format, ...] = (
    tiff.FORMAT,
    numpy_files.NPY,
    numpy_files.NPZ,
    duke_mat.FORMAT,
    dicom_opt.FORMAT,
    eye.FORMAT,
    heyex_vol.FORMAT,
    heyex_xml.FORMAT,
    itk_images.METAIMAGE,
    itk_images.NIFTI,
    itk_images.NRRD,
    pictures.FORMAT,
    pictures.FOLDER,
)


def find_format(path: Path) -> Format | None:
    """The format of a file or folder by its content, None if it is none of ours.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    head = b""
    if not path.is_dir():
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    return next((f for f in FORMATS if f.sniff(path, head)), None)


def all_suffixes() -> tuple[str, ...]:
    """Usual file endings of all formats, lower case with the dot."""
    return tuple(sorted({s for f in FORMATS for s in f.suffixes}))
