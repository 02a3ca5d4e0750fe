"""What a model labels, what it was trained on, how well it does, and its limits."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.bundles.evidence import honest_limits
from napari_octseg.bundles.figures import MEAN, seen_in
from napari_octseg.bundles.readme import card_text

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score


class ModelCardView(QWidget):
    """A model's card in short, with a button that shows all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.fold_button = QToolButton()
        self.fold_button.setText("About this model")
        self.fold_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold_button.setAutoRaise(True)
        self.fold_button.setCheckable(True)
        self.fold_button.toggled.connect(self._on_fold)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.more_button = QPushButton("Full model card…")
        self.more_button.setToolTip("Training data, figures per class, licence")
        self.more_button.clicked.connect(self._on_more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.fold_button)
        layout.addWidget(self.text)
        layout.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._card: ModelCard | None = None
        self.fold_button.setChecked(True)
        self.show_card(None)

    def show_card(self, card: ModelCard | None) -> None:
        """Show another model, or nothing."""
        self._card = card
        self.setVisible(card is not None)
        if card is not None:
            self.text.setText(summary(card))

    def fold(self) -> None:
        """Leave the place to the labels; a click unfolds the card again."""
        self.fold_button.setChecked(False)

    def _on_fold(self, unfolded: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self.fold_button.setArrowType(arrow)
        self.text.setVisible(unfolded)
        self.more_button.setVisible(unfolded)

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


def summary(card: ModelCard) -> str:
    """The card in a few lines of rich text."""
    limits = honest_limits(card)
    classes = ", ".join(c.name for c in card.classes[1:])
    data = "; ".join(f"{d.name} ({d.n_images})" for d in card.training.data)
    scores = "<br>".join(_score(score) for score in card.metrics if score.dice)
    parts = [
        ("", card.description),
        ("Labels", classes),
        ("Trained on", data),
        ("Limits", limits),
    ]
    lines = [
        f"<p>{f'<b>{title}:</b> ' if title else ''}{escape(text)}</p>"
        for title, text in parts
        if text
    ]
    if scores:
        lines.insert(-1 if limits else len(lines), f"<p><b>How well:</b> {scores}</p>")
    return "".join(lines)


def _score(score: Score) -> str:
    mean = score.dice.get(MEAN, sum(score.dice.values()) / len(score.dice))
    parts = [f"mean Dice {mean:.2f}"]
    parts += [f"ROC-AUC {value:.3f}" for value in score.roc_auc.values()]
    return escape(
        f"{', '.join(parts)} on {score.data}, {score.split} ({seen_in(score)})"
    )
