"""The choroid: dark vessel lumina in bright stroma, small above, large below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octseg.phantom.randomness import Stream, correlated_noise, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.grid import Grid

_AXIAL_UM = 8.0
_LATERAL_UM = 16.0
_DEEPEST_UM = 760.0


@dataclass(frozen=True, eq=False)
class Choroid:
    """Stroma and lumina below Bruch's membrane, flattened.

    `small` and `large` are (n_bscans, z, x) float32 noise of unit variance on a coarse
    grid of 8 × 16 µm, z from Bruch's membrane down.
    """

    small: NDArray[np.float32]
    large: NDArray[np.float32]
    crowding: float
    contrast: float

    def light(
        self, bscan: int, axial_um: float, thickness_um: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Share of the stroma's brightness, (rows below BM, width) float32, 0…1.

        Below the choroid (`thickness_um` per A-scan) there are no vessels.
        """
        n_rows = int(_DEEPEST_UM / axial_um)
        width = len(thickness_um)
        z_um = np.arange(n_rows, dtype=np.float32)[:, None] * np.float32(axial_um)
        share = z_um / thickness_um[None]
        small, large = (
            _stretch(_stretch(field[bscan], n_rows, 0), width, 1)
            for field in (self.small, self.large)
        )
        deep = np.clip(share * 3 - 0.3, 0, 1)
        vessel = small * (1 - deep) + large * deep
        lumen = 1 / (1 + np.exp(-3.2 * (vessel - np.float32(self.crowding))))
        # Neither the choriocapillaris nor the sclera has lumina of that size.
        lumen *= np.clip((z_um - 14) / 18, 0, 1)
        lumen *= np.clip((np.float32(1.02) - share) * 8, 0, 1)
        light: NDArray[np.float32] = 1 - np.float32(self.contrast) * lumen
        return light


def grow_choroid(grid: Grid, seed: int) -> Choroid:
    """Choroid of one eye on the grid's B-scans."""
    rng = generator(seed, Stream.CHOROID)
    n_bscans, width = grid.nasal_um.shape
    between, _, lateral = grid.spacing_um
    shape = (
        n_bscans,
        int(_DEEPEST_UM / _AXIAL_UM),
        max(int(width * lateral / _LATERAL_UM), 8),
    )
    fields = []
    for axial_um, lateral_um, along_um in ((13, 22, 60), (30, 58, 130)):
        sigmas = axial_um / _AXIAL_UM, lateral_um / _LATERAL_UM
        field = np.stack(
            [
                correlated_noise(
                    generator(seed, Stream.CHOROID, 1 + b), shape[1:], sigmas
                )
                for b in range(n_bscans)
            ]
        )
        if n_bscans > 1:
            field = gaussian_filter1d(field, along_um / between, axis=0)
            field /= field.std()
        fields.append(field)
    small, large = fields
    return Choroid(
        small,
        large,
        crowding=rng.uniform(-0.2, 0.6),
        contrast=rng.uniform(0.25, 0.6),
    )


def _stretch(image: NDArray[np.float32], n: int, axis: int) -> NDArray[np.float32]:
    """Linear interpolation of one axis to `n` samples."""
    have = image.shape[axis]
    at = np.linspace(0, have - 1, n, dtype=np.float32)
    low = np.minimum(at.astype(np.intp), have - 2)
    share = at - low
    share = share[:, None] if axis == 0 else share[None, :]
    lower, upper = image.take(low, axis), image.take(low + 1, axis)
    stretched: NDArray[np.float32] = lower + share * (upper - lower)
    return stretched
