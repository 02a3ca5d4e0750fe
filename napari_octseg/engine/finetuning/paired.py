"""Two models on the same scans: their figures, and how sure the difference is."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.bundles.score import FEW_PATIENTS
from napari_octseg.engine.finetuning.gate import MEAN, ClassChange, Interval
from napari_octseg.engine.judging.bootstrap import patient_interval
from napari_octseg.engine.judging.confusion import dice_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.bundles.score import Score
    from napari_octseg.engine.data.datasets import CodeTable
    from napari_octseg.engine.judging.layer_codes import LayerCodes

FEWEST_BSCANS = 5
"""B-scans of one patient are alike: fewer say nothing about the next one."""


@dataclass(eq=False)
class OneModel:
    """What one model reached on the scans of a source.

    Attributes
    ----------
    score
        Its figures, for the card and the boundaries.
    knows
        (n_codes,): whether the model has a class that the code stands for.
    counts
        For each B-scan (n_codes, 3): pixels as `overlap_counts` gives them.
    """

    knows: NDArray[np.bool_]
    counts: list[NDArray[np.int64]] = field(default_factory=list)
    score: Score | None = None


@dataclass(frozen=True)
class Changes:
    """Figures of the classes of a source and of their mean, and what was drawn anew."""

    classes: tuple[ClassChange, ...]
    mean: ClassChange | None
    unit: str

    @property
    def rows(self) -> tuple[ClassChange, ...]:
        """The mean, if there is one, and the classes."""
        return (*([self.mean] if self.mean else []), *self.classes)


def compare(
    source: str,
    table: CodeTable,
    patients: Sequence[str],
    before: OneModel,
    after: OneModel,
    limits: LayerCodes,
) -> Changes:
    """Figures of two models on the same B-scans.

    The mean is over the classes that occur in the labels and that both models know, so
    that it is of the same classes for both.

    Parameters
    ----------
    source
        Name of the data set.
    table
        Of its codes, with the classes of the candidate.
    patients
        Of each B-scan.
    before, after
        Parent and candidate, B-scan by B-scan in the same order.
    limits
        Which of the codes are layers, and the boundaries that limit them.
    """
    both = np.stack([np.stack(before.counts), np.stack(after.counts)], axis=1)
    total = both.sum(0)  # (2, n_codes, 3)
    shown = [c for c in range(1, len(table.names)) if total[:, c, 1:].any()]
    known = before.knows & after.knows
    in_mean = np.array([bool(total[1, c, 2]) and bool(known[c]) for c in shown], bool)
    if not shown:
        return Changes((), None, "")
    both = both[:, :, shown]
    dice = _figures(both.sum(0)[None], in_mean)[0]
    unit, units = _units(patients)
    ends = None
    if unit:
        added = np.stack([both[units == u].sum(0) for u in np.unique(units)])
        ends = patient_interval(added, lambda one: _figures(one, in_mean))
    n = len(shown) + 1
    rows = []
    for place, code in enumerate([None, *shown]):
        is_known = code is None or bool(known[code])
        name = MEAN if code is None else table.names[code]
        mae_before, mae_after, unit_of_mae = _boundaries(code, before, after, limits)
        intervals = [_interval(ends, place + n * part) for part in range(3)]
        labelled = both[:, 1, :, 2] if code is None else both[:, 1, place - 1, 2]
        rows.append(
            ClassChange(
                source=source,
                name=name,
                dice_before=_number(dice[place]) if is_known else None,
                dice_after=_number(dice[n + place]),
                interval_before=intervals[0] if is_known else None,
                interval_after=intervals[1],
                interval_change=intervals[2] if is_known else None,
                mae_before=mae_before,
                mae_after=mae_after,
                unit=unit_of_mae,
                n_bscans=int((labelled.reshape(len(both), -1) > 0).any(1).sum()),
            )
        )
    return Changes(tuple(rows[1:]), rows[0] if in_mean.any() else None, unit)


def _units(patients: Sequence[str]) -> tuple[str, NDArray[np.int64]]:
    """What the bootstrap draws, and to which of them each B-scan belongs."""
    names, units = np.unique(np.asarray(patients), return_inverse=True)
    if len(names) >= FEW_PATIENTS:
        return "patient", units
    if len(patients) >= FEWEST_BSCANS:
        return "B-scan", np.arange(len(patients))
    return "", units


def _figures(
    counts: NDArray[np.integer], in_mean: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(n, 2, n_codes, 3) → (n, 3 * (1 + n_codes)): before, after, after − before."""
    dice = dice_of(counts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")
        mean = np.nanmean(np.where(in_mean, dice, np.nan), axis=-1, keepdims=True)
    dice = np.concatenate([mean, dice], axis=-1)
    before, after = dice[:, 0], dice[:, 1]
    return np.concatenate([before, after, after - before], axis=-1)


def _boundaries(
    code: int | None, before: OneModel, after: OneModel, limits: LayerCodes
) -> tuple[float | None, float | None, str]:
    """Mean absolute error of the boundaries of a layer, or of all: both, and unit."""
    if before.score is None or after.score is None:
        return None, None, "µm"
    um = (before.score.boundary_mae_um, after.score.boundary_mae_um)
    px = (before.score.boundary_mae_px, after.score.boundary_mae_px)
    unit, (old, new) = ("µm", um) if any(um) else ("px", px)
    names = limits.names
    if code is not None:
        if code not in limits.codes:
            return None, None, unit
        place = limits.codes.index(code)
        names = names[place : place + 2]
    # Of the same boundaries on both sides, or the two could not be compared.
    names = tuple(name for name in names if name in old and name in new)
    if not names:
        return None, None, unit
    mean_old, mean_new = (float(np.mean([x[n] for n in names])) for x in (old, new))
    return mean_old, mean_new, unit


def _interval(ends: NDArray[np.float64] | None, row: int) -> Interval | None:
    if ends is None or not np.isfinite(ends[row]).all():
        return None
    return float(ends[row][0]), float(ends[row][1])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
