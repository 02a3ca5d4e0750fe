"""The window with the Workbench, on scans named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari
from qtpy.QtWidgets import QApplication

from napari_octseg.io.napari_hooks import read_layers
from napari_octseg.widgets._layers import add_layers
from napari_octseg.widgets._recent import remember
from napari_octseg.widgets.workbench import WorkbenchWidget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run_view(files: Sequence[Path]) -> None:
    """Open napari with the Workbench and these scans, until the window is closed.

    Raises
    ------
    ReadError
        If one of them cannot be opened; no window is left behind then.
    """
    scans = [read_layers(str(file)) for file in files]
    for file in reversed(files):
        remember(file)
    viewer = napari.Viewer()
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench", area="right")
    # Scans are fitted to the canvas, whose size is known once the dock is laid out.
    QApplication.processEvents()
    for layers in scans:
        add_layers(viewer, layers)
    napari.run()
