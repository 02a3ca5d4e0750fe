"""How far a pooled figure would move with other patients: the bootstrap."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.bundles.score import FEW_PATIENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def patient_interval(
    counts: NDArray[np.integer],
    figures: Callable[[NDArray[np.integer]], NDArray[np.float64]],
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    seed: int = 0,
) -> NDArray[np.float64] | None:
    """Percentile bootstrap interval of figures that are pooled over patients.

    As many patients as there are are drawn with replacement; their counts are added and
    the figures computed anew (Efron & Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 13). Images of one patient stay together, because they are alike.

    Parameters
    ----------
    counts
        (n_patients, …): what is added up, patient by patient.
    figures
        From added counts (n, …) to figures (n, n_figures); NaN where undefined.
    level
        Share of the resamples within the interval.
    n_resamples, seed
        How many, and of which random numbers: the same seed, the same interval.

    Returns
    -------
    (n_figures, 2): lower and upper end; NaN if a figure is undefined in every resample.
    None for fewer than `FEW_PATIENTS` patients: an interval would pretend to know.
    """
    n_patients = len(counts)
    if n_patients < FEW_PATIENTS:
        return None
    random = np.random.default_rng(seed)
    # How often each patient was drawn, for each resample.
    drawn = random.multinomial(
        n_patients, np.full(n_patients, 1 / n_patients), n_resamples
    )
    values = figures(np.tensordot(drawn, counts, axes=1))
    tail = 50 * (1 - level)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        ends = np.nanpercentile(values, [tail, 100 - tail], axis=0)
    return np.asarray(ends.T)
