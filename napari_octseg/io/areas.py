"""Area of each class on each B-scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.io.atomic import written_whole
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import Spacing

_MM2_PER_UM2 = 1e-6


def pixel_mm2(spacing: Spacing) -> float:
    """Area of a pixel of a B-scan in mm², NaN where axial or lateral is unknown."""
    if spacing.axial is None or spacing.lateral is None:
        return float("nan")
    return spacing.axial * spacing.lateral * _MM2_PER_UM2


def class_areas(
    labels: NDArray[np.uint8], label_set: LabelSet, spacing: Spacing
) -> pd.DataFrame:
    """Pixels and area of each class (without background) on each B-scan.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) class indices; `IGNORE` counts for no class.
    label_set
        Classes in index order.
    spacing
        Axial and lateral give the area of a pixel.

    Returns
    -------
    Columns ``bscan`` (from 0), ``class_index``, ``class``, ``n_pixels``, ``area_mm2``.
    The area is NaN (empty in a CSV) where the spacing is not known. Every class has a
    row on every B-scan.
    """
    import pandas as pd

    area_of_pixel = pixel_mm2(spacing)
    rows: list[dict[str, Any]] = []
    for index, bscan in enumerate(labels):
        counts = np.bincount(np.ravel(bscan), minlength=IGNORE + 1)
        rows += [
            {
                "bscan": index,
                "class_index": class_index,
                "class": name,
                "n_pixels": int(counts[class_index]),
                "area_mm2": float(counts[class_index] * area_of_pixel),
            }
            for class_index, name in enumerate(label_set.names)
            if class_index
        ]
    columns = ["bscan", "class_index", "class", "n_pixels", "area_mm2"]
    return pd.DataFrame(rows, columns=columns)


def save_areas(table: pd.DataFrame, path: Path) -> None:
    """Write a table of areas as CSV; the whole file or nothing.

    Raises
    ------
    WriteError
        If the disk refuses.
    """
    with written_whole(path) as target:
        table.to_csv(target, index=False, float_format="%.10g")
