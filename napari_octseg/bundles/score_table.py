"""Scores as one long table, for a spreadsheet: a row for each figure."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_octseg.bundles.score import Score

COLUMNS = ("data", "split", "n_images", "n_patients", "name", "figure", "value")


def score_table(scores: Sequence[Score]) -> str:
    """CSV with a header: data set, split, what of, which figure, its value.

    Ends of intervals are the figures ``dice_low`` and ``dice_high``; figures in px and
    µm have their unit as the end of their name.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for score in scores:
        about = (score.data, score.split, score.n_images, score.n_patients or "")
        for name, figure, value in _figures(score):
            writer.writerow([*about, name, figure, value])
    return text.getvalue()


def _figures(score: Score) -> Iterator[tuple[str, str, float]]:
    for field, values in score:
        if not isinstance(values, dict):
            continue
        for name, value in values.items():
            if isinstance(value, tuple):
                yield name, "dice_low", value[0]
                yield name, "dice_high", value[1]
            elif isinstance(value, float | int):
                yield name, field, value
            else:
                yield name, "labelled_images", value.n_images
                yield name, "labelled_patients", value.n_patients
