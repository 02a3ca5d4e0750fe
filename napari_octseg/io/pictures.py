"""Pictures: PNG, JPEG, BMP, alone or as a folder with one B-scan per file."""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.format import Format, ReadOptions, broken_file, natural_key
from napari_octseg.io.lazy import stack_lazily
from napari_octseg.io.pixels import native, to_grey
from napari_octseg.volume import OCTVolume, ScanPattern

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.io.pixels import Colour

_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
_TIFF_SUFFIXES = (".tif", ".tiff")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def _is_picture(path: Path, head: bytes) -> bool:
    if head.startswith(_MAGIC):
        return True
    # BMP begins with two letters only; its second header says how long it is
    header_bytes = int.from_bytes(head[14:18], "little")
    return head.startswith(b"BM") and header_bytes in (12, 40, 52, 56, 64, 108, 124)


def _read_picture(
    path: Path, colour: Colour = ReadOptions.colour
) -> tuple[NDArray[Any], str | None]:
    """Grey values (depth, width) of one picture, and what was lost."""
    from PIL import Image, UnidentifiedImageError

    with (
        broken_file(
            path,
            "a picture",
            UnidentifiedImageError,
            OSError,
            SyntaxError,
            ValueError,
            EOFError,
            struct.error,
            Image.DecompressionBombError,
        ),
        Image.open(path) as image,
    ):
        if image.mode == "1":
            return np.asarray(image.convert("L")), None
        if image.mode in ("P", "PA", "CMYK", "YCbCr", "HSV", "LAB", "RGBX"):
            return to_grey(np.asarray(image.convert("RGB")), colour)
        pixels = native(np.asarray(image))
    return (pixels, None) if pixels.ndim == 2 else to_grey(pixels, colour)


def is_picture_name(path: Path) -> bool:
    """Whether the ending is that of a picture or TIFF."""
    return path.suffix.lower() in (*_PICTURE_SUFFIXES, *_TIFF_SUFFIXES)


def read_bscan(
    path: Path, colour: Colour = ReadOptions.colour
) -> tuple[NDArray[Any], str | None]:
    """Grey values (depth, width) of a picture or one-page TIFF, and what was lost.

    Raises
    ------
    ReadError
        If the file is broken or holds several B-scans.
    """
    if path.suffix.lower() not in _TIFF_SUFFIXES:
        return _read_picture(path, colour)
    from napari_octseg.io import tiff

    volume = tiff.FORMAT.read(path, ReadOptions(colour=colour))
    if volume.n_bscans != 1:
        raise ReadError(
            f"{path.name} is a stack of {volume.n_bscans} among other TIFFs",
            allowed="a folder with one B-scan per file, or one TIFF stack",
            todo="open the stack itself",
        )
    note = next((n for n in volume.notes if n.startswith("Colour")), None)
    return volume.bscan(0), note


def _read_single(path: Path, options: ReadOptions) -> OCTVolume:
    pixels, note = _read_picture(path, options.colour)
    return OCTVolume(
        pixels,
        scan_pattern=ScanPattern.LINE,
        notes=tuple(filter(None, (note, "A picture holds no spacing."))),
    )


def picture_files(folder: Path) -> list[Path]:
    """Pictures of the most frequent kind in a folder; B2 comes before B10."""
    kinds = {**dict.fromkeys(_PICTURE_SUFFIXES), **dict.fromkeys(_TIFF_SUFFIXES)}
    kinds |= {".jpeg": ".jpg", ".tiff": ".tif"}
    files = [
        p
        for p in folder.iterdir()
        if p.suffix.lower() in kinds and not p.name.startswith(".") and p.is_file()
    ]

    def kind(path: Path) -> str:
        suffix = path.suffix.lower()
        return kinds[suffix] or suffix

    if not files:
        return []
    most = Counter(map(kind, files)).most_common(1)[0][0]
    chosen = [p for p in files if kind(p) == most]
    return sorted(chosen, key=lambda p: natural_key(p.name))


def read_stack(paths: Sequence[Path], options: ReadOptions) -> OCTVolume:
    """Volume of one B-scan per file, in the order given.

    Raises
    ------
    ReadError
        If a file is broken or differs in size from the first.
    """
    first, note = read_bscan(paths[0], options.colour)
    notes = [
        f"{len(paths)} files in natural order, {paths[0].name} to {paths[-1].name}.",
        "Pictures hold no spacing.",
    ]
    if first.nbytes * len(paths) > options.lazy_bytes:
        data: Any = _lazy_stack(paths, first, options.colour)
    else:
        bscans = [first]
        for path in paths[1:]:
            pixels, own_note = read_bscan(path, options.colour)
            note = note or own_note
            bscans.append(_checked(pixels, path, first, paths[0]))
        data = np.stack(bscans)
    return OCTVolume(data, notes=(*([note] if note else []), *notes))


def _checked(
    pixels: NDArray[Any], path: Path, first: NDArray[Any], first_path: Path
) -> NDArray[Any]:
    if pixels.shape == first.shape:
        return pixels
    raise ReadError(
        f"{path.name} is {pixels.shape[0]} × {pixels.shape[1]} px but "
        f"{first_path.name} is {first.shape[0]} × {first.shape[1]} px",
        allowed="B-scans of one size in a folder",
        todo="keep one volume per folder; move localizer and report pictures away",
    )


def _lazy_stack(paths: Sequence[Path], first: NDArray[Any], colour: Colour) -> Any:
    def load(index: int) -> NDArray[Any]:
        pixels, _ = read_bscan(paths[index], colour)
        return _checked(pixels, paths[index], first, paths[0]).astype(first.dtype)

    return stack_lazily(load, len(paths), first.shape, first.dtype)


def _read_folder(path: Path, options: ReadOptions) -> OCTVolume:
    files = picture_files(path)
    if len(files) == 1 and files[0].suffix.lower() in _TIFF_SUFFIXES:
        from napari_octseg.io import tiff

        return tiff.FORMAT.read(files[0], options)
    return read_stack(files, options)


FORMAT = Format(
    "a picture (PNG, JPEG, BMP)", _PICTURE_SUFFIXES, _is_picture, _read_single
)
FOLDER = Format(
    "a folder of pictures",
    (),
    lambda path, head: path.is_dir() and bool(picture_files(path)),
    _read_folder,
)
