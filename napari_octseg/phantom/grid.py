"""Where the A-scans lie on the fundus, with the motion of the eye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octseg.phantom.randomness import Stream, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.devices import Device
    from napari_octseg.phantom.settings import PhantomSettings


@dataclass(frozen=True, eq=False)
class Grid:
    """Positions of all A-scans relative to the fovea.

    `nasal_um` (n_bscans, width) grows towards the optic disc, `y_um` (n_bscans, 1)
    upwards in B-scan order, both float32 in µm with the fovea at (0, 0);
    `axial_shift_um` (n_bscans, 1) is how far the eye moved along the beam.
    """

    shape: tuple[int, int, int]
    spacing_um: tuple[float, float, float]
    nasal_um: NDArray[np.float32]
    y_um: NDArray[np.float32]
    axial_shift_um: NDArray[np.float32]
    positions_mm: NDArray[np.float32]

    @property
    def radius_um(self) -> NDArray[np.float32]:
        """Distance from the fovea, (n_bscans, width)."""
        return np.hypot(self.nasal_um, self.y_um).astype(np.float32)

    @property
    def depth_um(self) -> float:
        """Height of a B-scan."""
        return self.shape[1] * self.spacing_um[1]


def scan_grid(settings: PhantomSettings, device: Device) -> Grid:
    """Grid of the settings: placed by the seed, shaken by the motion of the eye."""
    shape = settings.shape or device.shape
    n_bscans, _, width = shape
    between, axial, lateral = device.sampling_um(shape)
    rng = generator(settings.seed, Stream.GEOMETRY)
    fovea_x, fovea_y = rng.uniform(-400, 400), rng.uniform(-250, 250)
    off_centre = np.clip(rng.normal(0, 900), -2400, 2400)
    covers = n_bscans * between > 0.5 * device.shape[0] * device.spacing_um[0]
    y = (np.arange(n_bscans) - (n_bscans - 1) / 2) * between
    if not covers:
        y = y + off_centre
    x = (np.arange(width) - (width - 1) / 2) * lateral
    side = 1 if settings.laterality == "OD" else -1

    rng = generator(settings.seed, Stream.MOTION)
    drift = _drift(rng, n_bscans, 40.0)
    jumps = np.where(rng.random(n_bscans) < 0.04, rng.normal(0, 30, n_bscans), 0)
    axial_shift = drift + rng.normal(0, 3.5, n_bscans) + jumps
    # Sideways the tracking of all three devices leaves less than an A-scan or two.
    sideways = _drift(rng, n_bscans, 12.0) + rng.normal(0, 3.0, n_bscans)

    on_fundus = x[None, :] + sideways[:, None]
    ends = np.stack([on_fundus[:, [0, -1]], np.repeat(y[:, None], 2, 1)], axis=-1)
    return Grid(
        shape=shape,
        spacing_um=(between, axial, lateral),
        nasal_um=((on_fundus - fovea_x) * side).astype(np.float32),
        y_um=(y[:, None] - fovea_y).astype(np.float32),
        axial_shift_um=axial_shift[:, None].astype(np.float32),
        positions_mm=(ends / 1000).astype(np.float32),
    )


def _drift(rng: np.random.Generator, n: int, size_um: float) -> NDArray[np.float64]:
    """Slow wandering of about `size_um` over a volume."""
    walk = np.cumsum(rng.normal(0, size_um / 7, n))
    smooth: NDArray[np.float64] = gaussian_filter1d(walk, 2.0, mode="nearest")
    smooth -= smooth.mean()
    return smooth
