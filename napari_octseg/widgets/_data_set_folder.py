"""The ground-truth data set that is worked with: one for all tabs, kept."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from qtpy.compat import isalive
from qtpy.QtCore import QObject, Signal

from napari_octseg.errors import WriteError
from napari_octseg.widgets._kept import keep_choice, kept_choice

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_octseg.groundtruth.data_set import DataSet

logger = logging.getLogger(__name__)

_KEY = "data_set"
_all: WeakSet[DataSetFolder] = WeakSet()


class DataSetFolder(QObject):
    """The folder of the data set; every tab has one, and all are of the same folder.

    Signals
    -------
    changed
        Another folder was chosen, or what is in it was changed by a tab.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        kept = kept_choice(_KEY)
        self._folder = Path(kept) if isinstance(kept, str) and kept else None
        _all.add(self)

    @property
    def folder(self) -> Path | None:
        """The data set chosen last; None before the first, or if it is gone."""
        if self._folder is None or not self._folder.is_dir():
            return None
        return self._folder

    @property
    def missing(self) -> Path | None:
        """The folder chosen last, if it is not there any more."""
        return self._folder if self.folder is None else None

    def open(self) -> DataSet | None:
        """The data set in the folder; None without one.

        Raises
        ------
        OctsegError
            If the folder holds no data set that can be read.
        """
        from napari_octseg.groundtruth.data_set import DataSet

        return None if self.folder is None else DataSet.open(self.folder)

    def choose(self, folder: Path) -> None:
        """Work with this data set, in all tabs and after a restart."""
        try:
            keep_choice(_KEY, str(folder.resolve()))
        except WriteError as error:
            # It is chosen for now; only the next start will not know.
            logger.warning("the data set cannot be remembered: %s", error)
        for one in _living():
            one._folder = folder.resolve()
        self.touch()

    def touch(self) -> None:
        """Tell all tabs that the data set has other content."""
        for one in _living():
            one.changed.emit()


def _living() -> list[DataSetFolder]:
    """Those whose tab Qt has not deleted."""
    return [one for one in list(_all) if isalive(one)]
