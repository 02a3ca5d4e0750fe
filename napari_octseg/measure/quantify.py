"""How much of a volume each class takes, alone or against a ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.engine.metrics import Overlap
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.errors import LabelError
from napari_octseg.io.areas import pixel_mm2
from napari_octseg.labels import IGNORE
from napari_octseg.measure.weighted_area import weighted_areas
from napari_octseg.volume import Spacing

if TYPE_CHECKING:
    from collections.abc import Generator

    import pandas as pd
    from numpy.typing import NDArray

    from napari_octseg.labels import LabelClass, LabelSet

_MM_PER_UM = 1e-3
_NL_PER_MM3 = 1e3


@dataclass(frozen=True)
class Amount:
    """How much there is of one class, all B-scans added up.

    Parameters
    ----------
    area_px
        Weighted area, px² (`weighted_area`).
    percent
        Share of all classes but the background, 0…100; 0 where there is nothing.
    area_mm2, volume_nl
        The same area in mm², and times the distance of B-scans in nL (1000 nL are
        1 mm³, 1 µL); NaN where the spacing that they need is not known.
    """

    area_px: float
    percent: float
    area_mm2: float
    volume_nl: float


@dataclass(frozen=True)
class ClassQuantity:
    """One class: what was predicted and, with a ground truth, what is true.

    `dice` is over all pixels that both sides graded, 1 if the class is in neither.
    """

    label_class: LabelClass
    class_index: int
    predicted: Amount
    true: Amount | None = None
    dice: float | None = None

    @property
    def percent_difference(self) -> float | None:
        """|predicted − true| share, percentage points."""
        if self.true is None:
            return None
        return abs(self.predicted.percent - self.true.percent)


@dataclass(frozen=True)
class Quantification:
    """All classes of a label set but the background, in its order.

    `n_bscans` are those with a graded pixel; `n_ignored` pixels of them were left out
    because nobody graded them, in the prediction or in the truth.
    """

    classes: tuple[ClassQuantity, ...]
    n_bscans: int
    n_ignored: int

    def table(self) -> pd.DataFrame:
        """One row per class.

        Columns ``class``, ``class_index``, ``area_px``, ``percent``, ``area_mm2``,
        ``volume_nl``; with a ground truth also the last four with ``true_`` before
        them, ``percent_difference`` and ``dice``. Unknown is NaN, empty in a CSV.
        """
        import pandas as pd

        return pd.DataFrame([_row(one) for one in self.classes])


def quantify(
    labels: Any,
    label_set: LabelSet,
    truth: Any | None = None,
    spacing: Spacing | None = None,
) -> Quantification:
    """Weighted areas and shares of all classes; `iter_quantify` says more."""
    return outcome(iter_quantify(labels, label_set, truth, spacing))


def iter_quantify(
    labels: Any,
    label_set: LabelSet,
    truth: Any | None = None,
    spacing: Spacing | None = None,
) -> Generator[Progress, None, Quantification]:
    """Quantify a volume as RASP-Net does, B-scan by B-scan.

    The area of a class is the sum of its `weighted_area` over the B-scans, its
    percentage that of the sum of all classes but the background.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) or (depth, width) class indices; `IGNORE` belongs to
        no class.
    label_set
        Their classes. One that does not occur has an area of 0.
    truth
        Ground truth of the same shape and classes. Pixels that either side does not
        grade are left out of both.
    spacing
        For mm² and nL, which are NaN without it.

    Yields
    ------
    Progress, after each B-scan.

    Returns
    -------
    Quantification, classes in the order of the label set.

    Raises
    ------
    LabelError
        If shapes differ, or labels are no class indices of the label set.

    References
    ----------
    Hassan et al., IEEE Trans. Instrum. Meas. 70, 2021 (RASP-Net).
    """
    stack = as_stack(labels, "labels")
    true_stack = None if truth is None else as_stack(truth, "truth")
    if true_stack is not None and true_stack.shape != stack.shape:
        raise LabelError(
            f"Labels of {_size(stack)} for a truth of {_size(true_stack)}",
            allowed="prediction and ground truth of one size",
            todo="take the labels that were drawn on this scan, at its full size",
        )
    predicted_sum, true_sum = _Sum(label_set), _Sum(label_set)
    both = np.zeros(len(label_set), np.int64)
    n_bscans = n_ignored = 0
    for index in range(len(stack)):
        predicted = _bscan(stack, index, label_set, "labels")
        graded = predicted != IGNORE
        if true_stack is not None:
            true = _bscan(true_stack, index, label_set, "truth")
            graded &= true != IGNORE
            predicted = np.where(graded, predicted, np.uint8(IGNORE))
            true = np.where(graded, true, np.uint8(IGNORE))
            true_sum.add(true)
            equal = predicted[graded & (predicted == true)]
            both += np.bincount(equal, minlength=len(label_set))
        predicted_sum.add(predicted)
        if graded.any():
            n_bscans += 1
            n_ignored += int(graded.size - np.count_nonzero(graded))
        yield Progress(index + 1, len(stack), f"B-scan {index}")
    spacing = spacing or Spacing()
    amounts = predicted_sum.amounts(spacing)
    true_amounts = true_sum.amounts(spacing)
    rows = []
    for class_index, label_class in enumerate(label_set.classes):
        overlap = Overlap(
            int(both[class_index]),
            int(predicted_sum.n_pixels[class_index]),
            int(true_sum.n_pixels[class_index]),
        )
        rows.append(
            ClassQuantity(
                label_class,
                class_index,
                amounts[class_index],
                None if truth is None else true_amounts[class_index],
                None if truth is None else overlap.dice,
            )
        )
    return Quantification(tuple(rows[1:]), n_bscans, n_ignored)


class _Sum:
    """Areas and pixels of each class, over the B-scans added so far."""

    def __init__(self, label_set: LabelSet) -> None:
        self.areas = np.zeros(len(label_set))
        self.n_pixels = np.zeros(len(label_set), np.int64)

    def add(self, bscan: NDArray[np.uint8]) -> None:
        n = len(self.areas)
        self.areas += weighted_areas(bscan)[:n]
        self.n_pixels += np.bincount(bscan.ravel(), minlength=n)[:n]

    def amounts(self, spacing: Spacing) -> list[Amount]:
        """The amount of each class; that of the background says nothing."""
        whole = float(self.areas[1:].sum())
        areas_mm2 = self.areas * pixel_mm2(spacing)
        between = np.nan if spacing.between_bscans is None else spacing.between_bscans
        volumes_nl = areas_mm2 * between * _MM_PER_UM * _NL_PER_MM3
        percents = 100 * self.areas / whole if whole else np.zeros(len(self.areas))
        columns = zip(self.areas, percents, areas_mm2, volumes_nl, strict=True)
        return [Amount(*map(float, row)) for row in columns]


def as_stack(labels: Any, name: str) -> Any:
    """Labels as (n_bscans, depth, width), without loading dask.

    Raises
    ------
    LabelError
        If they are no integers, or have other axes.
    """
    if not hasattr(labels, "ndim"):
        labels = np.asarray(labels)
    if labels.ndim not in (2, 3) or 0 in labels.shape or labels.dtype.kind not in "biu":
        raise LabelError(
            f"The {name} have the type {labels.dtype} and the shape {labels.shape}",
            allowed="integers of shape (n_bscans, depth, width) or (depth, width)",
        )
    return labels if labels.ndim == 3 else labels[None]


def _bscan(stack: Any, index: int, label_set: LabelSet, name: str) -> NDArray[np.uint8]:
    bscan = np.asarray(stack[index])
    codes = (
        np.flatnonzero(np.bincount(bscan.ravel()))
        if bscan.dtype == np.uint8
        else np.unique(bscan)  # slower by far
    )
    wrong = codes[((codes < 0) | (codes >= len(label_set))) & (codes != IGNORE)]
    if wrong.size:
        last = len(label_set) - 1
        raise LabelError(
            f"B-scan {index} of the {name} has the code {wrong[0]}",
            allowed=f"0 (background) to {last} ({label_set.names[last]}), "
            f"{IGNORE} (not graded)",
            todo="choose the label set that these labels were made with",
        )
    return bscan.astype(np.uint8, copy=False)


def _size(stack: Any) -> str:
    n_bscans, depth, width = stack.shape
    bscans = "1 B-scan" if n_bscans == 1 else f"{n_bscans} B-scans"
    return f"{bscans} of {depth} × {width} px"


def _row(one: ClassQuantity) -> dict[str, Any]:
    row: dict[str, Any] = {
        "class": one.label_class.name,
        "class_index": one.class_index,
        **_figures(one.predicted, ""),
    }
    if one.true is not None:
        row |= _figures(one.true, "true_")
        row |= {"percent_difference": one.percent_difference, "dice": one.dice}
    return row


def _figures(amount: Amount, prefix: str) -> dict[str, float]:
    return {f"{prefix}{name}": value for name, value in vars(amount).items()}
