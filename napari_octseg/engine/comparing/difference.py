"""Where two models disagree, in the classes that both know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.judging.confusion import count_pixels
from napari_octseg.labels import BACKGROUND, IGNORE, canonical_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_octseg.labels import LabelSet

# A class that others divide: models of either kind can be compared.
_PARTS = {"fluid": ("IRF", "SRF", "PED"), "GCIPL": ("GCL", "IPL")}


@dataclass(frozen=True, eq=False)
class Shared:
    """The classes that two label sets have in common.

    Attributes
    ----------
    names
        What both can be asked for; `fluid` where one side tells kinds of it apart.
    first, second
        (256,) uint8: class index of each side → 1 + place in `names`, or 0 for all
        that only one side knows; `IGNORE` stays.
    """

    names: tuple[str, ...]
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]


def shared_classes(first: LabelSet, second: LabelSet) -> Shared:
    """The classes that both know by the same name, a synonym, or its parts."""
    sides = [
        {canonical_name(n): i for i, n in enumerate(s.names) if n != BACKGROUND}
        for s in (first, second)
    ]
    names: list[str] = []
    tables: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for name in dict.fromkeys((*sides[0], *sides[1], *_PARTS)):
        indices = [_indices(name, side) for side in sides]
        is_named = any(name in side for side in sides)
        if not all(indices) or not is_named:
            continue
        names.append(name)
        for table, own in zip(tables, indices, strict=True):
            table.update(dict.fromkeys(own, len(names)))
    return Shared(tuple(names), _table(tables[0]), _table(tables[1]))


def difference(
    first: NDArray[np.uint8], second: NDArray[np.uint8], shared: Shared
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Where labels disagree, and how often each class is called which.

    Parameters
    ----------
    first, second
        Class indices of the same pixels, any shape, `IGNORE` where ungraded.
    shared
        From `shared_classes`.

    Returns
    -------
    differs
        uint8 of the same shape: 1 where one side says a shared class and the other
        does not; `IGNORE` where either is ungraded.
    n_pixels
        (n + 1, n + 1) int64: rows what the first says, columns the second; 0 is
        anything else.

    Raises
    ------
    LabelError
        If the shapes differ.
    """
    ours, theirs = shared.first[first], shared.second[second]
    n_codes = len(shared.names) + 1
    n_pixels = count_pixels(theirs, ours, n_codes, n_codes)
    differs = (ours != theirs).astype(np.uint8)
    differs[(ours == IGNORE) | (theirs == IGNORE)] = IGNORE
    return differs, n_pixels


def agreement(n_pixels: NDArray[np.integer]) -> NDArray[np.float64]:
    """Of the pixels that either side calls a class, the share that both do.

    Parameters
    ----------
    n_pixels
        From `difference`, or a sum of several.

    Returns
    -------
    (n,) in 0…1, one for each of `Shared.names`; NaN where neither side has the class.
    """
    both = np.diagonal(n_pixels)[1:]
    either = n_pixels.sum(0)[1:] + n_pixels.sum(1)[1:] - both
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(both / either, np.float64)


def _indices(name: str, side: Mapping[str, int]) -> list[int]:
    """Classes of one side that are this one: itself, or parts of it."""
    if name in side:
        return [side[name]]
    return [side[part] for part in _PARTS.get(name, ()) if part in side]


def _table(places: Mapping[int, int]) -> NDArray[np.uint8]:
    table = np.zeros(IGNORE + 1, np.uint8)
    table[IGNORE] = IGNORE
    for index, place in places.items():
        table[index] = place
    return table
