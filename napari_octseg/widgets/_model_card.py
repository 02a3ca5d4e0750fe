"""What a model labels, how well it does, its limits: in short, and in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.bundles.readme import card_text
from napari_octseg.widgets._card_text import classes_table, summary
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._speed import known_speed

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.registry import Bundle

PICTURE = "thumbnail.png"
"""File of a bundle: a phantom, and beside it what the model makes of it."""
_PICTURE_WIDTH = 330
_PICTURE_HEIGHT = 110


class ModelCardView(Fold):
    """A model's card in short, with a button that shows all of it."""

    def __init__(self) -> None:
        super().__init__("About this model", unfolded=True)
        self.picture = QLabel()
        self.picture.setToolTip("A synthetic scan, and what this model makes of it")
        self.text = _rich_label()
        self.classes_fold = Fold("Dice of each class")
        self.classes_text = _rich_label()
        self.classes_fold.body.addWidget(self.classes_text)
        self.more_button = QPushButton("Full model card…")
        self.more_button.setToolTip("Training data, all figures, licence")
        self.more_button.clicked.connect(self._on_more)
        for widget in (self.picture, self.text, self.classes_fold):
            self.body.addWidget(widget)
        self.body.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._card: ModelCard | None = None
        self.show_bundle(None)

    def show_bundle(self, bundle: Bundle | None) -> None:
        """Show another model, or nothing."""
        card = bundle.card if bundle is not None else None
        self._card = card
        self.setVisible(card is not None)
        if card is None or bundle is None:
            return
        speed = known_speed(card.name)
        self.text.setText(summary(card, "" if speed is None else str(speed)))
        table = classes_table(card)
        self.classes_text.setText(table)
        self.classes_fold.setVisible(bool(table))
        self._show_picture(bundle.folder / PICTURE)

    def fold(self) -> None:
        """Leave the place to the labels; a click unfolds the card again."""
        self.set_unfolded(False)

    def _show_picture(self, path: Path) -> None:
        # Not every bundle has one: those of one's own have none.
        pixmap = QPixmap(str(path)) if path.is_file() else QPixmap()
        self.picture.setVisible(not pixmap.isNull())
        if not pixmap.isNull():
            self.picture.setPixmap(
                pixmap.scaled(
                    _PICTURE_WIDTH,
                    _PICTURE_HEIGHT,
                    Qt.AspectRatioMode.KeepAspectRatio,
                    Qt.TransformationMode.SmoothTransformation,
                )
            )

    def _on_more(self) -> None:
        if self._card is not None:
            ModelCardDialog(self.window(), self._card).open()


class ModelCardDialog(QDialog):
    """The whole card as a page."""

    def __init__(self, parent: QWidget, card: ModelCard) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Model card: {card.title}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(640, 640)
        self.page = QTextBrowser()
        self.page.setOpenExternalLinks(True)
        self.page.setMarkdown(card_text(card))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.page)
        layout.addWidget(buttons)


def _rich_label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.RichText)
    return label
