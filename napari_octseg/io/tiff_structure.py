"""Whether a TIFF is all there: tifffile opens what is left of a truncated one."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import ReadError
from napari_octseg.io.format import truncated

if TYPE_CHECKING:
    from pathlib import Path

# Bytes of one value by its type code (TIFF 6.0 section 2, BigTIFF).
_VALUE_BYTES = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}


def check_complete(tif: Any, series: Any, path: Path) -> None:
    """Raise where pixels, pages or their descriptions lie behind the end of the file.

    tifffile logs a broken chain of pages and goes on with those before the break, so
    a truncated stack would open as a shorter one.

    Raises
    ------
    ReadError
        If something is missing.
    """
    size = tif.filehandle.size
    ends = [size]
    if series.dataoffset is not None:
        ends.append(series.dataoffset + series.nbytes)
    for page in series.pages:
        if page is None:
            raise truncated(path, "TIFF", expected=size + 1, got=size)
        segments = zip(page.dataoffsets, page.databytecounts, strict=True)
        ends += [offset + length for offset, length in segments]
    if max(ends) > size:
        raise truncated(path, "TIFF", expected=max(ends), got=size)
    if not _pages_are_whole(tif, size):
        raise ReadError(
            f"{path.name} is truncated: its list of pages breaks off",
            allowed="a complete TIFF file",
            todo="copy or export the file again",
        )


def _pages_are_whole(tif: Any, size: int) -> bool:
    """Whether the chain of pages, with the values of all tags, lies in the file."""
    file, layout = tif.filehandle, tif.tiff

    def read(at: int, n_bytes: int) -> bytes | None:
        file.seek(at)
        content: bytes = file.read(n_bytes)
        return content if len(content) == n_bytes else None

    at = 4 if layout.offsetsize == 4 else 8  # in the header: where the first page is
    seen = set()
    while pointer := read(at, layout.offsetsize):
        page = struct.unpack(layout.offsetformat, pointer)[0]
        if page == 0:
            return True
        count = read(page, layout.tagnosize)
        if count is None or page in seen:
            return False
        seen.add(page)
        n_tags = struct.unpack(layout.tagnoformat, count)[0]
        tags = read(page + layout.tagnosize, n_tags * layout.tagsize)
        if tags is None or not _values_lie_in(tags, layout, size):
            return False
        at = page + layout.tagnosize + len(tags)
    return False


def _values_lie_in(tags: bytes, layout: Any, size: int) -> bool:
    """Whether the values that do not fit into their tag end before `size`."""
    order = layout.offsetformat[0]
    wide = layout.offsetformat[1]
    for _, kind, count, value in struct.iter_unpack(f"{order}HH{wide}{wide}", tags):
        n_bytes = _VALUE_BYTES.get(kind, 1) * count
        if n_bytes > layout.offsetsize and value + n_bytes > size:
            return False
    return True
