"""Grey values of one device made to look like those of another: histogram matching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_octseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_octseg.volume import OCTVolume

N_LEVELS = 256
_SAMPLE = 16
"""B-scans that stand for a volume."""


def grey_shares(images: Iterable[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Share of pixels at or below each of 256 grey levels.

    Parameters
    ----------
    images
        Any shapes, float32 in 0…1; level k is the value k / 255. Pure white is left
        out: scanners fill the wedges beside a registered B-scan with it.

    Returns
    -------
    (256,) float64, rising to 1. Of nothing but white: all 1.
    """
    counts = np.zeros(N_LEVELS, np.int64)
    for image in images:
        dark = image[image < 1]
        levels = np.clip(dark * (N_LEVELS - 1) + 0.5, 0, N_LEVELS - 1).astype(np.int64)
        counts += np.bincount(levels, minlength=N_LEVELS)
    if not counts.any():
        return np.ones(N_LEVELS)
    shares: NDArray[np.float64] = np.cumsum(counts) / counts.sum()
    return shares


def volume_shares(volume: OCTVolume) -> NDArray[np.float64]:
    """`grey_shares` of a volume, from 16 B-scans at most, evenly spaced over it.

    The sample is read when it is first asked for, and kept with the volume.
    """
    if volume not in _SHARES:
        n = volume.n_bscans
        sample = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).round().astype(int))
        _SHARES[volume] = grey_shares(volume.bscan_as_shown(int(i)) for i in sample)
    return _SHARES[volume]


_SHARES: WeakKeyDictionary[OCTVolume, NDArray[np.float64]] = WeakKeyDictionary()


def match_histogram(
    image: NDArray[np.float32],
    shares: NDArray[np.float64],
    reference: Sequence[float] | NDArray[np.float64],
) -> NDArray[np.float32]:
    """Grey values moved so that their histogram becomes the reference's.

    A value of which a share s of the source is at or below becomes the value of which
    the same share of the reference is, both by linear interpolation. White stays
    white.

    Parameters
    ----------
    image
        Any shape, float32 in 0…1.
    shares
        `grey_shares` of the scan that the image is from.
    reference
        `grey_shares` of the reference, 256 values.

    Raises
    ------
    ModelError
        If the reference is no such histogram.

    Notes
    -----
    RETOUCH, as Tennakoon et al. prepared it (ISBI 2018): whole volumes of Cirrus and
    Topcon matched to one of Spectralis.
    """
    wanted = np.asarray(reference, np.float64)
    if wanted.shape != (N_LEVELS,) or (np.diff(wanted) < 0).any() or wanted[0] < 0:
        raise ModelError(
            f"A reference histogram of shape {wanted.shape}",
            allowed=f"{N_LEVELS} shares that rise from 0 to 1",
            todo="make it with napari_octseg.engine.steps.histogram.grey_shares",
        )
    levels = np.arange(N_LEVELS) / (N_LEVELS - 1)
    # Levels that no pixel of the reference has are no result.
    taken = np.diff(wanted, prepend=0) > 0
    matched = np.interp(shares, wanted[taken], levels[taken])
    moved = np.interp(image, levels, matched)
    return np.where(image >= 1, 1, moved).astype(np.float32)


def rounded(shares: NDArray[Any], decimals: int = 5) -> tuple[float, ...]:
    """Shares as a card holds them."""
    return tuple(float(s) for s in np.round(shares, decimals))
