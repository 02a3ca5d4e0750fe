"""SVDNA: give a scan the noise and the grey values of another device.

Koch et al., *Noise transfer for unsupervised domain adaptation of retinal OCT images*,
MICCAI 2022: the leading singular components of a B-scan hold its anatomy, the others
its noise. The anatomy of the labelled scan is joined with the noise of an unlabelled
one, and the histogram matched to it. The labels stay valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_octseg.engine.steps.histogram import N_LEVELS, grey_shares, match_histogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.engine.augmentation.draws import Draws

_N_FINE = 4 * N_LEVELS

MOST_COMPONENTS = 128
"""A scan's leading components are kept up to here, for speed and memory."""


class Anatomy:
    """The leading singular components of a scan.

    Parameters
    ----------
    image
        (C, H, W) float32 in 0…1; the channels lie side by side as one matrix.
    """

    def __init__(self, image: Tensor) -> None:
        self._matrix = _side_by_side(image)
        # Of the smaller side: much faster than the whole decomposition.
        tall = self._matrix.shape[0] > self._matrix.shape[1]
        across = self._matrix.mT if tall else self._matrix
        _, vectors = torch.linalg.eigh(across @ across.mT)  # rising eigenvalues
        self._vectors = vectors[:, -MOST_COMPONENTS:].flip(-1).contiguous()
        self._tall = tall
        self._shape = image.shape

    def leading(self, k: int) -> Tensor:
        """(C, H, W) of the `k` largest singular components."""
        vectors = self._vectors[:, :k]
        if self._tall:
            low = (self._matrix @ vectors) @ vectors.mT
        else:
            low = vectors @ (vectors.mT @ self._matrix)
        n_channels, depth, _ = self._shape
        image: Tensor = low.reshape(depth, n_channels, -1).movedim(1, 0)
        return image


class Style:
    """Noise and grey values of an unlabelled scan.

    Parameters
    ----------
    image
        (H, W) float32 in 0…1. White is left out: scanners fill wedges with it.
    """

    def __init__(self, image: Tensor) -> None:
        self.shares: NDArray[np.float64] = grey_shares([image.numpy()])
        self._image = image
        self._white = image >= 1
        # A wedge's edge is no noise: it is filled with the grey of the rest.
        known = image[~self._white]
        fill = float(known.median()) if len(known) else 0.0
        self._filled = torch.where(self._white, fill, image)
        self._anatomy: Anatomy | None = None

    def noise(self, k: int) -> Tensor:
        """(H, W) without its `k` largest singular components; 0 where white."""
        if self._anatomy is None:
            self._anatomy = Anatomy(self._filled[None])
        rest = self._filled - self._anatomy.leading(k)[0]
        return torch.where(self._white, 0, rest)

    def noise_like(self, image: Tensor, k: int, draws: Draws) -> Tensor:
        """`noise` at the size of `image` (C, H, W), its grain as it is.

        A smaller scan is continued by its mirror image. Each channel has another place
        of the scan, half of them mirrored, so that neighbours do not share their noise.
        """
        noise = self.noise(k)
        n_channels, depth, width = image.shape
        rows = _mirrored(noise.shape[0], depth, 0)
        channels = []
        for channel in range(n_channels):
            start = draws.below(noise.shape[1]) if channel else 0
            columns = _mirrored(noise.shape[1], width, start)
            own = noise[rows][:, columns]
            channels.append(own.flip(-1) if channel and draws.chance(0.5) else own)
        return torch.stack(channels)

    def match(self, image: Tensor) -> Tensor:
        """`image` with the grey values of the scan; white stays white."""
        fine = image.mul(_N_FINE - 1).round_().to(torch.int32)
        counts = torch.bincount(fine.flatten(), minlength=_N_FINE)[:-1].double()
        at_or_below = counts.cumsum(0) / counts.sum().clamp_min(1)
        shares = at_or_below[_N_FINE // N_LEVELS // 2 :: _N_FINE // N_LEVELS].numpy()
        # One result for each fine grey level, looked up: an image has many more pixels.
        levels = np.linspace(0, 1, _N_FINE, dtype=np.float32)
        matched = torch.from_numpy(match_histogram(levels, shares, self.shares))
        return matched[fine]


def restyle(
    image: Tensor, anatomy: Anatomy, style: Style, k: int, draws: Draws
) -> Tensor:
    """A scan with the noise and the grey values of another.

    Parameters
    ----------
    image
        (C, H, W) float32 in 0…1.
    anatomy
        Its leading components.
    style
        The other scan.
    k
        How many singular components count as anatomy, in both; at most
        `MOST_COMPONENTS`.
    draws
        Random numbers.

    Returns
    -------
    (C, H, W) float32 in 0…1. White stays white.
    """
    mixed = anatomy.leading(k) + style.noise_like(image, k, draws)
    # Not quite white: white is no grey value but the absence of any.
    mixed = torch.where(image >= 1, 1, mixed.clamp(0, 254.5 / 255))
    return style.match(mixed)


def _side_by_side(image: Tensor) -> Tensor:
    """(C, H, W) → (H, C · W)."""
    return image.movedim(0, 1).reshape(image.shape[1], -1)


def _mirrored(n: int, wanted: int, start: int) -> Tensor:
    """`wanted` indices of `n` samples from `start` on, to and fro."""
    place = (torch.arange(wanted) + start) % (2 * n)
    return torch.where(place < n, place, 2 * n - 1 - place)
