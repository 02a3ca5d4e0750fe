"""MATLAB files of the two Duke data sets: DME 2015 and AMD 2013.

DME: Chiu et al., Biomed. Opt. Express 6(4):1172-1194, 2015. AMD: Farsiu et al.,
Ophthalmology 121(1):162-172, 2014. Axes in the files are (depth, A-scan, B-scan), rows
count from 1.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import Boundaries, boundaries_to_labels, boundary_names
from napari_octseg.errors import ReadError
from napari_octseg.io.boundary_names import named_boundaries
from napari_octseg.io.format import Format, ReadOptions, broken_file
from napari_octseg.labels import BACKGROUND, IGNORE, LabelSet
from napari_octseg.volume import OCTVolume, ScanPattern

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_NAME = "MATLAB .mat"
LAYERS = ("RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE")
"""Layers of the DME data set, top to bottom."""
FLUID = "fluid"
_AMD_SURFACES = ("ILM", "IBRPE", "BM")
_KEYS = ("images", "manualLayers1", "manualFluid1", "layerMaps")
_NO_SPACING = "Duke .mat files hold no spacing."
_GRADER = "Labels and boundaries are those of grader 1; what was not graded is ignored."


def _is_mat(path: Path, head: bytes) -> bool:
    return head.startswith((b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file"))


def _read(path: Path, options: ReadOptions) -> OCTVolume:
    with path.open("rb") as file:
        newer = file.read(10) == b"MATLAB 7.3"
    arrays = (_load_v73 if newer else _load_v5)(path)
    if "images" not in arrays or arrays["images"].ndim not in (2, 3):
        raise ReadError(
            f"{path.name} holds no array 'images' of (depth, A-scan, B-scan)",
            allowed="the layout of the Duke data sets (DME 2015, AMD 2013)",
            todo="save the volume as TIFF or .npy instead",
        )
    data = np.ascontiguousarray(_bscans_first(arrays["images"]))
    if "layerMaps" in arrays:
        return _amd(data, arrays["layerMaps"], path)
    boundaries, labels, label_set = graded(data.shape, arrays, path)
    return OCTVolume(
        data,
        scan_pattern=ScanPattern.RASTER if len(data) > 1 else ScanPattern.LINE,
        boundaries=boundaries,
        labels=labels,
        label_set=label_set,
        notes=(_NO_SPACING, *([] if labels is None else [_GRADER])),
    )


def _load_v5(path: Path) -> dict[str, NDArray[Any]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    with broken_file(
        path,
        _NAME,
        MatReadError,
        zlib.error,
        struct.error,
        OSError,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        NotImplementedError,
        OverflowError,
    ):
        found = loadmat(path, variable_names=_KEYS)
    return {k: np.asarray(v) for k, v in found.items() if k in _KEYS}


def _load_v73(path: Path) -> dict[str, NDArray[Any]]:
    """MATLAB 7.3 is HDF5, with the axes the other way round."""
    import h5py

    with (
        broken_file(path, _NAME, OSError, KeyError, RuntimeError, ValueError),
        h5py.File(path) as file,
    ):
        return {
            key: np.asarray(file[key]).T
            for key in _KEYS
            if isinstance(file.get(key), h5py.Dataset)
        }


def _bscans_first(array: NDArray[Any]) -> NDArray[Any]:
    """(depth, A-scan, B-scan) → (n_bscans, depth, width); one B-scan has two axes."""
    return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)


def graded(
    shape: tuple[int, ...], arrays: Mapping[str, NDArray[Any]], path: Path
) -> tuple[Boundaries | None, NDArray[np.uint8] | None, LabelSet | None]:
    """Boundaries and labels of grader 1 in the DME layout: 7 layers and fluid.

    Parameters
    ----------
    shape
        (n_bscans, depth, width).
    arrays
        `manualLayers1` (8, A-scan, B-scan) rows from 1, and `manualFluid1` (depth,
        A-scan, B-scan); NaN stands for everything that was not graded.
    path
        The file, for messages.

    Returns
    -------
    Heights; labels with `IGNORE` where nobody graded; their classes: only those that
    the file grades. None for what it does not hold.

    Raises
    ------
    ReadError
        If an array has another shape.
    """
    n_bscans, depth, width = shape
    labels, boundaries = None, None
    names = [BACKGROUND]
    if "manualLayers1" in arrays:
        layers = _with_bscans(arrays["manualLayers1"])
        _check("manualLayers1", layers, (len(LAYERS) + 1, width, n_bscans), path)
        heights = np.moveaxis(layers, -1, 1).astype(np.float32) - 1  # rows from 0
        boundaries = Boundaries(boundary_names(LAYERS), heights)
        labels = boundaries_to_labels(heights, depth)
        names += LAYERS
    if "manualFluid1" in arrays:
        fluid = _with_bscans(arrays["manualFluid1"])
        _check("manualFluid1", fluid, (depth, width, n_bscans), path)
        fluid = _bscans_first(fluid)
        if labels is None:
            labels = np.where(np.isnan(fluid), IGNORE, 0).astype(np.uint8)
        # Fluid holds a number per pocket; only that it is fluid is of use.
        labels[np.nan_to_num(fluid) > 0] = len(names)
        names.append(FLUID)
    if boundaries is not None and np.isnan(boundaries.heights).all():
        boundaries = None
    return boundaries, labels, None if labels is None else LabelSet.of(*names)


def _with_bscans(array: NDArray[Any]) -> NDArray[Any]:
    """MATLAB drops a last axis of 1."""
    return array[..., None] if array.ndim == 2 else array


def _check(
    key: str, array: NDArray[Any], expected: tuple[int, ...], path: Path
) -> None:
    if array.shape != expected or array.dtype.kind not in "fiub":
        raise ReadError(
            f"{path.name} has {key} of shape {array.shape} and type {array.dtype}",
            allowed=f"numbers of shape {expected}",
        )


def _amd(data: NDArray[Any], maps: NDArray[Any], path: Path) -> OCTVolume:
    """AMD 2013: layerMaps (B-scan, A-scan, surface) with ILM, inner RPE and BM."""
    _check("layerMaps", maps, (len(data), data.shape[2], len(_AMD_SURFACES)), path)
    heights = np.moveaxis(maps, -1, 0).astype(np.float32) - 1  # rows from 0
    return OCTVolume(
        data,
        scan_pattern=ScanPattern.RASTER,
        boundaries=named_boundaries(_AMD_SURFACES, heights),
        device="Bioptigen",
        notes=(_NO_SPACING,),
    )


FORMAT = Format(_NAME, (".mat",), _is_mat, _read)
