"""Random changes of training B-scans that scanners and eyes make too.

Never an upside-down retina: B-scans are flipped left to right only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_octseg.labels import IGNORE


@dataclass(frozen=True)
class AugmentSettings:
    """How far each change may go; 0 turns it off.

    rotation_deg, shear, zoom, shift
        Half ranges of the affine change; shear is rows per column, zoom and shift are
        shares of the image.
    bend
        Largest smooth axial displacement, share of the depth.
    gamma, contrast, brightness
        Half ranges in log units (gamma, contrast) and grey values (brightness).
    speckle, noise, blur
        Largest deviation of the multiplicative and additive noise; largest blur, px.
    roll_off
        Largest loss of signal from top to bottom, natural log.
    uneven
        Largest smooth change of brightness along the B-scan, as a share.
    shadows
        Chance of dark columns, as vessels cast them.
    wedges
        Chance of a white wedge at one side, as image registration leaves.
    """

    rotation_deg: float = 8.0
    shear: float = 0.15
    zoom: float = 0.2
    shift: float = 0.12
    bend: float = 0.03
    gamma: float = 0.4
    contrast: float = 0.3
    brightness: float = 0.1
    speckle: float = 0.35
    noise: float = 0.08
    blur: float = 1.2
    roll_off: float = 0.8
    uneven: float = 0.3
    shadows: float = 0.3
    wedges: float = 0.2


class Augmenter:
    """Applies random changes, reproducible from its seed.

    Parameters
    ----------
    settings
        Ranges.
    seed
        Seed of the random numbers.
    """

    def __init__(self, settings: AugmentSettings, seed: int) -> None:
        self.settings = settings
        self.random = torch.Generator().manual_seed(seed)

    def __call__(
        self, image: Tensor, codes: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """A changed crop of `size`.

        Parameters
        ----------
        image
            (C, H, W) float32 in 0…1.
        codes
            (H, W) uint8; pixels from outside the image become `IGNORE`.
        size
            Rows and columns of the crop; H and W at most.

        Returns
        -------
        Image and codes of `size`.
        """
        image, codes = self._warp(image, codes, size)
        return self._recolour(image), codes

    def _uniform(self, half_range: float) -> float:
        return (float(torch.rand((), generator=self.random)) * 2 - 1) * half_range

    def _chance(self, probability: float) -> bool:
        return float(torch.rand((), generator=self.random)) < probability

    def _warp(
        self, image: Tensor, codes: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """One resampling for crop, flip, rotation, shear, zoom, shift and bend."""
        s = self.settings
        rows, columns = size
        depth, width = codes.shape
        free = max(width - columns, 0) / 2
        centre_x = self._uniform(free)  # px from the middle
        centre_y = self._uniform(s.shift) * depth
        angle = torch.deg2rad(torch.tensor(self._uniform(s.rotation_deg)))
        zoom_x, zoom_y = 1 + self._uniform(s.zoom), 1 + self._uniform(s.zoom)
        flip = -1.0 if self._chance(0.5) else 1.0
        y = torch.arange(rows) - (rows - 1) / 2
        x = (torch.arange(columns) - (columns - 1) / 2) * flip
        yy, xx = torch.meshgrid(y * zoom_y, x * zoom_x, indexing="ij")
        cos, sin = torch.cos(angle), torch.sin(angle)
        source_x = cos * xx - sin * yy + centre_x
        source_y = sin * xx + cos * yy + self._uniform(s.shear) * xx + centre_y
        source_y = source_y + self._smooth(columns, s.bend * depth)
        # grid_sample wants −1…1 over the outer edges of the pixels.
        grid = torch.stack([source_x * 2 / width, source_y * 2 / depth], dim=-1)[None]
        warped = functional.grid_sample(
            image[None], grid, padding_mode="zeros", align_corners=False
        )[0]
        # Codes are shifted by one so that 0, which stands outside, is told from code 0.
        moved = functional.grid_sample(
            (codes.float() + 1)[None, None], grid, mode="nearest", align_corners=False
        )[0, 0]
        outside = moved == 0
        return warped, torch.where(outside, IGNORE, moved - 1).to(torch.uint8)

    def _smooth(self, n: int, amplitude: float, n_knots: int = 5) -> Tensor:
        """A smooth random curve (n,), within about ±`amplitude`."""
        knots = (torch.rand(1, 1, n_knots, generator=self.random) * 2 - 1) * amplitude
        # Bicubic, because a kink in a layer is nothing that an eye does.
        curve = functional.interpolate(
            knots[:, :, None], size=(1, n), mode="bicubic", align_corners=True
        )
        return curve[0, 0, 0]

    def _recolour(self, image: Tensor) -> Tensor:
        """Grey values as another scanner, eye or focus would show them."""
        s = self.settings
        rows, columns = image.shape[-2:]
        if self._chance(0.4):
            image = self._blur(image, abs(self._uniform(s.blur)))
        if self._chance(0.6):
            deviation = abs(self._uniform(s.speckle))
            grain = torch.randn(image.shape, generator=self.random)
            image = image * (1 + deviation * self._grain(grain))
        if self._chance(0.5):
            deviation = abs(self._uniform(s.noise))
            noise = torch.randn(image.shape, generator=self.random)
            image = image + deviation * self._grain(noise).abs()
        if self._chance(0.4):
            loss = torch.linspace(0, self._uniform(s.roll_off), rows)
            image = image * torch.exp(-loss)[:, None]
        if self._chance(s.shadows):
            image = image * self._shadow(columns)
        if self._chance(0.3):
            image = image * (1 + self._smooth(columns, s.uneven))
        image = image.clamp_min(0) ** float(
            torch.exp(torch.tensor(self._uniform(s.gamma)))
        )
        image = image * float(torch.exp(torch.tensor(self._uniform(s.contrast))))
        image = (image + self._uniform(s.brightness)).clamp(0, 1)
        return self._wedge(image) if self._chance(s.wedges) else image

    def _grain(self, noise: Tensor) -> Tensor:
        """Noise with the lateral grain of speckle, at unit deviation."""
        if self._chance(0.5):
            noise = self._blur(noise, 0.4 + abs(self._uniform(0.6)))
            noise = noise / noise.std().clamp_min(1e-6)
        return noise

    def _blur(self, image: Tensor, sigma: float) -> Tensor:
        """Gaussian blur, axially and laterally."""
        if sigma < 0.1:
            return image
        radius = int(3 * sigma) + 1
        offset = torch.arange(-radius, radius + 1, dtype=torch.float32)
        kernel = torch.exp(-(offset**2) / (2 * sigma**2))
        kernel = kernel / kernel.sum()
        padded = functional.pad(image[:, None], (radius,) * 4, mode="reflect")
        rows = functional.conv2d(padded, kernel[None, None, :, None])
        return functional.conv2d(rows, kernel[None, None, None, :])[:, 0]

    def _shadow(self, columns: int) -> Tensor:
        """Gain of each column: one to four soft dark bands."""
        gain = torch.ones(columns)
        position = torch.arange(columns)
        for _ in range(1 + int(torch.randint(4, (), generator=self.random))):
            centre = float(torch.rand((), generator=self.random)) * columns
            width = 2 + abs(self._uniform(0.02)) * columns
            depth = 0.2 + abs(self._uniform(0.5))
            gain = gain * (
                1 - depth * torch.exp(-((position - centre) ** 2) / width**2)
            )
        return gain

    def _wedge(self, image: Tensor) -> Tensor:
        """White beyond a slanted line at one of the four sides."""
        upright = self._chance(0.5)
        image = image if upright else image.mT
        rows, columns = image.shape[-2:]
        reach = (0.02 + abs(self._uniform(0.12))) * columns
        edge = torch.linspace(0, reach, rows)
        if self._chance(0.5):
            edge = edge.flip(0)
        position = torch.arange(columns)
        if self._chance(0.5):
            position = position.flip(0)
        image = torch.where(position[None] < edge[:, None], 1.0, image)
        return image if upright else image.mT.contiguous()
