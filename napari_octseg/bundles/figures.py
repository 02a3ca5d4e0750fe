"""Figures of a score as tables of text, the same for every way of showing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_octseg.bundles.score import Confusion, Score

MEAN = "mean"
_FREQUENT = 0.05
_MOST_CONFUSIONS = 5


@dataclass(frozen=True)
class FigureTable:
    """A table: what each column is, and rows of text whose first cell is a name."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def figure_tables(score: Score) -> list[FigureTable]:
    """Overlap, vessels, boundaries: what there is of them."""
    tables = (overlap_table(score), pixel_table(score), boundary_table(score))
    return [table for table in tables if table.rows]


def overlap_table(score: Score) -> FigureTable:
    """Dice, its interval, IoU, precision, recall, and where each class is labelled."""
    intervals = {
        name: f"{low:.3f} – {high:.3f}"
        for name, (low, high) in score.dice_interval.items()
    }
    seen = score.support
    return _table(
        "class",
        {
            "Dice": _three(score.dice),
            "95 % interval": intervals,
            "mean of patients": _three(score.dice_by_patient),
            "IoU": _three(score.iou),
            "precision": _three(score.precision),
            "recall": _three(score.recall),
            "images": {name: str(one.n_images) for name, one in seen.items()},
            "patients": {name: str(one.n_patients) for name, one in seen.items()},
        },
    )


def pixel_table(score: Score) -> FigureTable:
    """How well pixels are told apart, for models that map vessels."""
    if not score.roc_auc:
        return FigureTable((), ())
    known = score.roc_auc
    return _table(
        "class",
        {
            "ROC-AUC": {name: f"{v:.4f}" for name, v in known.items()},
            "average precision": _three(score.average_precision),
            "accuracy": _three(score.accuracy),
            "sensitivity": _three({n: score.recall[n] for n in known}),
            "specificity": _three(score.specificity),
            "F1": _three({n: score.dice[n] for n in known}),
        },
    )


def boundary_table(score: Score) -> FigureTable:
    """Mean absolute error, 95th percentile and bias of each boundary.

    Where a boundary was not found everywhere, also the share of columns they rest on.
    """
    columns: dict[str, dict[str, str]] = {}
    for unit, digits, mae, p95, bias in (
        ("px", 2, *_boundary_parts(score, "px")),
        ("µm", 1, *_boundary_parts(score, "um")),
    ):
        columns |= {
            f"mean absolute error, {unit}": _fixed(mae, digits),
            f"95 % within, {unit}": _fixed(p95, digits),
            f"bias, {unit}": {name: f"{v:+.{digits}f}" for name, v in bias.items()},
        }
    shares = score.boundary_judged
    if any(share < 1 for share in shares.values()):
        columns["found in"] = {name: percent(share) for name, share in shares.items()}
    return _table("boundary", columns)


def confusion_table(confusion: Confusion) -> FigureTable:
    """Of the pixels of each label, the share (%) that was given each class."""
    rows = []
    for name, counts in zip(confusion.labelled, confusion.n_pixels, strict=True):
        total = sum(counts)
        shares = (f"{100 * n / total:.1f}" if total else "" for n in counts)
        rows.append((name, *shares))
    return FigureTable(("label", *confusion.predicted), tuple(rows))


def frequent_confusions(score: Score) -> str:
    """The mistakes that matter, as a sentence; empty if there are none."""
    if score.confusion is None:
        return ""
    table = score.confusion
    mistakes = [
        (n / sum(counts), name, predicted)
        for name, counts in zip(table.labelled, table.n_pixels, strict=True)
        for predicted, n in zip(table.predicted, counts, strict=True)
        if n and predicted not in name.split("+")
    ]
    worst = sorted((m for m in mistakes if m[0] >= _FREQUENT), reverse=True)
    if not worst:
        return ""
    parts = [
        f"{name} for {predicted} ({100 * share:.0f} %)"
        for share, name, predicted in worst[:_MOST_CONFUSIONS]
    ]
    return f"Taken for something else, of the labelled pixels: {', '.join(parts)}."


def seen_in(score: Score) -> str:
    """On how many images of how many patients a score rests."""
    images = f"{score.n_images} {'image' if score.n_images == 1 else 'images'}"
    if score.n_patients is None:
        return images
    return f"{images} of {score.n_patients} " + (
        "patient" if score.n_patients == 1 else "patients"
    )


def percent(share: float) -> str:
    """`87.12 %` of a share of four digits."""
    return f"{100 * share:.4g} %"


def _boundary_parts(
    score: Score, unit: str
) -> tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]:
    if unit == "px":
        return score.boundary_mae_px, score.boundary_p95_px, score.boundary_bias_px
    return score.boundary_mae_um, score.boundary_p95_um, score.boundary_bias_um


def _three(values: Mapping[str, float]) -> dict[str, str]:
    return _fixed(values, 3)


def _fixed(values: Mapping[str, float], digits: int) -> dict[str, str]:
    return {name: f"{value:.{digits}f}" for name, value in values.items()}


def _table(of: str, columns: Mapping[str, Mapping[str, str]]) -> FigureTable:
    """Columns that have anything, a row for each name in the order of the first one."""
    kept = {title: values for title, values in columns.items() if values}
    names = list(dict.fromkeys(name for values in kept.values() for name in values))
    rows = tuple(
        (name, *(values.get(name, "") for values in kept.values())) for name in names
    )
    return FigureTable((of, *kept), rows)
