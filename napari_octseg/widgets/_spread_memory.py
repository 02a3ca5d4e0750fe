"""Which correction of a B-scan has been spread already: it is not given twice."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading


def spread_tool(bscan: int) -> str:
    """What the journal calls a spread from this B-scan."""
    return f"spread from B-scan {bscan}"


def remember_spread(grading: Grading, bscan: int, heights: NDArray[np.float32]) -> None:
    """Keep what the newest edit, a spread from this B-scan, has given to others.

    Parameters
    ----------
    grading
        Its journal keeps it.
    bscan
        Index of the corrected B-scan.
    heights
        (n_boundaries, width) float32 of it, corrected.
    """
    packed = base64.b64encode(heights.astype("<f4").tobytes()).decode()
    edit = grading.journal.edits(tools=[spread_tool(bscan)])[-1].id
    grading.journal.keep(spread_tool(bscan), {"edit": edit, "heights": packed})


def heights_before_correction(grading: Grading, bscan: int) -> NDArray[np.float32]:
    """Boundaries of a B-scan without what has not been spread of its correction.

    Those that its last spread has given to others, unless it was undone; before the
    first spread, those of the model.

    Returns
    -------
    (n_boundaries, width) float32; all NaN where no model has run and nothing was
    spread.
    """
    kept = grading.journal.kept(spread_tool(bscan))
    if isinstance(kept, dict) and any(
        edit.id == kept["edit"] and edit.state == "done"
        for edit in grading.journal.edits(tools=[spread_tool(bscan)])
    ):
        values = np.frombuffer(base64.b64decode(kept["heights"]), "<f4")
        shape = (grading.heights.shape[0], grading.heights.shape[2])
        return values.reshape(shape).astype(np.float32)
    return grading.predicted[:, bscan].copy()
