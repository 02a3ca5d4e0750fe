"""Random streams that do not disturb each other, and the smooth fields made of them."""

from __future__ import annotations

from enum import IntEnum, auto
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Stream(IntEnum):
    """What a generator is used for; every use has its own sequence of numbers."""

    ANATOMY = auto()
    GEOMETRY = auto()
    MOTION = auto()
    VESSELS = auto()
    CHOROID = auto()
    OPTICS = auto()
    BSCAN = auto()
    FINDING = auto()


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """Generator of one stream; `index` is the B-scan or finding it serves."""
    sequence = np.random.SeedSequence(seed, spawn_key=(int(stream), index))
    return np.random.Generator(np.random.PCG64(sequence))


def waves(
    rng: np.random.Generator,
    x_um: NDArray[np.float32],
    y_um: NDArray[np.float32],
    wavelength_um: float,
    n_waves: int = 10,
) -> NDArray[np.float32]:
    """Smooth random surface of unit variance, defined at every point of the fundus.

    A sum of plane waves of random direction, phase and length (± 40 % of
    `wavelength_um`), so that it does not depend on where it is sampled. Shape of
    ``x_um`` and ``y_um`` broadcast together, float32.
    """
    angle = rng.uniform(0, 2 * np.pi, n_waves)
    phase = rng.uniform(0, 2 * np.pi, n_waves)
    number = 2 * np.pi / (wavelength_um * rng.uniform(0.6, 1.4, n_waves))
    total = np.zeros(np.broadcast_shapes(x_um.shape, y_um.shape), np.float32)
    for a, p, k in zip(angle, phase, number, strict=True):
        total += np.cos(
            np.float32(k * np.cos(a)) * x_um
            + np.float32(k * np.sin(a)) * y_um
            + np.float32(p)
        )
    return total * np.float32(np.sqrt(2 / n_waves))


def correlated_noise(
    rng: np.random.Generator, shape: tuple[int, ...], sigmas: Sequence[float]
) -> NDArray[np.float32]:
    """Gaussian noise of mean 0 and variance 1, smoothed by `sigmas` px per axis."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    for axis, sigma in enumerate(sigmas):
        if sigma <= 0 or shape[axis] == 1:
            continue
        # The variance that smoothing leaves is known from the kernel alone; measuring
        # it would tie the strength of the noise to the size of the image.
        radius = int(4 * sigma + 0.5)
        kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        gain = kernel.sum() / np.sqrt((kernel**2).sum())
        noise = gaussian_filter1d(noise, sigma, axis=axis, mode="wrap")
        noise *= np.float32(gain)
    return noise
