"""Classes that are locked: no tool takes their pixels away, or gives any to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray


def respect_locks(
    before: NDArray[np.uint8], after: NDArray[np.uint8], locked: Collection[int]
) -> NDArray[np.uint8]:
    """Labels after an edit, without what it did to locked classes.

    Parameters
    ----------
    before, after
        Labels of the same shape, uint8, before and after the edit.
    locked
        Class indices.

    Returns
    -------
    A new array: `after`, but `before` where either of the two is locked.
    """
    if not locked:
        return after.copy()
    held = np.isin(before, list(locked)) | np.isin(after, list(locked))
    return np.where(held, before, after)
