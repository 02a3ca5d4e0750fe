"""Errors as messages for people: cause, what to do, and details to copy."""

from __future__ import annotations

import logging
import platform
import traceback
from dataclasses import dataclass

import napari
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QStyle,
    QVBoxLayout,
    QWidget,
)

import napari_octseg
from napari_octseg.errors import OctsegError
from napari_octseg.widgets._text import stopped

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Explanation:
    """What happened and what helps, in sentences."""

    cause: str
    allowed: str = ""
    todo: str = ""


def explain(error: BaseException) -> Explanation:
    """An exception in words of the person in front of the screen."""
    if isinstance(error, OctsegError):
        return Explanation(error.got, error.allowed, error.todo)
    if isinstance(error, FileNotFoundError):
        return Explanation(
            f"{error.filename} is not there any more", todo="look where it was moved to"
        )
    if isinstance(error, PermissionError):
        return Explanation(
            f"{error.filename} may not be read or written",
            todo="ask for the permission, or choose another folder",
        )
    if isinstance(error, MemoryError):
        return Explanation(
            "The memory of this computer is full",
            todo="close other volumes and programs, then try again",
        )
    return Explanation(
        f"Something unexpected happened ({type(error).__name__}: {error})",
        todo="press Copy details and send them to the authors of napari-octseg",
    )


def details(error: BaseException) -> str:
    """Versions and traceback, for a report."""
    versions = (
        f"napari-octseg {napari_octseg.__version__}, napari {napari.__version__}, "
        f"Python {platform.python_version()}, {platform.platform()}"
    )
    return versions + "\n\n" + "".join(traceback.format_exception(error))


class ErrorMessage(QDialog):
    """A message about one error."""

    def __init__(self, parent: QWidget, error: BaseException) -> None:
        super().__init__(parent)
        self.error = error
        self.setWindowTitle("That did not work")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        explanation = explain(error)
        self.text = QLabel(_as_text(explanation))
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setMinimumWidth(380)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        sign = QLabel()
        icon = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        sign.setPixmap(icon.pixmap(32, 32))
        buttons = QDialogButtonBox()
        self.copy_button = buttons.addButton(
            "Copy details", QDialogButtonBox.ButtonRole.ActionRole
        )
        self.close_button = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        self.close_button.setDefault(True)
        self.copy_button.clicked.connect(self._on_copy)
        buttons.rejected.connect(self.reject)

        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.text, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(buttons)

    def _on_copy(self) -> None:
        QApplication.clipboard().setText(details(self.error))
        self.copy_button.setText("Copied")


def show_error(parent: QWidget, error: BaseException) -> ErrorMessage:
    """Show a message about an error over the window of `parent`; does not wait for it.

    The traceback goes to the log.
    """
    logger.error("shown to the user: %s", error, exc_info=error)
    message = ErrorMessage(parent.window(), error)
    message.open()
    return message


def _as_text(explanation: Explanation) -> str:
    paragraphs = [stopped(explanation.cause)]
    if explanation.allowed:
        paragraphs.append(f"Possible: {stopped(explanation.allowed)}")
    if explanation.todo:
        paragraphs.append(f"What to do: {stopped(explanation.todo)}")
    return "\n\n".join(paragraphs)
