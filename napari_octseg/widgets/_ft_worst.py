"""The held-out B-scans that a candidate is worst at, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.widgets._ft_pictures import PictureGrid, labelled, rows_with_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.engine.finetuning.worst import WorstBscan
    from napari_octseg.labels import LabelSet


class WorstView(QWidget):
    """Image, truth, before and after of one B-scan; arrows step to the next."""

    def __init__(self) -> None:
        super().__init__()
        self._bscans: tuple[WorstBscan, ...] = ()
        self._label_set: LabelSet | None = None
        self.index = 0
        self.back_button, self.next_button = QToolButton(), QToolButton()
        for button, text, tip in (
            (self.back_button, "◀", "The one that is worse"),
            (self.next_button, "▶", "The next one"),
        ):
            button.setText(text)
            button.setToolTip(tip)
        self.enlarge_button = QPushButton("Enlarge")
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.grid = PictureGrid(2)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.back_button)
        row.addWidget(self.next_button)
        row.addWidget(self.caption, 1)
        row.addWidget(self.enlarge_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.grid)
        self.back_button.clicked.connect(self._on_back)
        self.next_button.clicked.connect(self._on_next)
        self.enlarge_button.clicked.connect(self._on_enlarge)

    def show_bscans(
        self, bscans: Sequence[WorstBscan], label_set: LabelSet | None
    ) -> None:
        """Show these, the worst first."""
        self._bscans, self._label_set = tuple(bscans), label_set
        self.setVisible(bool(bscans) and label_set is not None)
        self.show_bscan(0)

    def show_bscan(self, index: int) -> None:
        """Show one of them."""
        if not self._bscans or self._label_set is None:
            self.grid.show_pictures([])
            return
        self.index = index % len(self._bscans)
        one = self._bscans[self.index]
        rows = rows_with_labels(one.truth, one.before, one.after)
        titled = (
            ("B-scan", None),
            ("truth", one.truth),
            (f"before, Dice {one.dice_before:.2f}", one.before),
            (f"after, Dice {one.dice_after:.2f}", one.after),
        )
        self.caption.setText(
            f"Worst {self.index + 1} of {len(self._bscans)}: {one.name}"
        )
        self.grid.caption = self.caption.text()
        self.grid.show_pictures(
            [
                (
                    title,
                    labelled(
                        one.image[rows],
                        None if labels is None else labels[rows],
                        self._label_set,
                    ),
                )
                for title, labels in titled
            ]
        )
        for button in (self.back_button, self.next_button):
            button.setEnabled(len(self._bscans) > 1)

    def _on_enlarge(self) -> None:
        self.grid.enlarge()

    def _on_back(self) -> None:
        self.show_bscan(self.index - 1)

    def _on_next(self) -> None:
        self.show_bscan(self.index + 1)
