"""Random grey values: noise, focus, light and shadow as scanners and eyes make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from napari_octseg.engine.augment import AugmentSettings
    from napari_octseg.engine.augmentation.draws import Draws


def recolour(image: Tensor, s: AugmentSettings, draws: Draws) -> Tensor:
    """Grey values as another scanner, eye or focus would show them.

    Parameters
    ----------
    image
        (C, H, W) float32 in 0…1; neighbouring B-scans are changed alike, each with
        noise of its own.
    s, draws
        Ranges and random numbers.
    """
    rows, columns = image.shape[-2:]
    if draws.chance(0.4):
        image = _blur(image, abs(draws.uniform(s.blur)))
    if draws.chance(0.6):
        deviation = abs(draws.uniform(s.speckle))
        grain = draws.normal(*image.shape)
        image = image * (1 + deviation * _grain(draws, grain))
    if draws.chance(0.5):
        deviation = abs(draws.uniform(s.noise))
        noise = draws.normal(*image.shape)
        image = image + deviation * _grain(draws, noise).abs()
    if draws.chance(0.4):
        loss = torch.linspace(0, draws.uniform(s.roll_off), rows)
        image = image * torch.exp(-loss)[:, None]
    if draws.chance(s.shadows):
        image = image * _shadow(draws, columns)
    if draws.chance(0.3):
        image = image * (1 + draws.smooth(columns, s.uneven))
    if s.clouds:
        image = image * (1 + s.clouds * draws.smooth_field(rows, columns, rows // 2))
    image = image.clamp_min(0) ** float(torch.exp(torch.tensor(draws.uniform(s.gamma))))
    image = image * float(torch.exp(torch.tensor(draws.uniform(s.contrast))))
    image = (image + draws.uniform(s.brightness)).clamp(0, 1)
    return _wedge(draws, image) if draws.chance(s.wedges) else image


def _grain(draws: Draws, noise: Tensor) -> Tensor:
    """Noise with the lateral grain of speckle, at unit deviation."""
    if draws.chance(0.5):
        noise = _blur(noise, 0.4 + abs(draws.uniform(0.6)))
        noise = noise / noise.std().clamp_min(1e-6)
    return noise


def _blur(image: Tensor, sigma: float) -> Tensor:
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


def _shadow(draws: Draws, columns: int) -> Tensor:
    """Gain of each column: one to four soft dark bands."""
    gain = torch.ones(columns)
    position = torch.arange(columns)
    for _ in range(1 + draws.below(4)):
        centre = draws.share() * columns
        width = 2 + abs(draws.uniform(0.02)) * columns
        depth = 0.2 + abs(draws.uniform(0.5))
        gain = gain * (1 - depth * torch.exp(-((position - centre) ** 2) / width**2))
    return gain


def _wedge(draws: Draws, image: Tensor) -> Tensor:
    """White beyond a slanted line at one of the four sides."""
    upright = draws.chance(0.5)
    image = image if upright else image.mT
    rows, columns = image.shape[-2:]
    reach = (0.02 + abs(draws.uniform(0.12))) * columns
    edge = torch.linspace(0, reach, rows)
    if draws.chance(0.5):
        edge = edge.flip(0)
    position = torch.arange(columns)
    if draws.chance(0.5):
        position = position.flip(0)
    image = torch.where(position[None] < edge[:, None], 1.0, image)
    return image if upright else image.mT.contiguous()
