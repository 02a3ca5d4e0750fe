"""Run lengths of COCO: masks as numbers of pixels that are out, in, out, in, ….

Pixels are counted column by column (Fortran order), the first run is outside. The
compressed form is that of the reference implementation (Lin et al., "Microsoft COCO",
ECCV 2014; `rleToString` in maskApi.c): differences to the run before the last, in
groups of 5 bits, as printable ASCII.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_FIRST_LETTER = 48
_BITS, _MORE = 5, 0x20
_GROUP, _SIGN = 0x1F, 0x10


def encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (depth, width) as ``{"size": [depth, width], "counts": "…"}``."""
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    runs = np.diff(edges, prepend=0, append=flat.size)
    return {"size": list(mask.shape), "counts": _packed(runs.tolist())}


def decode(rle: Mapping[str, Any]) -> NDArray[np.bool_]:
    """The mask (depth, width) of what `encode` wrote, or of a plain list of runs.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is no such thing.
    """
    depth, width = (int(n) for n in rle["size"])
    counts = rle["counts"]
    runs = np.array(_unpacked(counts) if isinstance(counts, str) else counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any() or runs.sum() != depth * width:
        raise ValueError(f"runs of {runs.sum()} pixels for an image of {depth}×{width}")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape((depth, width), order="F")


def _packed(runs: Iterable[int]) -> str:
    letters = []
    before: list[int] = []
    for run in runs:
        value = run - before[-2] if len(before) > 2 else run
        before.append(run)
        more = True
        while more:
            group = value & _GROUP
            value >>= _BITS
            more = value != (-1 if group & _SIGN else 0)
            letters.append(chr(_FIRST_LETTER + group + (_MORE if more else 0)))
    return "".join(letters)


def _unpacked(text: str) -> list[int]:
    runs: list[int] = []
    value, shift = 0, 0
    for letter in text:
        group = ord(letter) - _FIRST_LETTER
        if not 0 <= group < 2 * _MORE:
            raise ValueError(f"the letter {letter!r} is none of run lengths")
        value |= (group & _GROUP) << shift
        shift += _BITS
        if group & _MORE:
            continue
        if group & _SIGN:
            value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise ValueError("run lengths that end within a number")
    return runs
