"""The looks: how three devices sample an eye and what their noise is like.

Sizes and spacings are those of the macular cubes of Heidelberg Spectralis (20°, 49
B-scans), Zeiss Cirrus (512×128) and Topcon 3D-2000 (512×128).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.phantom.settings import Look

Range = tuple[float, float]
"""(low, high) of a value that is drawn anew for each phantom."""

_COVERING_FROM = 16
"""B-scans from which on a phantom covers the whole field of its device."""


@dataclass(frozen=True)
class Device:
    """Sampling and display of one device.

    Grey levels are 0…255 as shown. Tissue and noise meet as
    ``grey = (signal**p + noise**p)**(1/p)`` with ``p = sharpness``: 1 adds them (linear
    displays), 4 lets tissue outshine noise (fourth-root display of Spectralis).
    """

    name: str
    shape: tuple[int, int, int]
    spacing_um: tuple[float, float, float]
    sharpness: float
    gain: Range
    noise_mean: Range
    noise_sd: Range
    noise_sigma_px: tuple[float, float]
    speckle_contrast: Range
    speckle_sigma_px: tuple[float, float]
    axial_resolution_um: float
    roll_off: Range
    fade_um: Range

    def sampling_um(self, shape: tuple[int, int, int]) -> tuple[float, float, float]:
        """(between_bscans, axial, lateral) µm of a phantom of that shape."""
        n_bscans, depth, width = shape
        between, axial, lateral = self.spacing_um
        if n_bscans >= _COVERING_FROM:
            between *= self.shape[0] / n_bscans
        axial *= self.shape[1] / depth
        lateral *= max(1.0, self.shape[2] / width)
        return between, axial, lateral


DEVICES: dict[Look, Device] = {
    "spectralis": Device(
        name="Phantom (Spectralis look)",
        shape=(49, 496, 512),
        spacing_um=(121.0, 3.872, 11.6),
        sharpness=4.0,
        gain=(0.85, 1.2),
        noise_mean=(4.0, 34.0),
        noise_sd=(8.0, 19.0),
        noise_sigma_px=(0.7, 0.5),
        speckle_contrast=(0.10, 0.22),
        speckle_sigma_px=(0.7, 0.6),
        axial_resolution_um=5.0,
        roll_off=(0.0, 0.35),
        fade_um=(130.0, 320.0),
    ),
    "cirrus": Device(
        name="Phantom (Cirrus look)",
        shape=(128, 1024, 512),
        spacing_um=(47.0, 1.955, 11.74),
        sharpness=1.0,
        gain=(0.85, 1.15),
        noise_mean=(32.0, 42.0),
        noise_sd=(8.0, 12.0),
        noise_sigma_px=(0.75, 0.4),
        speckle_contrast=(0.26, 0.40),
        speckle_sigma_px=(1.1, 0.55),
        axial_resolution_um=4.0,
        roll_off=(0.1, 0.5),
        fade_um=(70.0, 180.0),
    ),
    "topcon": Device(
        name="Phantom (Topcon look)",
        shape=(128, 650, 512),
        spacing_um=(46.9, 3.5, 11.72),
        sharpness=1.0,
        gain=(0.42, 0.62),
        noise_mean=(50.0, 60.0),
        noise_sd=(9.5, 12.0),
        noise_sigma_px=(0.65, 0.0),
        speckle_contrast=(0.24, 0.34),
        speckle_sigma_px=(0.65, 0.3),
        axial_resolution_um=5.0,
        roll_off=(0.1, 0.5),
        fade_um=(90.0, 210.0),
    ),
}
