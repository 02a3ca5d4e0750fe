"""A model's card in a few lines of rich text: to be read within ten seconds."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from napari_octseg.bundles.evidence import thin_training
from napari_octseg.bundles.figures import MEAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score

_MOST_DATA_SETS = 4
"""Columns of Dice that fit into a dock."""
_LONGEST_CLAUSE = 90
_FEW = "*"
_NO_BREAK = "\u00a0"
_MAY_BREAK = "\u200b"


def summary(card: ModelCard, speed: str = "") -> str:
    """What it labels, how well and how fast, its limits, what it was trained on.

    Parameters
    ----------
    card
        Of the model.
    speed
        Measured on this computer; empty before the first run.
    """
    limits = " ".join(part for part in (card.limits, thin_training(card)) if part)
    parts = [
        _first_clause(card.description),
        class_chips(card),
        means_table(card.metrics),
        _titled("Speed here", speed or "not measured yet; the first run will tell"),
        _titled("Limits", limits),
        _titled("Trained on", trained_on(card)),
        _titled("Licence", _first_sentence(card.licence)),
    ]
    return "".join(f"<p style='margin:3px 0'>{part}</p>" for part in parts if part)


def class_chips(card: ModelCard) -> str:
    """Every class behind a square of its colour."""
    # Square and name stay on one line.
    chips = (
        f"<span style='color:{c.colour}'>■</span>{_NO_BREAK}"
        f"{escape(c.name).replace(' ', _NO_BREAK)}"
        for c in card.classes[1:]
    )
    return f"{_NO_BREAK} ".join(chips)


def trained_on(card: ModelCard) -> str:
    """How many images of how many data sets, and how many of them are phantoms."""
    data = card.training.data
    if not data:
        return ""
    real = [d for d in data if not _is_synthetic(d.name, d.synthetic)]
    n_made = sum(d.n_images for d in data) - sum(d.n_images for d in real)
    names = ", ".join(f"{d.name} ({d.n_images})" for d in real)
    made = f"{n_made} synthetic images" if n_made else ""
    return " and ".join(part for part in (names, made) if part)


def means_table(metrics: Sequence[Score]) -> str:
    """For each data set the mean Dice, the ROC-AUC, and what they rest on."""
    scores = [score for score in metrics if score.dice]
    if not scores:
        return _titled("Mean Dice", "not measured")
    with_auc = any(score.roc_auc for score in scores)
    auc_title = ["ROC-AUC"] if with_auc else []
    header = ["", "mean Dice", *auc_title, "images", "patients"]
    rows = []
    for score in scores:
        auc = (
            [", ".join(f"{v:.3f}" for v in score.roc_auc.values())] if with_auc else []
        )
        dice = f"<b>{_mean(score):.2f}</b>"
        rows.append([escape(score.data), dice, *auc, *_counted(score)])
    return _table(header, rows)


def classes_table(card: ModelCard) -> str:
    """Dice of every class, the mean first, on up to four data sets."""
    # Those that rest on most patients say most.
    ranked = sorted(
        (score for score in card.metrics if score.dice),
        key=lambda score: -(score.n_patients or score.n_images),
    )
    kept = ranked[:_MOST_DATA_SETS]
    scores = [score for score in card.metrics if any(score is one for one in kept)]
    if not scores:
        return ""
    names = dict.fromkeys(
        [c.name for c in card.classes[1:]]
        + [name for score in scores for name in score.dice if name != MEAN]
    )
    rows = [["<b>mean</b>", *(f"<b>{_mean(score):.2f}</b>" for score in scores)]]
    for name in names:
        cells = [_dice(score, name) for score in scores]
        if any(cells):
            rows.append([escape(name).replace("+", f"+{_MAY_BREAK}"), *cells])
    table = _table(["", *(escape(score.data) for score in scores)], rows)
    notes = []
    if any(_FEW in cell for row in rows for cell in row):
        notes.append(f"{_FEW} on fewer than three patients.")
    if len(ranked) > len(kept):
        notes.append(f"{len(ranked) - len(kept)} more data sets: see the full card.")
    return table + (f"<p>{' '.join(notes)}</p>" if notes else "")


def _dice(score: Score, name: str) -> str:
    if name not in score.dice:
        return ""
    seen = score.support.get(name)
    return f"{score.dice[name]:.2f}{_FEW if seen is not None and seen.is_thin else ''}"


def _mean(score: Score) -> float:
    return score.dice.get(MEAN, sum(score.dice.values()) / len(score.dice))


def _counted(score: Score) -> tuple[str, str]:
    """On how many images of how many patients a score rests."""
    patients = "?" if score.n_patients is None else str(score.n_patients)
    return str(score.n_images), patients


def _is_synthetic(name: str, synthetic: bool) -> bool:
    return synthetic or name == "phantom"


def _first_clause(text: str) -> str:
    """The description up to its first colon, semicolon or full stop, if not sooner."""
    clause = re.split(r"[:;.](?:\s|$)", text, maxsplit=1)[0]
    if len(clause) > _LONGEST_CLAUSE:
        clause = clause.rsplit(", ", 1)[0]
    return f"{escape(clause)}." if clause else ""


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text, maxsplit=1)[0]


def _titled(title: str, text: str) -> str:
    return f"<b>{title}:</b> {escape(text)}" if text else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        # Names to the left, figures to the right of their columns.
        first, *others = cells
        right = (f"<{tag} align='right'>{cell}</{tag}>" for cell in others)
        return f"<tr><td>{first}</td>{''.join(right)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    head = line([f"<i>{cell}</i>" if cell else "" for cell in header], "td")
    return f"<table cellspacing='0' cellpadding='2' width='100%'>{head}{body}</table>"
