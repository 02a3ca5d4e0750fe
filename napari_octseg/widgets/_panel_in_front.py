"""Bring another panel of the window forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from qtpy.QtWidgets import QTabWidget, QWidget

from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._window import main_window

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

P = TypeVar("P", bound=Panel)


def panel_in_front(
    viewer: napari.Viewer, asker: QWidget, kind: Callable[..., P], name: str
) -> P:
    """The panel of a kind in this window, in front of the other tabs.

    Parameters
    ----------
    viewer
        The viewer; without such a panel, in the Workbench or of its own, it gets one.
    asker
        Any widget of its window.
    kind
        Class of the panel.
    name
        Title of a new dock.
    """
    window = main_window(asker) or asker.window()
    found = window.findChildren(kind)
    panel: P = found[0] if found else kind(viewer)
    if not found:
        viewer.window.add_dock_widget(panel, name=name, area="right")
    parent: QWidget | None = panel
    while parent is not None:
        holder = parent.parentWidget()
        tabs = holder.parentWidget() if holder is not None else None
        if isinstance(tabs, QTabWidget):
            tabs.setCurrentWidget(parent)
        parent = holder
    return panel
