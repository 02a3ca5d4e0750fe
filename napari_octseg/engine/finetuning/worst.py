"""The held-out B-scans on which a candidate is worst, to be looked at."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.atomic import written_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_DAMAGED = (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error)
_ARRAYS = ("image", "truth", "before", "after")


@dataclass(frozen=True, eq=False)
class WorstBscan:
    """One of the held-out B-scans on which the candidate is worst.

    Attributes
    ----------
    name
        Of the B-scan.
    image
        (depth, width) float32 in 0…1.
    truth, before, after
        (depth, width) uint8 class indices of the candidate, `IGNORE` where nobody
        graded: ground truth, parent, candidate.
    dice_before, dice_after
        Mean over the classes that either side has.
    """

    name: str
    image: NDArray[np.float32]
    truth: NDArray[np.uint8]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    dice_before: float
    dice_after: float


def write_worst(worst: Sequence[WorstBscan], path: Path) -> None:
    """Keep B-scans with their labels, for `read_candidate`."""
    arrays: dict[str, Any] = {"n": np.array(len(worst))}
    for number, one in enumerate(worst):
        for key in _ARRAYS:
            arrays[f"{key}{number}"] = getattr(one, key)
        arrays[f"name{number}"] = np.array(one.name)
        arrays[f"dice{number}"] = np.array([one.dice_before, one.dice_after])
    with written_whole(path) as target:
        np.savez_compressed(target, **arrays)


def read_worst(path: Path) -> tuple[WorstBscan, ...]:
    """What `write_worst` wrote; nothing if there is no such file.

    Raises
    ------
    ReadError
        If it is damaged.
    """
    if not path.is_file():
        return ()
    try:
        with np.load(path) as arrays:
            return tuple(
                WorstBscan(
                    name=str(arrays[f"name{i}"]),
                    **{key: arrays[f"{key}{i}"] for key in _ARRAYS},
                    dice_before=float(arrays[f"dice{i}"][0]),
                    dice_after=float(arrays[f"dice{i}"][1]),
                )
                for i in range(int(arrays["n"]))
            )
    except _DAMAGED as error:
        raise ReadError(f"{path.name} is damaged") from error
