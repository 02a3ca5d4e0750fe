"""Speckle, noise floor and display: what a device makes of the light that returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octseg.phantom.randomness import Stream, correlated_noise, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.devices import Device


@dataclass(frozen=True)
class Exposure:
    """One recording: values drawn from the ranges of a device."""

    gain: float
    gamma: float
    noise_mean: float
    noise_sd: float
    speckle_contrast: float
    roll_off: float


def draw_exposure(device: Device, seed: int) -> Exposure:
    """Exposure of one phantom. Noisy recordings also have the stronger speckle."""
    rng = generator(seed, Stream.OPTICS, 1)
    noisy = rng.random()

    def between(low_high: tuple[float, float], share: float) -> float:
        return low_high[0] + share * (low_high[1] - low_high[0])

    return Exposure(
        gain=rng.uniform(*device.gain),
        gamma=float(np.exp(rng.normal(0, 0.10))),
        noise_mean=between(device.noise_mean, noisy),
        noise_sd=between(device.noise_sd, noisy),
        speckle_contrast=between(
            device.speckle_contrast, 0.6 * noisy + 0.4 * rng.random()
        ),
        roll_off=rng.uniform(*device.roll_off),
    )


def record(
    light: NDArray[np.float32],
    device: Device,
    exposure: Exposure,
    axial_um: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """B-scan as the device shows it.

    Speckle multiplies the signal (fully developed speckle, averaged: right-skewed,
    correlated over the width of the point spread function; Schmitt, Xiang & Yung, J.
    Biomed. Opt. 4(1), 1999); the noise of the detector is there without any light.

    Parameters
    ----------
    light
        Noise-free grey levels, (depth, width) float32.
    axial_um
        Height of a pixel.
    """
    depth = light.shape[0]
    sigma = device.axial_resolution_um / 2.355 / axial_um * 1.4
    signal = gaussian_filter1d(light, sigma, axis=0, mode="nearest")
    # Tissue is uneven along the layers on a scale above that of speckle.
    signal *= 1 + np.float32(0.05) * correlated_noise(rng, light.shape, (1.2, 5.0))
    half = np.float32(exposure.speckle_contrast / 2)
    speckle = correlated_noise(rng, light.shape, device.speckle_sigma_px)
    speckle *= half
    speckle += 1
    signal *= speckle * speckle / (1 + half * half)
    rows = np.linspace(0, 1, depth, dtype=np.float32)[:, None]
    signal *= np.float32(exposure.gain) * np.exp(
        -np.float32(exposure.roll_off) * rows**2
    )
    if exposure.gamma != 1:
        np.maximum(signal, 0, out=signal)
        signal = 255 * (signal / 255) ** np.float32(exposure.gamma)

    noise = correlated_noise(rng, light.shape, device.noise_sigma_px)
    noise *= np.float32(exposure.noise_sd)
    noise += np.float32(exposure.noise_mean)
    if device.sharpness == 1:
        shown = signal + noise
    else:
        power = np.float32(device.sharpness)
        np.maximum(noise, 0, out=noise)
        shown = (signal**power + noise**power) ** (1 / power)
    grey: NDArray[np.uint8] = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    return grey


def bscan_generator(seed: int, bscan: int) -> np.random.Generator:
    """Generator of all that is drawn anew for each B-scan."""
    return generator(seed, Stream.BSCAN, bscan)
