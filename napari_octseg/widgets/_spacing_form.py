"""Spacing in µm: shown with where each value came from, and edited."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from napari_octseg.volume import Origin, Spacing
from napari_octseg.widgets._text import red

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_octseg.volume import OCTVolume

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
        self._titles: dict[str, QLabel] = {}
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
            label = QLabel(title)
            grid.addWidget(label, row, 0)
            self._titles[name] = label
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

    def show_scan(self, volume: OCTVolume) -> None:
        """Show the spacing of a scan; one B-scan has no distance to the next."""
        rows: tuple[Mapping[str, QWidget], ...]
        rows = (self._titles, self.fields, self.origins)
        for parts in rows:
            parts["between_bscans"].setVisible(volume.n_bscans > 1)
        self.show_spacing(volume.spacing)

    def show_spacing(self, spacing: Spacing) -> None:
        """Show other values."""
        self._spacing = spacing
        self.problem.hide()
        for (name, _, _), value, origin in zip(
            _ROWS, spacing, spacing.origins, strict=True
        ):
            self.fields[name].setText("" if value is None else f"{value:.5g}")
            self.origins[name].setText(_ORIGINS.get(origin) or red("unknown"))

    def suggest(self, suggested: Spacing | None, device: str = "") -> None:
        """Offer the usual spacing of a device; None offers nothing."""
        self._suggested = suggested
        self.suggest_button.setVisible(suggested is not None)
        if suggested is not None:
            self.suggest_button.setText(f"Fill in what is usual for {device}")
            self.suggest_button.setToolTip(
                " · ".join("unknown" if v is None else f"{v:.4g} µm" for v in suggested)
            )

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


def _joined(pairs: list[tuple[float | None, Origin]]) -> Spacing:
    (between, first), (axial, second), (lateral, third) = pairs
    return Spacing(between, axial, lateral, (first, second, third))
