"""Distance between B-scans from where they lie on the fundus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UM_PER_MM = 1000.0


def between_bscans_um(positions: NDArray[np.floating]) -> float | None:
    """Mean distance of neighbouring B-scans, measured across them.

    Parameters
    ----------
    positions
        (n_bscans, 2, 2): start and end of each B-scan as (x, y) in mm.

    Returns
    -------
    µm, or None for fewer than two B-scans, and where they are not parallel (within 2°)
    or not evenly spaced (within 10 %, the eye tracker moves them a little).
    """
    if len(positions) < 2 or not np.isfinite(positions).all():
        return None
    along = positions[:, 1] - positions[:, 0]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    if (length == 0).any():
        return None
    along = along / length
    mean = along.mean(axis=0)
    if (along @ (mean / np.linalg.norm(mean)) < np.cos(np.radians(2))).any():
        return None
    across = np.array([-mean[1], mean[0]])
    steps = np.diff(positions.mean(axis=1) @ across)
    step = float(steps.mean())
    if step == 0 or (np.abs(steps - step) > 0.1 * abs(step)).any():
        return None
    return abs(step) * _UM_PER_MM
