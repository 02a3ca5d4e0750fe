"""Area of a region by the 2 × 2 patterns of its pixels, as MATLAB's bwarea counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from numpy.typing import NDArray


def weighted_area(mask: NDArray[Any]) -> float:
    """Area of the true pixels of a B-scan, weighted by 2 × 2 patterns.

    Every 2 × 2 window of the mask, with a border of false pixels around it, adds to
    the area: one true pixel ¼, two beside each other ½, two diagonal ¾, three ⅞, four
    1. A straight edge counts as it is, a slanting one as the straight line that its
    steps stand for.

    Parameters
    ----------
    mask
        (depth, width), true where not 0; of a stack (…, depth, width) the sum.

    Returns
    -------
    Area in px², exact: a multiple of ⅛.

    References
    ----------
    W. K. Pratt, *Digital Image Processing*, Wiley, 1991, chapter 18 (bit quads).
    """
    return float(weighted_areas(np.asarray(mask, dtype=bool).astype(np.uint8))[1])


def weighted_areas(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`weighted_area` of every class at once.

    Parameters
    ----------
    labels
        (…, depth, width) class indices 0…255; stacked B-scans are added up.

    Returns
    -------
    (256,) float64: area in px² by class index.
    """
    # A pixel takes part in four windows, so a quarter per true pixel of a window is
    # its plain area. Only two diagonal pixels (¾ instead of ½) and three (⅞ instead of
    # ¾) weigh more. Windows on the border of the image hold neither.
    a, b = labels[..., :-1, :-1], labels[..., :-1, 1:]
    c, d = labels[..., 1:, :-1], labels[..., 1:, 1:]
    ab, ac, bd, cd = a == b, a == c, b == d, c == d
    diagonal = _count(a[(a == d) & ~ab & ~ac]) + _count(b[(b == c) & ~ab & ~bd])
    three = _count(a[ab & ac & ~bd]) + _count(a[ab & bd & ~ac])
    three += _count(a[ac & cd & ~ab]) + _count(d[bd & cd & ~ab])
    return _count(labels) + diagonal / 4 + three / 8


def _count(labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.bincount(labels.ravel(), minlength=IGNORE + 1)
