"""Findings of a data set that labels know nothing of: somebody says there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_octseg.widgets._text import amber
from napari_octseg.widgets._text_labels import wrapped_label

if TYPE_CHECKING:
    from collections.abc import Sequence


class AbsentFindings(QWidget):
    """Asks whether such findings are nowhere; hidden where there are none to ask for.

    Until somebody says so, background is no ground truth: such a finding may lie there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self.note = wrapped_label()
        self.none_box = QCheckBox("There is none on these B-scans")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.note)
        layout.addWidget(self.none_box)
        self.none_box.toggled.connect(self._tell)
        self.hide()

    @property
    def none_of(self) -> tuple[str, ...]:
        """Findings that, as somebody says, are nowhere."""
        return self._names if self.none_box.isChecked() else ()

    def ask(self, names: Sequence[str]) -> None:
        """Ask for other findings; what was said of the same ones stays."""
        if tuple(names) != self._names:
            self.clear()
            self._names = tuple(names)
        self.setVisible(bool(names))
        self._tell()

    def clear(self) -> None:
        """Nothing is said any more: other labels are shown."""
        self.none_box.setChecked(False)

    def _tell(self, _: bool = False) -> None:
        known = f"The data set also has {', '.join(self._names)}, which these labels "
        if self.none_box.isChecked():
            self.note.setText(
                f"{known}do not: models will learn that there is none here."
            )
        else:
            self.note.setText(
                amber(
                    f"{known}do not tell from background: the background counts as not "
                    "graded."
                )
            )
