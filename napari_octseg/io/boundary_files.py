"""Boundaries on disk: one array per boundary in a NumPy archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import ReadError

if TYPE_CHECKING:
    from pathlib import Path


def save_boundaries(boundaries: Boundaries, path: Path) -> None:
    """Write heights (px from the top, NaN = absent) as ``.npz``, keyed by name.

    Keys carry a number, because anatomical order must survive: ``00 ILM``.
    """
    keyed = {
        f"{number:02d} {name}": heights
        for number, (name, heights) in enumerate(
            zip(boundaries.names, boundaries.heights, strict=True)
        )
    }
    draft = path.with_name(f".{path.stem}.draft.npz")
    np.savez_compressed(draft, **keyed)
    draft.replace(path)


def load_boundaries(path: Path) -> Boundaries:
    """Read what `save_boundaries` wrote.

    Raises
    ------
    ReadError
        If it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            keys = sorted(archive.files)
            heights = np.stack([archive[key] for key in keys]).astype(np.float32)
    except (OSError, ValueError) as error:
        raise ReadError(
            f"{path} holds no boundaries ({error})",
            todo="write it with save_boundaries",
        ) from error
    return Boundaries(tuple(key[3:] for key in keys), heights)
