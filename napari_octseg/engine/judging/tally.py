"""Collect what a model says of one data set, and make its score of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import labels_to_boundaries
from napari_octseg.bundles.score import Confusion, Score, Support
from napari_octseg.engine.judging.bootstrap import patient_interval
from napari_octseg.engine.judging.boundary_errors import BoundaryError, BoundaryErrors
from napari_octseg.engine.judging.confusion import count_pixels, dice_of, overlap_counts
from napari_octseg.engine.judging.layer_codes import layer_codes
from napari_octseg.engine.judging.roc import count_by_threshold
from napari_octseg.engine.metrics import Overlap
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_octseg.engine.data.datasets import CodeTable


@dataclass(frozen=True, eq=False)
class Judged:
    """A prediction and the labels of the same image.

    Attributes
    ----------
    patient
        Whose image it is.
    codes
        (rows, columns) uint8, numbered by the `CodeTable`, `IGNORE` where unlabelled.
    labels
        (rows, columns) uint8 class indices of the model.
    heights
        (n_boundaries, columns) float32 px from the top, for a model with layers.
    axial_um
        µm per row, None where unknown.
    probabilities
        (n_classes, rows, columns) float32; ROC and PR are computed if it is given.
    """

    patient: str
    codes: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    heights: NDArray[np.float32] | None = None
    axial_um: float | None = None
    probabilities: NDArray[np.float32] | None = None


class Tally:
    """Sums over the images of one data set.

    Parameters
    ----------
    table
        What the labels of the data set mean.
    classes
        Names of the model's classes, in index order.
    layers
        Those of them that are layers, top to bottom.
    """

    def __init__(
        self, table: CodeTable, classes: Sequence[str], layers: Sequence[str] = ()
    ) -> None:
        self._table = table
        self._classes = tuple(classes)
        self._names = table.names
        self._n_pixels: dict[str, NDArray[np.int64]] = {}
        self._n_images = 0
        self._n_labelled = np.zeros(len(self._names), np.int64)
        self._layers = layer_codes(table, classes, layers)
        self._errors = BoundaryErrors(len(self._layers.boundaries))
        # For each code, of every image: probability and truth of its labelled pixels.
        self._ranked: dict[int, list[tuple[NDArray[np.float32], NDArray[np.bool_]]]]
        self._ranked = {}

    def add(self, judged: Judged) -> None:
        """Add one image."""
        n_codes, n_classes = len(self._names), len(self._classes)
        new = count_pixels(judged.labels, judged.codes, n_classes, n_codes)
        old = self._n_pixels.get(judged.patient)
        self._n_pixels[judged.patient] = new if old is None else old + new
        self._n_images += 1
        self._n_labelled += new.sum(1) > 0
        if judged.heights is not None and self._layers.codes:
            true = labels_to_boundaries(judged.codes[None], self._layers.codes)[:, 0]
            own = judged.heights[list(self._layers.boundaries)]
            self._errors.add(own, true, judged.axial_um)
        if judged.probabilities is not None:
            self._rank(judged.codes, judged.probabilities)

    def score(self, data: str, split: str) -> Score:
        """The figures of all images so far; names and what they mean: see `Score`."""
        each = np.stack(list(self._n_pixels.values()))
        pooled = each.sum(0)
        counts = overlap_counts(each, self._table.membership)
        total = counts.sum(0)
        # What neither side has cannot be judged, and the background says little.
        shown = [c for c in range(1, len(self._names)) if total[c, 1:].any()]
        names = [self._names[c] for c in shown]
        overlaps = [Overlap(*map(int, total[c])) for c in shown]
        specificity, accuracy = self._told_apart(pooled, total, shown)
        return Score(
            data=data,
            split=split,
            n_images=self._n_images,
            n_patients=len(each),
            dice=_named(names, [o.dice for o in overlaps], mean=True),
            dice_interval=_intervals(names, counts[:, shown]),
            dice_by_patient=_by_patient(names, counts[:, shown]),
            iou=_named(names, [o.iou for o in overlaps], mean=True),
            precision=_named(names, [o.precision for o in overlaps], mean=True),
            recall=_named(names, [o.recall for o in overlaps], mean=True),
            support={
                self._names[c]: Support(
                    n_images=int(self._n_labelled[c]),
                    n_patients=int((each[:, c].sum(-1) > 0).sum()),
                )
                for c in shown
            },
            **self._boundary_figures(),
            **self._areas(),
            specificity=specificity,
            accuracy=accuracy,
            confusion=Confusion(
                labelled=self._names,
                predicted=self._classes,
                n_pixels=tuple(tuple(map(int, row)) for row in pooled),
            ),
        )

    def _rank(
        self, codes: NDArray[np.uint8], probabilities: NDArray[np.float32]
    ) -> None:
        counted = codes != IGNORE
        if not counted.any():
            return
        for code in range(1, len(self._names)):
            member = np.asarray(self._table.membership[code])
            chance = probabilities[member].sum(0)[counted]
            parts = self._ranked.setdefault(code, [])
            parts.append((chance, codes[counted] == code))

    def _areas(self) -> dict[str, Any]:
        """ROC-AUC and average precision of each code that occurs."""
        roc, pr = {}, {}
        for code, parts in self._ranked.items():
            chance, is_true = (np.concatenate(p) for p in zip(*parts, strict=True))
            if is_true.any() and not is_true.all():
                counts = count_by_threshold(chance, is_true)
                roc[self._names[code]] = round(counts.roc_auc, 4)
                pr[self._names[code]] = round(counts.average_precision, 4)
        return {"roc_auc": roc, "average_precision": pr}

    def _told_apart(
        self,
        pooled: NDArray[np.int64],
        total: NDArray[np.int64],
        shown: Sequence[int],
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Specificity and accuracy of each code, for models that give probabilities."""
        if not self._ranked:
            return {}, {}
        n = int(pooled.sum())
        specificity, accuracy = {}, {}
        for code in shown:
            both, predicted, true = map(int, total[code])
            n_right = n - true - (predicted - both)  # of the pixels of other labels
            if n > true:
                specificity[self._names[code]] = round(n_right / (n - true), 4)
            accuracy[self._names[code]] = round((both + n_right) / n, 4)
        return specificity, accuracy

    def _boundary_figures(self) -> dict[str, Any]:
        shares = zip(self._layers.names, self._errors.judged(), strict=True)
        figures: dict[str, Any] = {
            "boundary_judged": {
                name: round(share, 4) for name, share in shares if share is not None
            }
        }
        units = (("px", self._errors.in_px(), 3), ("um", self._errors.in_um(), 2))
        for unit, errors, digits in units:
            found: list[tuple[str, BoundaryError]] = [
                (name, error)
                for name, error in zip(self._layers.names, errors, strict=True)
                if error is not None
            ]
            for part in ("mae", "p95", "bias"):
                figures[f"boundary_{part}_{unit}"] = {
                    name: round(getattr(error, part), digits) for name, error in found
                }
        return figures


def support_of(
    labelled: Iterable[tuple[str, NDArray[np.uint8]]], table: CodeTable
) -> dict[str, Support]:
    """In how many images, of how many patients, each name of a data set is labelled.

    Parameters
    ----------
    labelled
        Patient and codes of each image.
    table
        What the codes mean; the background is not counted.
    """
    n_images = [0] * len(table.names)
    patients: list[set[str]] = [set() for _ in table.names]
    for patient, codes in labelled:
        for code in np.unique(codes[codes != IGNORE]):
            n_images[code] += 1
            patients[code].add(patient)
    return {
        name: Support(n_images=n_images[code], n_patients=len(patients[code]))
        for code, name in enumerate(table.names)
        if code
    }


def _named(
    names: Sequence[str], values: Sequence[float], *, mean: bool = False
) -> dict[str, float]:
    """Names and rounded values, with their mean in front if it is wanted."""
    if not names:
        return {}
    first = {"mean": round(float(np.mean(values)), 4)} if mean else {}
    rounded = (round(float(value), 4) for value in values)
    return {**first, **dict(zip(names, rounded, strict=True))}


def _with_mean(dice: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, n_codes) → (…, 1 + n_codes): the mean over those that occur, and each."""
    occurs = ~np.isnan(dice)
    with np.errstate(invalid="ignore"):
        mean = np.where(occurs, dice, 0).sum(-1) / occurs.sum(-1)
    return np.concatenate([mean[..., None], dice], axis=-1)


def _intervals(
    names: Sequence[str], counts: NDArray[np.int64]
) -> dict[str, tuple[float, float]]:
    """Bootstrap interval of the mean Dice and of each, from (patients, codes, 3)."""
    ends = patient_interval(counts, lambda added: _with_mean(dice_of(added)))
    if ends is None or not names:
        return {}
    return {
        name: (round(float(low), 4), round(float(high), 4))
        for name, (low, high) in zip(["mean", *names], ends, strict=True)
    }


def _by_patient(names: Sequence[str], counts: NDArray[np.int64]) -> dict[str, float]:
    """Mean over the patients in whom either side has the class."""
    dice = dice_of(counts)
    return _named(names, [float(np.nanmean(column)) for column in dice.T], mean=True)
