"""B-scans with labels in colour, side by side, as large as the panel allows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from napari_octseg.labels import LabelSet

_OPACITY = 0.45
_MARGIN = 0.15
_GAP = 4
_TALLEST = 0.75
"""Height of a picture at most, as a share of its width."""
_UNGRADED = (0.35, 0.35, 0.45)


def labelled(
    image: NDArray[np.float32], labels: NDArray[np.uint8] | None, label_set: LabelSet
) -> QImage:
    """A B-scan with its labels over it.

    Parameters
    ----------
    image
        (depth, width) grey values, 0…1.
    labels
        (depth, width) class indices; pixels that nobody graded are bluish. None for
        the B-scan alone.
    label_set
        Gives the colours.
    """
    grey = np.nan_to_num(np.clip(image, 0, 1)).astype(np.float32)
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    if labels is not None:
        table = np.zeros((256, 4), np.float32)
        for index, colour in label_set.colours.items():
            table[index] = *colour[:3], _OPACITY * colour[3]
        table[IGNORE] = *_UNGRADED, _OPACITY
        over = table[labels]
        alpha = over[..., 3:]
        rgb = rgb * (1 - alpha) + over[..., :3] * alpha
    pixels = np.ascontiguousarray((255 * rgb).astype(np.uint8))
    depth, width = grey.shape
    # A copy: the image does not keep the array alive.
    return QImage(
        pixels.data, width, depth, 3 * width, QImage.Format.Format_RGB888
    ).copy()


def rows_with_labels(*labels: NDArray[np.uint8]) -> slice:
    """Rows in which there is something to see, with a margin; all rows if nowhere is.

    Parameters
    ----------
    labels
        (depth, width) class indices of one B-scan.
    """
    depth = len(labels[0])
    shown = [((one > 0) & (one != IGNORE)).any(axis=1) for one in labels]
    rows = np.flatnonzero(np.any(shown, axis=0))
    if not len(rows):
        return slice(0, depth)
    margin = math.ceil(_MARGIN * (rows[-1] - rows[0] + 1))
    return slice(max(int(rows[0]) - margin, 0), min(int(rows[-1]) + margin + 1, depth))


class PictureGrid(QWidget):
    """Pictures of equal size with a title above each; a double click enlarges them."""

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self._n_columns = n_columns
        self.caption = ""
        self.pictures: tuple[tuple[str, QImage], ...] = ()
        self.setToolTip("Double-click to enlarge")

    def show_pictures(self, pictures: Sequence[tuple[str, QImage]]) -> None:
        """Show these, with their titles."""
        self.pictures = tuple(pictures)
        self._fit()
        self.update()

    def enlarge(self) -> QDialog | None:
        """Show the pictures in a window of their own; None without pictures."""
        if not self.pictures:
            return None
        dialog = EnlargedPictures(self)
        dialog.show()
        return dialog

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Enlarge."""
        if self.pictures and not isinstance(self.window(), EnlargedPictures):
            self.enlarge()

    def resizeEvent(self, event: object) -> None:
        """Be as high as the pictures are at this width."""
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw titles and pictures."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(self.palette().windowText().color())
        title_height, (width, height) = self._title_height(), self._size()
        for place, (title, image) in enumerate(self.pictures):
            row, column = divmod(place, self._n_columns)
            left = column * (width + _GAP)
            top = row * (height + title_height + _GAP)
            text = painter.fontMetrics().elidedText(
                title, Qt.TextElideMode.ElideRight, int(width)
            )
            where = QRectF(left, top, width, title_height)
            painter.drawText(where, int(Qt.AlignmentFlag.AlignLeft), text)
            painter.drawImage(QRectF(left, top + title_height, width, height), image)
        painter.end()

    def _size(self) -> tuple[float, float]:
        """Width and height of a picture at the present width of the grid."""
        width = (self.width() - _GAP * (self._n_columns - 1)) / self._n_columns
        if not self.pictures:
            return width, 0.0
        image = self.pictures[0][1]
        ratio = image.height() / max(image.width(), 1)
        return width, width * min(ratio, _TALLEST)

    def _title_height(self) -> int:
        return int(self.fontMetrics().height()) + 2

    def _fit(self) -> None:
        n_rows = math.ceil(len(self.pictures) / self._n_columns)
        height = n_rows * (self._size()[1] + self._title_height() + _GAP)
        self.setFixedHeight(int(height))


class EnlargedPictures(QDialog):
    """The pictures of a grid, in a window that can be made as large as the screen."""

    def __init__(self, grid: PictureGrid) -> None:
        super().__init__(grid.window())
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("B-scans side by side")
        self.grid = PictureGrid(2)
        self.grid.setToolTip("")
        caption = QLabel(grid.caption)
        caption.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(caption)
        layout.addWidget(self.grid)
        layout.addStretch()
        layout.addWidget(buttons)
        self.resize(QSize(1100, 800))
        self.grid.show_pictures(grid.pictures)
