"""The classes: which one is painted, which are locked, which are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.widgets._glyphs import eye_icon, lock_icon
from napari_octseg.widgets._layers import dress
from napari_octseg.widgets._legend import swatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.editing.grading import Grading
    from napari_octseg.labels import LabelClass
    from napari_octseg.widgets._grading_view import GradingView

_ONE_COLUMN_UP_TO = 4
_ICON = 14


class ClassRow(QWidget):
    """One class: a button to choose it, its lock and its eye."""

    def __init__(self, one: LabelClass, key: str) -> None:
        super().__init__()
        name = one.name if one.long_name in ("", one.name) else one.long_name
        self.choose_button = QPushButton(one.name)
        self.choose_button.setCheckable(True)
        self.choose_button.setStyleSheet(
            "QPushButton { text-align: left; padding: 2px 4px; }"
            "QPushButton:!checked { background: transparent; }"
        )
        self.choose_button.setIcon(swatch(one.colour))
        self.choose_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.choose_button.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )
        self.choose_button.setToolTip(f"{name}: paint this class")
        self.key_label = QLabel(key)
        self.key_label.setToolTip(f"Key {key}" if key else "No key")
        self.key_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.key_label.setFixedWidth(18)
        self.lock_button = _button()
        self.lock_button.setAccessibleName(f"lock {one.name}")
        self.eye_button = _button()
        self.eye_button.setChecked(True)
        self.eye_button.setAccessibleName(f"show {one.name}")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(1)
        row.addWidget(self.choose_button, 1)
        row.addWidget(self.key_label)
        row.addWidget(self.lock_button)
        row.addWidget(self.eye_button)
        self.name = one.name
        self.lock_button.toggled.connect(self._show_lock)
        self.eye_button.toggled.connect(self._show_eye)
        self._show_lock(False)
        self._show_eye(True)

    def _show_lock(self, locked: bool) -> None:
        self.lock_button.setIcon(lock_icon(closed=locked))
        self.lock_button.setToolTip(
            f"{self.name} is locked: no tool takes it away or gives it. Click to unlock"
            if locked
            else f"Lock {self.name}: no tool will change it"
        )

    def _show_eye(self, shown: bool) -> None:
        self.eye_button.setIcon(eye_icon(is_open=shown))
        self.eye_button.setToolTip(
            f"Hide {self.name} in the picture" if shown else f"Show {self.name} again"
        )


class ClassPalette(QGroupBox):
    """All classes of the grading that is open, background left out."""

    def __init__(self, view: GradingView) -> None:
        super().__init__("Classes")
        self._view = view
        self.rows: dict[int, ClassRow] = {}
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(view.choose_class)
        self._content: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(6, 4, 6, 4)
        view.opened.connect(self.show_grading)
        view.class_changed.connect(self._on_class)
        self.show_grading(view.grading)

    def show_grading(self, grading: Grading | None) -> None:
        """List the classes of another grading, or of none."""
        if self._content is not None:
            self._content.setParent(None)
            self._content.deleteLater()
            self._content = None
        self.rows = {}
        self.setVisible(grading is not None)
        if grading is None:
            return
        self._content = QWidget()
        grid = QGridLayout(self._content)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(0)
        shown = list(enumerate(grading.label_set.classes))[1:]
        n_columns = 1 if len(shown) <= _ONE_COLUMN_UP_TO else 2
        n_rows = -(-len(shown) // n_columns)
        for place, (index, one) in enumerate(shown):
            row = ClassRow(one, f"{index}" if index <= 9 else "")
            row.lock_button.setChecked(index in grading.locked_classes)
            row.lock_button.toggled.connect(self._locker(index))
            row.eye_button.toggled.connect(self._show_colours)
            self._group.addButton(row.choose_button, index)
            grid.addWidget(row, place % n_rows, place // n_rows)
            self.rows[index] = row
        for column in range(n_columns):
            grid.setColumnStretch(column, 1)
        self._layout.addWidget(self._content)
        self._on_class(self._view.class_index)

    def step(self, by: int) -> None:
        """Choose the class so many places later; after the last comes the first."""
        indices = list(self.rows)
        if not indices:
            return
        now = self._view.class_index
        place = indices.index(now) if now in indices else -1 if by > 0 else 0
        self._view.choose_class(indices[(place + by) % len(indices)])

    def choose(self, class_index: int) -> None:
        """Choose a class, if there is one of this index."""
        if class_index in self.rows:
            self._view.choose_class(class_index)

    def _on_class(self, class_index: int) -> None:
        row = self.rows.get(class_index)
        if row is not None:
            row.choose_button.setChecked(True)

    def _locker(self, class_index: int) -> Callable[[bool], None]:
        def lock(locked: bool) -> None:
            grading = self._view.grading
            if grading is None:
                return
            if locked:
                grading.locked_classes.add(class_index)
            else:
                grading.locked_classes.discard(class_index)

        return lock

    def _show_colours(self, _: bool = True) -> None:
        """A hidden class is wholly transparent; its pixels stay what they are."""
        layer, grading = self._view.labels_layer, self._view.grading
        if layer is None or grading is None:
            return
        dress(layer, grading.label_set)
        colours = dict(layer.colormap.color_dict)
        for index, row in self.rows.items():
            if not row.eye_button.isChecked():
                colours[index] = (*colours[index][:3], 0.0)
        layer.colormap = DirectLabelColormap(color_dict=colours)
        # napari shows the colour of the selected label in its own controls.
        layer.selected_label = self._view.class_index


def _button() -> QToolButton:
    button = QToolButton()
    button.setAutoRaise(True)
    button.setCheckable(True)
    button.setIconSize(QSize(_ICON, _ICON))
    # A click leaves the keys with the picture; the Tab key gets here.
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
