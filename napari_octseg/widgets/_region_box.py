"""What can be done to a whole class on one B-scan at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.editing import regions
from napari_octseg.editing.clamping import clamp, clamp_limits
from napari_octseg.errors import EditError, OctsegError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.widgets._grading_view import GradingView

    Change = Callable[[NDArray[np.uint8], int], NDArray[np.uint8]]

_SMOOTH_PX = 2
_GROW_PX = 1


class RegionBox(QWidget):
    """Clamp, smooth, fill, grow and shrink the chosen class on the B-scan on screen."""

    def __init__(self, view: GradingView) -> None:
        super().__init__()
        self._view = view
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.buttons = {
            "clamp": QPushButton("Clamp"),
            "smooth": QPushButton("Smooth"),
            "fill holes": QPushButton("Fill holes"),
            "grow": QPushButton("Grow"),
            "shrink": QPushButton("Shrink"),
        }
        tips = {
            "smooth": "Round off corners and drop specks",
            "fill holes": "Holes inside a piece become part of it",
            "grow": f"Every piece becomes larger by {_GROW_PX} px",
            "shrink": f"Every piece becomes smaller by {_GROW_PX} px",
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.caption)
        grid = QGridLayout()
        grid.setSpacing(4)
        for place, (name, button) in enumerate(self.buttons.items()):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setToolTip(tips.get(name, ""))
            button.clicked.connect(self._doer(name))
            grid.addWidget(button, place // 3, place % 3)
        layout.addLayout(grid)
        view.opened.connect(self._refresh)
        view.class_changed.connect(self._refresh)
        self._refresh()

    def apply(self, name: str) -> None:
        """Do one of the things that the buttons are called after."""
        grading, bscan, index = (
            self._view.grading,
            self._view.bscan,
            self._view.class_index,
        )
        if grading is None:
            return
        class_name = grading.label_set.names[index]
        edit = grading.begin(f"{name} {class_name}")
        try:
            after = self._changed(grading, name)
            edit.set_labels(bscan, 0, 0, after)
            changed = edit.commit()
        except EditError as error:
            edit.cancel()
            self._view.said.emit(str(error))
            return
        except OctsegError as error:
            self._view.failed.emit(error)
            return
        self._view.said.emit(
            f"{_done(name)} {class_name} on B-scan {bscan}."
            if changed
            else f"{class_name} on B-scan {bscan} stays as it is."
        )

    def _changed(self, grading: Grading, name: str) -> NDArray[np.uint8]:
        bscan, index = self._view.bscan, self._view.class_index
        labels = grading.labels[bscan]
        if name == "clamp":
            limits = self._limits(grading)
            if limits is None:
                raise EditError(
                    f"{grading.label_set.names[index]} has no layers here that it"
                    " could be clamped to",
                    todo="draw the boundaries around it first",
                )
            # Where it goes, the edit shows the layers beneath.
            return clamp(labels, index, *limits)
        change: dict[str, Change] = {
            "smooth": lambda x, i: regions.smooth(x, i, _SMOOTH_PX),
            "fill holes": regions.fill_holes,
            "grow": lambda x, i: regions.grow(x, i, _GROW_PX),
            "shrink": lambda x, i: regions.shrink(x, i, _GROW_PX),
        }
        return change[name](labels, index)

    def _limits(
        self, grading: Grading
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        return clamp_limits(
            grading.label_set.names[self._view.class_index],
            grading.boundary_names,
            grading.heights[:, self._view.bscan],
        )

    def _doer(self, name: str) -> Callable[[], None]:
        return lambda: self.apply(name)

    def _refresh(self, _: object = None) -> None:
        grading = self._view.grading
        self.setEnabled(grading is not None)
        if grading is None:
            return
        index = self._view.class_index
        name = grading.label_set.names[index]
        is_layer = index in grading.layers
        self.caption.setText(
            f"{name} is a layer: its boundaries are moved instead."
            if is_layer
            else f"All of {name} on this B-scan:"
        )
        for button in self.buttons.values():
            button.setEnabled(not is_layer)
        if is_layer:
            return
        limits = self._limits(grading)
        clamp = self.buttons["clamp"]
        clamp.setEnabled(limits is not None)
        clamp.setToolTip(
            f"{name} that lies outside the layers where it can be is taken away"
            if limits is not None
            else f"No boundaries are known between which {name} has to lie"
        )


def _done(name: str) -> str:
    return {
        "clamp": "Clamped",
        "smooth": "Smoothed",
        "fill holes": "Filled holes of",
        "grow": "Grew",
        "shrink": "Shrank",
    }[name]
