"""Choose which B-scans to segment."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)


class RangePicker(QWidget):
    """The whole volume, the B-scan on screen, or a range of B-scans.

    B-scans are numbered as on napari's slider: the first one is 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all_button = QRadioButton("Whole volume")
        self.one_button = QRadioButton("Only the B-scan on screen")
        self.range_button = QRadioButton("B-scans")
        self.all_button.setChecked(True)
        self.from_box = QSpinBox()
        self.to_box = QSpinBox()
        for box in (self.from_box, self.to_box):
            box.setToolTip("Numbered as on the slider below the image: 0 is the first")
            box.valueChanged.connect(self._on_number)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.range_button)
        row.addWidget(self.from_box)
        row.addWidget(QLabel("to"))
        row.addWidget(self.to_box)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.all_button)
        layout.addWidget(self.one_button)
        layout.addLayout(row)
        self._n_bscans = 1

    def show_volume(self, n_bscans: int) -> None:
        """Offer the B-scans of another volume."""
        self._n_bscans = n_bscans
        # One B-scan leaves nothing to choose.
        self.setVisible(n_bscans > 1)
        if n_bscans == 1:
            self.all_button.setChecked(True)
        self.all_button.setText(f"Whole volume ({n_bscans} B-scans)")
        for box, value in ((self.from_box, 0), (self.to_box, n_bscans - 1)):
            box.blockSignals(True)
            box.setRange(0, n_bscans - 1)
            box.setValue(value)
            box.blockSignals(False)

    def show_bscan(self, index: int) -> None:
        """Name the B-scan on screen."""
        self.one_button.setText(f"Only the B-scan on screen ({index})")

    def bscans(self, on_screen: int) -> list[int] | None:
        """Indices to segment; None for all of them."""
        if self.one_button.isChecked():
            return [on_screen]
        if self.range_button.isChecked():
            ends = sorted((self.from_box.value(), self.to_box.value()))
            return list(range(ends[0], ends[1] + 1))
        return None

    def _on_number(self, value: int) -> None:
        self.range_button.setChecked(True)
