from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QWidget

from napari_octseg.errors import ReadError
from napari_octseg.widgets._messages import ErrorMessage, explain, show_error

pytestmark = pytest.mark.gui


def test_a_message_says_cause_and_cure_and_copies_the_details(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    try:
        raise ReadError("scan.tif is empty", todo="export it again")
    except ReadError as error:
        message = show_error(parent, error)
    assert isinstance(message, ErrorMessage)
    assert "scan.tif is empty." in message.text.text()
    assert "What to do: export it again." in message.text.text()
    assert "Traceback" not in message.text.text()
    qtbot.mouseClick(message.copy_button, Qt.MouseButton.LeftButton)
    copied = QApplication.clipboard().text()
    assert "Traceback" in copied
    assert "napari-octseg" in copied
    qtbot.mouseClick(message.close_button, Qt.MouseButton.LeftButton)


def test_unexpected_errors_are_explained_too():
    assert "memory" in explain(MemoryError()).cause
    assert "Copy details" in explain(KeyError("x")).todo
    gone = FileNotFoundError(2, "No such file", "scan.vol")
    assert "scan.vol" in explain(gone).cause
