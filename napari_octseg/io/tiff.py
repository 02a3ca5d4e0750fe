"""TIFF stacks: plain, compressed, ImageJ and OME, in memory or left on disk."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.format import Format, ReadOptions, broken_file
from napari_octseg.io.lazy import native_lazily, stack_lazily
from napari_octseg.io.pixels import native, to_grey
from napari_octseg.io.tiff_spacing import ome_facts, tiff_spacing
from napari_octseg.io.tiff_structure import check_complete
from napari_octseg.labels import LabelSet
from napari_octseg.volume import Laterality, OCTVolume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.io.pixels import Colour

_NAME = "TIFF"
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Axes that can only be B-scans, when there is one of them: tifffile's codes for depth,
# time, image, sequence and unknown.
_STACK_AXES = "ZTIQR"
_LATERALITIES: dict[str, Laterality] = {"OD": "OD", "OS": "OS"}
# What tifffile and its codecs raise for damaged content (TiffFileError and the codecs'
# own errors are ValueError or RuntimeError).
_DAMAGE = (ValueError, RuntimeError, IndexError, KeyError, OSError, struct.error)


def _is_tiff(path: Path, head: bytes) -> bool:
    return head.startswith(_MAGIC)


def _read(path: Path, options: ReadOptions) -> OCTVolume:
    with _opened(path) as tif:
        with broken_file(path, _NAME, *_DAMAGE):
            series = max(tif.series, key=lambda s: s.nbytes)
            check_complete(tif, series, path)
            lazy = series.nbytes > options.lazy_bytes
            pixels = _left_on_disk(path, tif, series) if lazy else series.asarray()
        spacing, spacing_note = tiff_spacing(tif, series)
        laterality = _LATERALITIES.get(
            ome_facts(tif.ome_metadata).get("laterality", "")
        )
        n_series = len(tif.series)
        axes, planes_note = _axes_meant(tif, series)
        pixels, shown_notes = _as_shown_grey(pixels, series.keyframe, options.colour)
        data, notes = _as_bscans(pixels, axes, path, options.colour)
        notes += shown_notes
    if n_series > 1:
        notes.append(f"Of {n_series} image series the largest was read.")
    if not lazy:
        data = np.ascontiguousarray(native(data))
    notes += [note for note in (planes_note, spacing_note) if note]
    return OCTVolume(data, spacing=spacing, laterality=laterality, notes=tuple(notes))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import tifffile

    with broken_file(path, _NAME, *_DAMAGE):
        tif = tifffile.TiffFile(path)
    with tif:
        yield tif


def _axes_meant(tif: Any, series: Any) -> tuple[str, str | None]:
    """Axes of a series, with B-scans that were only written as colour or channels.

    tifffile writes an array of 3 or 4 planes as colour and, for ImageJ, any stack as
    channels, unless told otherwise.
    """
    axes: str = series.axes
    n_planes = series.shape[0]
    mode = (tif.imagej_metadata or {}).get("mode")
    if (axes == "SYX" and tif.is_shaped) or (
        axes == "CYX" and (n_planes > 4 or mode == "grayscale")
    ):
        return "QYX", f"The {n_planes} planes were taken as B-scans."
    return axes, None


def _left_on_disk(path: Path, tif: Any, series: Any) -> Any:
    """Pixels of a series as memory map where stored plainly, else as dask by page."""
    if series.dataoffset is not None:
        dtype = series.dtype.newbyteorder(tif.byteorder)
        return native_lazily(
            np.memmap(path, dtype, "r", series.dataoffset, series.shape)
        )
    if len(series.pages) == 1:  # a whole volume in one compressed page: unpack to disk
        return series.asarray(out="memmap")
    which = tif.series.index(series)

    def load(index: int) -> NDArray[Any]:
        with _opened(path) as tif, broken_file(path, _NAME, *_DAMAGE):
            return native(tif.series[which].pages[index].asarray())

    pages = stack_lazily(load, len(series.pages), series.keyframe.shape, series.dtype)
    return pages.reshape(series.shape)


def _as_shown_grey(pixels: Any, page: Any, colour: Colour) -> tuple[Any, list[str]]:
    """Palettes and inverted greys turned into what a viewer shows, with a note."""
    photometric = getattr(page.photometric, "name", "")
    if photometric == "PALETTE" and page.colormap is not None:
        shown = np.moveaxis(page.colormap >> 8, 0, -1).astype(np.uint8)
        grey, note = to_grey(shown, colour)
        notes = [note] if note else []
        if isinstance(pixels, np.ndarray):
            return grey[pixels], notes
        return pixels.map_blocks(lambda block: grey[block], dtype=np.uint8), notes
    if photometric == "MINISWHITE" and pixels.dtype.kind == "u":
        return np.iinfo(pixels.dtype).max - pixels, []
    return pixels, []


def _as_bscans(
    pixels: Any, axes: str, path: Path, colour: Colour
) -> tuple[Any, list[str]]:
    """`pixels` with the axes (n_bscans, depth, width), and what was done for that."""
    notes: list[str] = []
    if "S" in axes:
        pixels = np.moveaxis(pixels, axes.index("S"), -1)
        axes = axes.replace("S", "")
        if isinstance(pixels, np.ndarray):
            pixels, note = to_grey(pixels, colour)
            notes += [note] if note else []
        else:
            pixels = pixels.map_blocks(
                lambda block: to_grey(block, colour)[0],
                dtype=pixels.dtype,
                drop_axis=-1,
            )
    for position in reversed(range(len(axes))):
        axis, length = axes[position], pixels.shape[position]
        if axis in "YX":
            continue
        if length == 1 or axis == "C":
            pixels = pixels[(slice(None),) * position + (0,)]
            axes = axes[:position] + axes[position + 1 :]
            if length > 1:
                notes.append(f"The first of {length} channels was read.")
    stack = axes.replace("Y", "").replace("X", "")
    if axes[-2:] != "YX" or len(stack) > 1:
        raise ReadError(
            f"{path.name} has the axes {axes} with the sizes {tuple(pixels.shape)}",
            allowed="one stack of B-scans: a single axis before Y and X",
            todo="save one volume (one time point) per file",
        )
    if stack and stack not in _STACK_AXES:
        notes.append(f"The TIFF axis {stack!r} was taken as the B-scans.")
    return pixels, notes


def classes_in(path: Path) -> LabelSet | None:
    """Classes of a TIFF that `save_labels` wrote; None for other TIFFs.

    Raises
    ------
    ReadError
        If it is no readable TIFF.
    """
    with _opened(path) as tif:
        facts = ome_facts(tif.ome_metadata)
    names = [facts[key] for i in range(256) if (key := f"class {i}") in facts]
    return LabelSet.of(*names) if names else None


FORMAT = Format(_NAME, (".tif", ".tiff"), _is_tiff, _read)
