"""Choose where a model runs."""

from __future__ import annotations

import sys

from qtpy.QtGui import QStandardItem, QStandardItemModel

from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._tasks import RunningTask, as_task

_LOOKING = "looking for devices…"


class DevicePicker(NarrowComboBox):
    """Automatic at first; the devices found are added when the list is opened.

    Finding them needs torch, whose import takes seconds: a worker does it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addItem("Automatic: the fastest one", "auto")
        self._task: RunningTask | None = None
        self.is_filled = False

    @property
    def device(self) -> str:
        """Name for `engine.device.choose_device`."""
        return str(self.currentData() or "auto")

    def fill(self) -> None:
        """Look for devices, unless it was done before."""
        if self.is_filled or self._task is not None:
            return
        task = RunningTask(as_task(_find_devices, _LOOKING), "Looking for devices")
        task.succeeded.connect(self._on_found)
        task.ended.connect(self._on_ended)
        self._task = task
        task.start()

    def showPopup(self) -> None:
        """Open the list; the first time it grows while it is open."""
        if not self.is_filled and self.count() == 1:
            item = QStandardItem(_LOOKING)
            item.setEnabled(False)
            model = self.model()
            if isinstance(model, QStandardItemModel):
                model.appendRow(item)
        self.fill()
        super().showPopup()

    def _on_found(self, devices: list[tuple[str, str]]) -> None:
        was_open = self.view().isVisible()
        chosen = self.device
        self.clear()
        for name, text in devices:
            self.addItem(text, name)
        self.setCurrentIndex(max(self.findData(chosen), 0))
        self.is_filled = True
        if was_open:
            super().showPopup()

    def _on_ended(self) -> None:
        self._task = None


def describe(device: str) -> str:
    """A device in words, if torch is there to ask; its name otherwise."""
    if "torch" not in sys.modules:
        return device
    from napari_octseg.engine.device import describe_device

    return describe_device(device)


def _find_devices() -> list[tuple[str, str]]:
    """Names and descriptions of the devices of this computer."""
    from napari_octseg.engine.device import available_devices, describe_device

    found = []
    for name in available_devices():
        text = describe_device(name)
        found.append((name, text[:1].upper() + text[1:]))
    return found
