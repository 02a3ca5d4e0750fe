"""How good the signal of a B-scan is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.editing.white import white_areas

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMOOTH_PX = 5
_N_COLUMNS = 128
_BRIGHT, _DARK = 0.95, 0.25


def signal_quality(bscan: NDArray[Any]) -> float:
    """Contrast of the tissue over the grain of the picture.

    In each column, the 95th minus the 25th percentile of the smoothed intensities is
    the contrast between bright layers and what is dark, and the mean absolute
    difference between raw and smoothed intensities is the grain. A dim or noisy column
    has little contrast over its grain, one in shadow has none. Gain and offset cancel
    out.

    Parameters
    ----------
    bscan
        (depth, width), any dtype. NaN counts as 0. White areas without any grain, which
        image registration leaves at the edges, are left out.

    Returns
    -------
    At least 0, without unit: about a half for pure noise, 4 and more for a good scan, 0
    for an empty B-scan. It grows with averaging on the device: compare within a volume.
    """
    from scipy.ndimage import uniform_filter

    pixels = np.nan_to_num(np.asarray(bscan, np.float32))
    told = ~white_areas(pixels)
    n_told = told.sum(axis=0)
    if not n_told.any():
        return 0.0
    smooth = uniform_filter(pixels, _SMOOTH_PX, mode="nearest")
    columns = np.flatnonzero(n_told)
    columns = columns[:: -(-len(columns) // _N_COLUMNS)]
    n_told, told, smooth = n_told[columns], told[:, columns], smooth[:, columns]
    apart = np.where(told, np.abs(pixels[:, columns] - smooth), 0)
    grain = apart.sum(axis=0) / n_told
    ranked = np.where(told, smooth, np.float32(np.inf))
    ranked.sort(axis=0)
    places = np.arange(len(columns))
    bright = ranked[(_BRIGHT * (n_told - 1)).astype(np.intp), places]
    dark = ranked[(_DARK * (n_told - 1)).astype(np.intp), places]
    each = np.divide(bright - dark, grain, out=np.zeros_like(grain), where=grain > 0)
    return float(each.mean())
