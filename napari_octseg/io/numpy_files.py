"""NumPy arrays: ``.npy`` and ``.npz``, never unpickled."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.format import Format, ReadOptions, broken_file
from napari_octseg.io.lazy import native_lazily
from napari_octseg.io.pixels import native, to_grey
from napari_octseg.volume import OCTVolume, Origin, Spacing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NPY, _NPZ = "NumPy .npy", "NumPy .npz"
_VOLUME_KEYS = ("volume", "data", "oct", "images", "image", "bscans", "arr_0")
_AXES_NOTE = "Axes were taken as (B-scan, depth, A-scan)."


def _is_npy(path: Path, head: bytes) -> bool:
    return head.startswith(b"\x93NUMPY")


def _is_npz(path: Path, head: bytes) -> bool:
    if not head.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return path.suffix.lower() == ".npz"  # damaged: the reader says so
    return "raw_volume.npy" not in names and any(n.endswith(".npy") for n in names)


def _read_npy(path: Path, options: ReadOptions) -> OCTVolume:
    with broken_file(path, _NPY, ValueError, EOFError, TypeError, SyntaxError):
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if mapped.nbytes <= options.lazy_bytes or mapped.ndim == 4:
            mapped = native(np.array(mapped))
    pixels, note = _grey(mapped, path)
    return OCTVolume(
        native_lazily(pixels),
        notes=(*([note] if note else []), _AXES_NOTE, "A .npy file holds no spacing."),
    )


def _grey(pixels: NDArray[Any], path: Path) -> tuple[NDArray[Any], str | None]:
    if pixels.dtype.kind not in "biuf":
        raise ReadError(
            f"{path.name} holds values of type {pixels.dtype}",
            allowed="numbers: integers or floats",
        )
    if pixels.ndim == 4 and pixels.shape[-1] in (1, 2, 3, 4):
        return to_grey(pixels)
    return pixels, None


def _read_npz(path: Path, options: ReadOptions) -> OCTVolume:
    with (
        broken_file(
            path,
            _NPZ,
            ValueError,
            EOFError,
            KeyError,
            OSError,
            TypeError,
            SyntaxError,
            NotImplementedError,
            RuntimeError,
            zipfile.BadZipFile,
            zlib.error,
        ),
        np.load(path, allow_pickle=False) as archive,
    ):
        key = _volume_key(archive, path)
        pixels, note = _grey(native(archive[key]), path)
        spacing = _spacing(archive)
    notes = [note] if note else []
    notes.append(f"The array {key!r} was read. {_AXES_NOTE}")
    return OCTVolume(pixels, spacing=spacing, notes=tuple(notes))


def _volume_key(archive: Any, path: Path) -> str:
    keys = list(archive.keys())
    for key in _VOLUME_KEYS:
        if key in keys:
            return key
    candidates = [k for k in keys if archive[k].ndim in (2, 3)]
    if len(candidates) == 1:
        return str(candidates[0])
    raise ReadError(
        f"{path.name} holds the arrays {', '.join(keys) or '(none)'}",
        allowed="one image array, or one called " + ", ".join(_VOLUME_KEYS),
        todo="save the volume under the name 'volume'",
    )


def _spacing(archive: Any) -> Spacing:
    if "spacing_um" not in archive.keys():
        return Spacing()
    values = np.asarray(archive["spacing_um"], float).ravel()
    if values.size != 3:
        return Spacing()
    between, axial, lateral = (float(v) if v > 0 else None for v in values)
    return Spacing.of((between, axial, lateral), Origin.FILE)


NPY = Format(_NPY, (".npy",), _is_npy, _read_npy)
NPZ = Format(_NPZ, (".npz",), _is_npz, _read_npz)
