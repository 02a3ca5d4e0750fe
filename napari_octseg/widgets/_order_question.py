"""Asks whether labels go out although their layers are out of order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable


def ask_about_order(
    parent: QWidget,
    title: str,
    anyway: str,
    n_violations: int,
    then: Callable[[], None],
) -> None:
    """Open a question; `then` is called if the reader goes on all the same.

    Parameters
    ----------
    parent
        Its window is where the question opens.
    title, anyway
        What the reader is about to do, and the button that does it.
    n_violations
        Places where layers cross, at least one.
    then
        What the reader wanted.
    """
    places = "one place" if n_violations == 1 else f"{n_violations} places"
    question = QMessageBox(parent.window())
    question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    question.setIcon(QMessageBox.Icon.Warning)
    question.setWindowTitle(title)
    question.setText(f"Layers are out of order in {places}.")
    question.setInformativeText(
        "“Order of the layers” on the Correct tab lists and repairs them."
    )
    button = question.addButton(anyway, QMessageBox.ButtonRole.AcceptRole)
    question.addButton(QMessageBox.StandardButton.Cancel)
    button.clicked.connect(then)
    question.open()
