"""A small scan, and what happens to damaged copies of its file."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume

SHAPE = (4, 24, 18)
SPACING_UM = (60.0, 3.87, 11.5)


@pytest.fixture
def scan() -> np.ndarray:
    """(4, 24, 18) uint8 in which every voxel can be told from its neighbours."""
    return np.random.default_rng(7).integers(0, 251, SHAPE).astype(np.uint8)


@pytest.fixture
def outcomes_of_truncation(
    tmp_path: Path,
) -> Callable[[Path, np.ndarray], Counter[str]]:
    """Cut a file at many places and open each stump; companions come along.

    A stump may open only if its pixels are right; anything but ReadError is raised on.
    """

    def cut(path: Path, pixels: np.ndarray, opened: Path | None = None) -> Counter[str]:
        content = path.read_bytes()
        size = len(content)
        places = {0, 1, 7, 140, size - 1, size - 2, size - 9}
        places |= set(np.linspace(0, size - 1, 40).astype(int).tolist())
        folder = tmp_path / "cut"
        shutil.copytree(path.parent, folder, ignore=shutil.ignore_patterns("cut"))
        outcomes: Counter[str] = Counter()
        for place in sorted(p for p in places if 0 <= p < size):
            (folder / path.name).write_bytes(content[:place])
            try:
                volume = read_volume(folder / (opened or path).name)
            except ReadError as error:
                assert error.got
                outcomes["refused"] += 1
            else:
                assert np.array_equal(np.asarray(volume.data), pixels), place
                outcomes["right"] += 1
        return outcomes

    return cut
