"""En-face images with square pixels: B-scans lie further apart than A-scans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_octseg.engine.preprocess import resize

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_PX = 1024
"""Longest side of an isotropic image; a finer grid than that is made coarser."""


@dataclass(frozen=True)
class IsotropicGrid:
    """Square pixels over the field of a raster scan.

    Attributes
    ----------
    native
        (n_bscans, width).
    size
        (rows, columns) of the isotropic image, B-scans in acquisition order.
    step_um
        Side of a pixel in µm, None if the spacing is unknown.
    """

    native: tuple[int, int]
    size: tuple[int, int]
    step_um: float | None

    def expand(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(…, n_bscans, width) → (…, rows, columns), linear in between."""
        return _resized(images, self.size)

    def reduce(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """(…, rows, columns) → (…, n_bscans, width), averaged where px are fewer."""
        return _resized(images, self.native)


def isotropic_grid(
    native: tuple[int, int],
    spacing_um: tuple[float | None, float | None],
    *,
    most_px: int = MOST_PX,
) -> IsotropicGrid:
    """Grid whose step is the finer one of a raster scan.

    Parameters
    ----------
    native
        (n_bscans, width).
    spacing_um
        (between_bscans, lateral) in µm. If one is None, the field is taken to be
        square, and the step stays unknown.
    most_px
        Longest side; the step grows until that holds.
    """
    between, lateral = spacing_um
    if between is None or lateral is None:
        side = min(max(native), most_px)
        return IsotropicGrid(native, (side, side), None)
    field = (native[0] * between, native[1] * lateral)
    step = max(between if between < lateral else lateral, max(field) / most_px)
    rows, columns = (max(1, round(extent / step)) for extent in field)
    return IsotropicGrid(native, (rows, columns), step)


def _resized(images: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    given = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
    flat = given.reshape(1, -1, *given.shape[-2:])
    made: NDArray[np.float32] = resize(flat, size).numpy()
    return made.reshape(*images.shape[:-2], *size)
