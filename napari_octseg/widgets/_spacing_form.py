"""Spacing in µm: shown with where each value came from, and edited."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from napari_octseg.volume import Origin, Spacing
from napari_octseg.widgets._text import red

if TYPE_CHECKING:
    from collections.abc import Callable

_ROWS = (
    ("between_bscans", "Between B-scans", "Distance from one B-scan to the next"),
    ("axial", "Axial (depth)", "Height of one pixel of a B-scan, in tissue"),
    ("lateral", "Lateral", "Distance from one A-scan to the next"),
)
_ORIGINS = {
    Origin.FILE: "from the file",
    Origin.DERIVED: "derived",
    Origin.DEFAULT: "device default",
    Origin.USER: "entered by you",
}


class SpacingForm(QWidget):
    """Three fields in µm; an empty field is an unknown spacing.

    Signals
    -------
    edited
        The `Spacing` after an edit by the user.
    """

    edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._spacing = Spacing()
        self._suggested: Spacing | None = None
        self.fields: dict[str, QLineEdit] = {}
        self.origins: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        for row, (name, title, tip) in enumerate(_ROWS):
            field = QLineEdit()
            field.setToolTip(f"{tip}, in µm; leave empty if it is unknown")
            field.setPlaceholderText("?")
            field.setFixedWidth(72)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.editingFinished.connect(self._committer(name))
            origin = QLabel()
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(field, row, 1)
            grid.addWidget(origin, row, 2)
            self.fields[name] = field
            self.origins[name] = origin
        grid.setColumnStretch(2, 1)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.hide()
        grid.addWidget(self.problem, len(_ROWS), 0, 1, 3)
        self.suggest_button = QPushButton()
        self.suggest_button.clicked.connect(self._on_suggest)
        self.suggest_button.hide()
        grid.addWidget(self.suggest_button, len(_ROWS) + 1, 0, 1, 3)

    def show_spacing(self, spacing: Spacing) -> None:
        """Show the spacing of a scan."""
        self._spacing = spacing
        self.problem.hide()
        for (name, _, _), value, origin in zip(
            _ROWS, spacing, spacing.origins, strict=True
        ):
            self.fields[name].setText("" if value is None else f"{value:.5g}")
            self.origins[name].setText(_ORIGINS.get(origin) or red("unknown"))

    def suggest(self, suggested: Spacing | None, reason: str = "") -> None:
        """Offer values for the unknown fields; None offers nothing."""
        merged = None if suggested is None else _filled(self._spacing, suggested)
        self._suggested = merged if merged != self._spacing else None
        self.suggest_button.setVisible(self._suggested is not None)
        self.suggest_button.setText("Fill in the usual values of the device")
        self.suggest_button.setToolTip(reason)

    def _committer(self, name: str) -> Callable[[], None]:
        return lambda: self._on_edited(name)

    def _on_edited(self, name: str) -> None:
        text = self.fields[name].text().strip()
        position = [row[0] for row in _ROWS].index(name)
        old = tuple(self._spacing)[position]
        if text == ("" if old is None else f"{old:.5g}"):
            self.problem.hide()
            return
        value = _parsed(text)
        if text and value is None:
            self.problem.setText(red(f"“{text}” is not a number of µm above 0."))
            self.problem.show()
            return
        self._commit(_with(self._spacing, position, value))

    def _on_suggest(self) -> None:
        if self._suggested is not None:
            self._commit(self._suggested)

    def _commit(self, spacing: Spacing) -> None:
        self.show_spacing(spacing)
        self.edited.emit(spacing)


def _parsed(text: str) -> float | None:
    """A positive number, with point or comma; None if it is none."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _with(spacing: Spacing, position: int, value: float | None) -> Spacing:
    pairs = list(zip(spacing, spacing.origins, strict=True))
    pairs[position] = (value, Origin.UNKNOWN if value is None else Origin.USER)
    return _joined(pairs)


def _filled(spacing: Spacing, suggested: Spacing) -> Spacing:
    """The known values of `spacing`, and suggested ones for the others."""
    pairs = [
        (own, origin) if own is not None else (other, other_origin)
        for own, origin, other, other_origin in zip(
            spacing, spacing.origins, suggested, suggested.origins, strict=True
        )
    ]
    return _joined(pairs)


def _joined(pairs: list[tuple[float | None, Origin]]) -> Spacing:
    (between, first), (axial, second), (lateral, third) = pairs
    return Spacing(between, axial, lateral, (first, second, third))
