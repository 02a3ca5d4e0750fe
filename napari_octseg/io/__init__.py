"""Open any retinal OCT file or folder; save what was segmented."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError, ReadError, VolumeError
from napari_octseg.io.format import ReadOptions
from napari_octseg.io.pixels import BY_LUMINANCE
from napari_octseg.io.registry import all_suffixes, find_format

if TYPE_CHECKING:
    import os

    from napari_octseg.io.pixels import Colour
    from napari_octseg.volume import OCTVolume

__all__ = ["in_green", "read_volume"]


def read_volume(
    path: str | os.PathLike[str],
    *,
    lazy_bytes: int = ReadOptions.lazy_bytes,
    colour: Colour = ReadOptions.colour,
) -> OCTVolume:
    """Open a file or folder of any supported format; content decides, not the ending.

    Names, birth dates and patient ids are not read.

    Parameters
    ----------
    path
        File or folder.
    lazy_bytes
        Pixels that need more bytes than this stay on disk where the format allows it.
    colour
        What of a colour picture or TIFF becomes its grey values: ``luminance``, or
        ``green``, which shows the vessels of a fundus photograph best.

    Returns
    -------
    Volume of (n_bscans, depth, width) in acquisition order, raw values, with the
    spacing that the file states (µm) and notes on what had to be assumed.

    Raises
    ------
    ReadError
        If there is no such file, or it is empty, truncated or of no known format.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise ReadError(f"There is no file or folder {path}", todo="check the path")
    if path.is_file() and path.stat().st_size == 0:
        raise ReadError(f"{path.name} is empty", todo="copy or export the file again")
    try:
        found = find_format(path)
        if found is None:
            raise _unknown(path)
        volume = found.read(path, ReadOptions(lazy_bytes, colour))
    except (VolumeError, LabelError) as error:
        raise ReadError(
            f"{path.name} holds no OCT volume: {error.got}",
            allowed=error.allowed,
            todo=error.todo,
        ) from error
    except PermissionError as error:
        raise ReadError(
            f"{path.name} cannot be opened: {error.strerror}",
            todo="check who may read it",
        ) from error
    return replace(volume, source=str(path))


def in_green(picture: OCTVolume) -> OCTVolume:
    """A picture as its green channel, which shows the vessels of the fundus best.

    Parameters
    ----------
    picture
        As `read_volume` opened it; where colour was turned into grey by luminance, its
        file is read again.

    Raises
    ------
    ReadError
        If that file is not there any more.
    """
    if picture.source and BY_LUMINANCE in picture.notes:
        return read_volume(picture.source, colour="green")
    return picture


def _unknown(path: Path) -> ReadError:
    allowed = ", ".join(all_suffixes())
    if path.is_dir():
        return ReadError(
            f"The folder {path.name} holds nothing that can be opened as one volume",
            allowed="pictures of one size, a HEYEX XML export, or a RETOUCH oct.mhd",
            todo="open a single file in it",
        )
    return ReadError(
        f"{path.name} is of no known format, by its content",
        allowed=f"files of the kinds {allowed}, and folders of pictures",
        todo="export the scan in one of these formats",
    )
