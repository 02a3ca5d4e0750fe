"""What a fine-tuning changed, class by class: before, after, how sure that is."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTableWidgetItem

from napari_octseg.engine.finetuning.gate import MEAN
from napari_octseg.widgets._legend import swatch
from napari_octseg.widgets._plain_table import PlainTable, number_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.engine.finetuning.gate import ClassChange
    from napari_octseg.labels import LabelSet

_UP, _DOWN = "▲", "▼"
_WIDTH = 9  # characters
_SAME_DICE = 0.005
_SAME_ERROR = 0.05


class ChangeTable(PlainTable):
    """A row for each class; an arrow tells where it went."""

    def show_changes(
        self, changes: Sequence[ClassChange], label_set: LabelSet | None
    ) -> None:
        """Fill in the figures.

        Parameters
        ----------
        changes
            One for each class, in index order.
        label_set
            Gives the colours.
        """
        units = [one.unit for one in changes if one.mae_after is not None]
        columns = {
            "class": "",
            "Dice": (
                "Overlap with the truth, before and below it after, with 95 % "
                "intervals: how much it would differ on other patients"
            ),
        }
        if units:
            columns[units[0]] = (
                f"Mean distance of the boundaries from the truth in {units[0]}, before "
                "and below it after"
            )
        self.set_size(len(changes), list(columns))
        for column, meaning in enumerate(columns.values()):
            self.horizontalHeaderItem(column).setToolTip(meaning)
        known = {} if label_set is None else {c.name: c for c in label_set.classes}
        for row, (one, text) in enumerate(zip(changes, _titles(changes), strict=True)):
            is_mean = one.name == MEAN
            name = QTableWidgetItem(text)
            name.setToolTip(f"{one.name}, {one.source}" if one.source else one.name)
            if one.name in known:
                name.setIcon(swatch(known[one.name].colour))
                name.setToolTip(known[one.name].long_name or one.name)
            cells = [_dice_lines(one), _error_lines(one)][: len(columns) - 1]
            self.setItem(row, 0, name)
            for column, text in enumerate(cells, start=1):
                self.setItem(row, column, number_item(text))
            for column in range(len(columns) if is_mean else 0):
                item = self.item(row, column)
                font = item.font()
                font.setBold(True)
                item.setFont(font)
        self.fit_height()


def _titles(changes: Sequence[ClassChange]) -> list[str]:
    """What each row is about; of several data sets, the mean is headed by its name."""
    if len({one.source for one in changes if one.source}) < 2:
        return [_narrow(one.name) for one in changes]
    headed = {one.source for one in changes if one.name == MEAN}
    titles = []
    for one in changes:
        is_head = one.name == MEAN and one.source
        name = "" if is_head else one.name
        source = one.source if is_head or one.source not in headed else ""
        titles.append("\n".join(_narrow(part) for part in (name, source) if part))
    return titles


def _narrow(name: str) -> str:
    """Broken where it can be, for the width that figures with intervals leave."""
    lines = [""]
    for part in re.split("(?<=[+ ])", name):
        if lines[-1] and len((lines[-1] + part).rstrip()) > _WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _arrow(before: float | None, after: float | None, same: float) -> str:
    """Up where it is better, down where it is worse, nothing where it is the same."""
    if before is None or after is None or not math.isfinite(after - before):
        return ""
    if abs(after - before) < same:
        return ""
    return f"{_UP if after > before else _DOWN} "


def _dice_lines(one: ClassChange) -> str:
    arrow = _arrow(one.dice_before, one.dice_after, _SAME_DICE)
    after = f"{arrow}{_dice(one.dice_after, one.interval_after)}"
    return f"{_dice(one.dice_before, one.interval_before)}\n{after}"


def _error_lines(one: ClassChange) -> str:
    # Less is better.
    arrow = _arrow(one.mae_after, one.mae_before, _SAME_ERROR)
    return f"{_length(one.mae_before)}\n{arrow}{_length(one.mae_after)}"


def _dice(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    if interval is None or not all(map(math.isfinite, interval)):
        return f"{value:.2f}"
    return f"{value:.2f} ({interval[0]:.2f}–{interval[1]:.2f})"


def _length(value: float | None) -> str:
    return f"{value:.1f}" if value is not None and math.isfinite(value) else "–"
