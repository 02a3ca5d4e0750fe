"""Images that ITK reads: MetaImage (also the RETOUCH layout), NIfTI, NRRD.

These formats count axes from the fastest: (x, y, z) is (lateral, axial, between
B-scans) in mm; arrays are (z, y, x). Taking one for the other changes a fluid volume
six-fold and looks right.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.format import Format, ReadOptions, broken_file, truncated
from napari_octseg.io.pixels import to_grey
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume, Origin, Spacing

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RETOUCH_CLASSES = LabelSet.of("background", "IRF", "SRF", "PED")
_UM_PER_MM = 1000.0
_META, _NIFTI, _NRRD = "MetaImage", "NIfTI", "NRRD"
_AXES_NOTE = "Axes were taken as x = A-scan, y = depth, z = B-scan; spacing in mm."


def _is_metaimage(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return (path / "oct.mhd").is_file()
    return re.search(rb"^\s*(ObjectType|NDims)\s*=", head[:512], re.M) is not None


def _is_nifti(path: Path, head: bytes) -> bool:
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(31).decompress(head, 1024)
        except zlib.error:
            return path.name.lower().endswith(".nii.gz")
    size = (int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big"))
    return (348 in size and head[344:347] in (b"n+1", b"ni1")) or (
        540 in size and head[4:7] in (b"n+2", b"ni2")
    )


def _is_nrrd(path: Path, head: bytes) -> bool:
    return head.startswith(b"NRRD000")


def _read_image(path: Path, name: str, imageio: str) -> tuple[NDArray[Any], Spacing]:
    """Grey values (n_bscans, depth, width) and spacing of an ITK image."""
    sitk: Any = import_module("SimpleITK")
    with broken_file(path, name, RuntimeError):
        image = sitk.ReadImage(str(path), imageIO=imageio)
        pixels = sitk.GetArrayFromImage(image)
    n_channels = image.GetNumberOfComponentsPerPixel()
    if n_channels > 4:
        raise ReadError(
            f"{path.name} has {n_channels} values per pixel", allowed="grey or colour"
        )
    if n_channels > 1:
        pixels, _ = to_grey(pixels)
    # NIfTI stores float32: 0.06 mm comes back as 59.99999865 µm
    spacing_um = tuple(round(mm * _UM_PER_MM, 5) for mm in image.GetSpacing())
    while pixels.ndim > 3 and pixels.shape[0] == 1:
        pixels, spacing_um = pixels[0], spacing_um[:-1]
    if not 2 <= pixels.ndim <= 3:
        raise ReadError(
            f"{path.name} has the sizes {pixels.shape[::-1]}",
            allowed="one volume (width, depth, B-scans) or one B-scan (width, depth)",
            todo="save one time point per file",
        )
    lateral, axial, *further = spacing_um
    between = further[0] if further else None
    if pixels.ndim == 3 and len(pixels) == 1:
        between = None  # one B-scan has no distance; writers put 1 there
    return pixels, Spacing.of((between, axial, lateral), Origin.FILE)


def _without_placeholder(spacing: Spacing) -> tuple[Spacing, tuple[str, ...]]:
    """Unknown instead of 1 mm, which writers put where they know nothing.

    No OCT device samples that coarsely in any direction.
    """
    between, axial, lateral = (None if um == _UM_PER_MM else um for um in spacing)
    cleaned = Spacing.of((between, axial, lateral), Origin.FILE)
    if tuple(cleaned) != tuple(spacing):
        note = "A spacing of exactly 1 mm is a placeholder: taken as unknown."
        return cleaned, (note, _AXES_NOTE)
    return cleaned, (_AXES_NOTE,)


def _read_metaimage(path: Path, options: ReadOptions) -> OCTVolume:
    header = path / "oct.mhd" if path.is_dir() else path
    pixels, spacing, notes = _metaimage(header)
    reference = header.with_name("reference.mhd")
    labels = label_set = None
    if header.name.lower() == "oct.mhd" and reference.is_file():
        labels, label_set = _reference(reference), RETOUCH_CLASSES
        notes += (f"Labels were read from {reference.name} beside it.",)
    return OCTVolume(
        pixels, spacing=spacing, labels=labels, label_set=label_set, notes=notes
    )


def _metaimage(header: Path) -> tuple[NDArray[Any], Spacing, tuple[str, ...]]:
    fields = _header_fields(header)
    _check_raw_file(header, fields)
    pixels, spacing = _read_image(header, _META, "MetaImageIO")
    if not {"ElementSpacing", "ElementSize"} & fields.keys():
        return pixels, Spacing(), ("The MetaImage header holds no ElementSpacing.",)
    return pixels, *_without_placeholder(spacing)


def _reference(path: Path) -> NDArray[np.uint8]:
    """RETOUCH labels: 0 background, 1 IRF, 2 SRF, 3 PED."""
    values, _, _ = _metaimage(path)
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 255:
        raise ReadError(
            f"{path.name} holds values from {values.min()} to {values.max()}",
            allowed="labels 0 background, 1 IRF, 2 SRF, 3 PED",
        )
    return values.astype(np.uint8)


def _header_fields(header: Path) -> dict[str, str]:
    """``Key = value`` lines of a MetaImage header, up to the pixels."""
    fields = {}
    with header.open("rb") as file:
        for line in file:
            key, equals, value = line.decode("latin-1").partition("=")
            if not equals:
                break
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                break
    return fields


_ELEMENT_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}


def _check_raw_file(header: Path, fields: dict[str, str]) -> None:
    """Raise where the pixel file is missing or short: ITK fills the rest in silence."""
    data_file = fields.get("ElementDataFile", "")
    if not data_file:
        raise ReadError(
            f"{header.name} ends before it names its pixels (ElementDataFile)",
            allowed="a complete MetaImage header",
            todo="copy or export the file again",
        )
    if data_file == "LIST" or "%" in data_file:
        return
    local = data_file == "LOCAL"
    raw = header if local else header.parent / data_file
    if not raw.is_file():
        raise ReadError(
            f"{header.name} points to {data_file}, which is not beside it",
            todo=f"copy {data_file} into the same folder",
        )
    if fields.get("CompressedData", "False").lower() == "true":
        _check_compressed(raw, local, fields)
        return
    sizes = [int(n) for n in fields.get("DimSize", "").split() if n.isdigit()]
    channels = int(fields.get("ElementNumberOfChannels", "1") or 1)
    element = _ELEMENT_BYTES.get(fields.get("ElementType", ""))
    if sizes and element:
        expected = int(np.prod(sizes)) * channels * element
        if raw.stat().st_size < expected:
            raise truncated(raw, _META, expected=expected, got=raw.stat().st_size)


def _check_compressed(raw: Path, local: bool, fields: dict[str, str]) -> None:
    expected = fields.get("CompressedDataSize", "")
    if expected.isdigit() and raw.stat().st_size < int(expected):
        raise truncated(raw, _META, expected=int(expected), got=raw.stat().st_size)


def _read_nifti(path: Path, options: ReadOptions) -> OCTVolume:
    _check_nifti(path)
    pixels, spacing = _read_image(path, _NIFTI, "NiftiImageIO")
    spacing, notes = _without_placeholder(spacing)
    return OCTVolume(pixels, spacing=spacing, notes=notes)


def _check_nifti(path: Path) -> None:
    """Raise where pixels are missing: ITK fills them with zeros in silence."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with (
        broken_file(path, _NIFTI, EOFError, zlib.error, gzip.BadGzipFile),
        gzip.open(path) if zipped else path.open("rb") as stream,
    ):
        header = stream.read(540)
        got = len(header)
        while block := stream.read(1 << 24):
            got += len(block)
    expected = _nifti_bytes(header)
    if got < expected:
        raise truncated(path, _NIFTI, expected=expected, got=got)


def _nifti_bytes(header: bytes) -> int:
    """Bytes that a NIfTI file must have by its header (nifti1.h, nifti2.h)."""
    order = "<" if header[0] in (0x5C, 0x1C) else ">"  # 348 or 540, lowest byte first
    if len(header) < 348:
        return 348
    if 348 in struct.unpack("<i", header[:4]) + struct.unpack(">i", header[:4]):
        dims = struct.unpack(order + "8h", header[40:56])
        bits = struct.unpack(order + "h", header[72:74])[0]
        offset = int(struct.unpack(order + "f", header[108:112])[0])
    elif len(header) < 540:
        return 540
    else:
        dims = struct.unpack(order + "8q", header[16:80])
        bits = struct.unpack(order + "h", header[14:16])[0]
        offset = struct.unpack(order + "q", header[168:176])[0]
    n_dims = min(max(dims[0], 0), 7)
    return int(offset + math.prod(dims[1 : n_dims + 1]) * bits // 8)


def _read_nrrd(path: Path, options: ReadOptions) -> OCTVolume:
    pixels, spacing = _read_image(path, _NRRD, "NrrdImageIO")
    spacing, notes = _without_placeholder(spacing)
    return OCTVolume(pixels, spacing=spacing, notes=notes)


METAIMAGE = Format(_META, (".mhd", ".mha"), _is_metaimage, _read_metaimage)
NIFTI = Format(_NIFTI, (".nii", ".nii.gz"), _is_nifti, _read_nifti)
NRRD = Format(_NRRD, (".nrrd",), _is_nrrd, _read_nrrd)
