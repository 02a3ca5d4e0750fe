from __future__ import annotations

import napari
import numpy as np
import pytest
import tifffile

from napari_octseg.errors import ReadError
from napari_octseg.widgets._recent import recent_files
from napari_octseg.widgets.view import run_view

pytestmark = pytest.mark.gui


@pytest.fixture
def windows(make_napari_viewer, monkeypatch) -> list[napari.Viewer]:
    """The windows that were opened; the event loop is not entered."""
    opened: list[napari.Viewer] = []

    def open_one() -> napari.Viewer:
        opened.append(make_napari_viewer())
        return opened[-1]

    monkeypatch.setattr(napari, "Viewer", open_one)
    monkeypatch.setattr(napari, "run", lambda: None)
    return opened


def test_scans_of_the_command_line_are_shown_beside_the_workbench(
    windows, models, tmp_path
):
    path = tmp_path / "eye.tif"
    tifffile.imwrite(path, np.zeros((5, 16, 20), np.uint8))
    run_view([path])
    [viewer] = windows
    assert [layer.name for layer in viewer.layers] == ["eye"]
    assert "Workbench" in viewer.window.dock_widgets
    assert recent_files() == [path]


def test_a_scan_that_cannot_be_opened_leaves_no_window(windows, tmp_path):
    path = tmp_path / "eye.tif"
    path.touch()
    with pytest.raises(ReadError, match="empty"):
        run_view([path])
    assert windows == []
