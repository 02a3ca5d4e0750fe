"""What a file format is to this package: how to recognise it and how to read it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_octseg.io.pixels import Colour
    from napari_octseg.volume import OCTVolume

HEAD_BYTES = 4096
"""How much of a file the sniffers see."""


@dataclass(frozen=True)
class ReadOptions:
    """How to read, whatever the format.

    Attributes
    ----------
    lazy_bytes
        Pixels that need more bytes than this stay on disk (memory-mapped or dask) in
        the formats that allow it.
    colour
        What of a colour picture or TIFF becomes its grey values.
    """

    lazy_bytes: int = 1 << 30
    colour: Colour = "luminance"


@dataclass(frozen=True)
class Format:
    """One file family.

    Attributes
    ----------
    name
        What a person calls it.
    suffixes
        Usual endings, lower case with the dot; a hint only, content decides.
    sniff
        ``(path, head) -> bool``: whether this is such a file or folder. `head` is its
        first `HEAD_BYTES` bytes, empty for a folder. Cheap, never raises.
    read
        ``(path, options) -> OCTVolume``; raises `ReadError` for broken content.
    """

    name: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Path, bytes], bool]
    read: Callable[[Path, ReadOptions], OCTVolume]


@contextmanager
def broken_file(path: Path, name: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn what a library raises for a broken file into one clear `ReadError`.

    Parameters
    ----------
    path, name
        The file, and the format it was taken for.
    errors
        Exactly those exceptions that the library raises for bad content.
    """
    try:
        yield
    except errors as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ReadError(
            f"{path.name} cannot be read as {name}: {reason}",
            allowed=f"a complete {name} file",
            todo="copy or export the file again; it may be truncated or damaged",
        ) from error


def truncated(path: Path, name: str, *, expected: int, got: int) -> ReadError:
    """Error of a file that ends before the pixels that its header promises."""
    return ReadError(
        f"{path.name} is truncated: {got} bytes where its header asks for {expected}",
        allowed=f"a complete {name} file",
        todo="copy or export the file again",
    )


def natural_key(name: str) -> tuple[tuple[int, str], ...]:
    """Sort key that puts ``B2`` before ``B10``."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)
