"""A plain table of which only some rows are seen at once."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_octseg.widgets._plain_table import PlainTable

_MOST_ROWS = 8


class ShortTable(PlainTable):
    """As high as its rows, up to eight."""

    def __init__(self) -> None:
        super().__init__()
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def fit_height(self) -> None:
        """Be as high as the rows that are seen; call it when they are filled in."""
        super().fit_height()
        hidden = range(_MOST_ROWS, self.rowCount())
        self.setFixedHeight(self.height() - sum(self.rowHeight(row) for row in hidden))
