"""DICOM: ophthalmic tomography (OPT) with many frames, and single B-scans.

Geometry is in the functional groups (PS3.3 A.52.4.3): frames share them or have their
own.
"""

from __future__ import annotations

import struct
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.dicom_geometry import frame_order, laterality_of, spacing_of
from napari_octseg.io.format import Format, ReadOptions, broken_file
from napari_octseg.io.lazy import stack_lazily
from napari_octseg.io.pixels import native, to_grey
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NAME = "DICOM"
_COMPRESSED_STARTS = (
    b"\xff\xd8",  # JPEG, JPEG-LS
    b"\xff\x4f\xff\x51",  # JPEG 2000 code stream
    b"\x00\x00\x00\x0cjP",  # JPEG 2000 file
)
# What pydicom and its decoders raise for damaged content.
_DAMAGE = (
    AttributeError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    NotImplementedError,
    EOFError,
    OSError,
    struct.error,
)


def _is_dicom(path: Path, head: bytes) -> bool:
    return head[128:132] == b"DICM"


def _read(path: Path, options: ReadOptions) -> OCTVolume:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    with broken_file(path, _NAME, InvalidDicomError, *_DAMAGE):
        dataset = dcmread(path, defer_size="1 MB")
    if "PixelData" not in dataset:
        raise ReadError(
            f"{path.name} is a DICOM file without complete pixels "
            f"({_class_name(dataset)})",
            allowed="OPT images (ophthalmic tomography)",
            todo="export the OCT images; if this should be one, copy the file again",
        )
    with broken_file(path, _NAME, *_DAMAGE):
        _refuse_scrambled(dataset, path)
        n_frames = int(dataset.get("NumberOfFrames", 1) or 1)
        order, order_note = frame_order(dataset, n_frames)
        data = _pixels(dataset, path, order, options)
        spacing, spacing_notes = spacing_of(dataset, order)
        laterality = laterality_of(dataset)
    notes = [*([order_note] if order_note else []), *spacing_notes]
    if "Ophthalmic Tomography" not in _class_name(dataset):
        notes.append(f"The file is no OPT image but: {_class_name(dataset)}.")
    device = " ".join(
        str(dataset.get(k, "")) for k in ("Manufacturer", "ManufacturerModelName")
    ).strip()
    return OCTVolume(
        data,
        spacing=spacing,
        laterality=laterality,
        device=device or None,
        notes=tuple(notes),
    )


def _class_name(dataset: Any) -> str:
    uid = dataset.get("SOPClassUID")
    return "no SOP class" if uid is None else str(uid.name)


def _refuse_scrambled(dataset: Any, path: Path) -> None:
    """Raise for Zeiss exports whose compressed pixels are scrambled on purpose."""
    from pydicom.encaps import generate_frames

    zeiss = str(dataset.get("Manufacturer", "")).startswith("Carl Zeiss Meditec")
    if not zeiss or not dataset.file_meta.TransferSyntaxUID.is_compressed:
        return
    first = next(generate_frames(dataset.PixelData, number_of_frames=1), b"")
    if not first.startswith(_COMPRESSED_STARTS):
        raise ReadError(
            f"{path.name} is a Zeiss export with scrambled pixels",
            allowed="DICOM files with readable pixels",
            todo="export the scan again from FORUM or the Cirrus review software as "
            "unencrypted DICOM (OPT), IMG or TIFF",
        )


def _pixels(dataset: Any, path: Path, order: list[int], options: ReadOptions) -> Any:
    """Grey frames (n_bscans, depth, width) in `order`."""
    depth, width = int(dataset.Rows), int(dataset.Columns)
    bytes_per_pixel = int(dataset.BitsAllocated) // 8 * int(dataset.SamplesPerPixel)
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    top = (1 << int(dataset.BitsStored)) - 1
    if len(order) * depth * width * bytes_per_pixel <= options.lazy_bytes:
        frames = dataset.pixel_array.reshape(len(order), depth, width, -1)
        grey = native(to_grey(frames)[0])[order]
        return top - grey if inverted else np.ascontiguousarray(grey)
    first = _one_frame(path, order[0])

    def load(index: int) -> NDArray[Any]:
        with broken_file(path, _NAME, *_DAMAGE):
            grey = _one_frame(path, order[index])
        return top - grey if inverted else grey

    return stack_lazily(load, len(order), first.shape, first.dtype)


def _one_frame(path: Path, index: int) -> NDArray[Any]:
    pixels: Any = import_module("pydicom.pixels")
    frame = pixels.pixel_array(path, index=index)
    return native(to_grey(frame)[0] if frame.ndim == 3 else frame)


FORMAT = Format(_NAME, (".dcm",), _is_dicom, _read)
