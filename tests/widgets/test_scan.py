from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from napari_octseg.boundaries import Boundaries
from napari_octseg.io.napari_hooks import volume_layers
from napari_octseg.volume import OCTVolume, Origin
from napari_octseg.widgets._layers import add_scan, facts_of
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets.scan import ScanWidget

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def scan(viewer) -> ScanWidget:
    widget = ScanWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Scan")
    return widget


def type_into(qtbot, field, text: str) -> None:
    field.clear()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def test_a_file_is_opened_by_the_button_and_remembered(
    qtbot, viewer, scan, tmp_path, monkeypatch
):
    path = tmp_path / "eye.tif"
    tifffile.imwrite(path, np.zeros((5, 16, 20), np.uint8))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    qtbot.mouseClick(scan.opener.file_button, LEFT)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=10_000)
    qtbot.waitUntil(scan.opener.file_button.isEnabled)
    assert "5 B-scans of 20 × 16 px" in scan.facts.values["Size"].text()
    scan.opener.recent_menu.aboutToShow.emit()
    assert [a.text() for a in scan.opener.recent_menu.actions()] == ["eye.tif"]


def test_an_empty_file_gives_a_message_and_leaves_the_viewer_as_it_was(
    qtbot, viewer, scan, tmp_path
):
    path = tmp_path / "empty.vol"
    path.touch()
    scan.opener.open_path(path)
    qtbot.waitUntil(scan.opener.file_button.isEnabled, timeout=10_000)
    [message] = scan.window().findChildren(ErrorMessage)
    assert "empty.vol is empty" in message.text.text()
    message.close()
    assert len(viewer.layers) == 0


def test_a_sample_is_one_click_away(qtbot, viewer, scan, volume, monkeypatch):
    from napari_octseg.phantom import PhantomSettings

    small = PhantomSettings(shape=(2, 64, 64))
    monkeypatch.setattr("napari_octseg.phantom.sample.SAMPLE", small)
    scan.opener.sample_menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=30_000)
    assert "Spectralis" in scan.facts.values["Device"].text()


def test_opening_can_be_given_up(qtbot, viewer, scan, monkeypatch):
    from napari_octseg.engine.progress import Progress

    may_end = threading.Event()

    def slow(path):
        while not may_end.wait(0.01):
            yield Progress(0, 1)
        return volume_layers(OCTVolume(np.zeros((2, 8, 8), np.uint8)), "slow")

    monkeypatch.setattr("napari_octseg.widgets._opener.reading_steps", slow)
    scan.opener.open_path(Path("slow.vol"))
    assert "slow.vol" in scan.opener.progress_view.label.text()
    qtbot.waitUntil(scan.opener.cancel_button.isVisible)
    qtbot.mouseClick(scan.opener.cancel_button, LEFT)
    assert scan.opener.file_button.isEnabled()
    may_end.set()
    assert len(viewer.layers) == 0


def test_editing_the_spacing_changes_volume_scale_units_and_scale_bar(
    qtbot, viewer, scan
):
    layer = add_scan(viewer, OCTVolume(np.zeros((4, 16, 20), np.uint8)))
    bar = viewer.canvas.overlays.scale_bar
    assert not bar.visible
    assert "unknown" in scan.spacing_form.origins["axial"].text()
    type_into(qtbot, scan.spacing_form.fields["axial"], "3.87")
    type_into(qtbot, scan.spacing_form.fields["lateral"], "11.5")
    assert bar.visible
    type_into(qtbot, scan.spacing_form.fields["between_bscans"], "120")
    volume = facts_of(layer)["volume"]
    assert tuple(volume.spacing) == (120, 3.87, 11.5)
    assert set(volume.spacing.origins) == {Origin.USER}
    assert tuple(layer.scale) == (120, 3.87, 11.5)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    type_into(qtbot, scan.spacing_form.fields["lateral"], "")
    assert tuple(layer.scale) == (1, 1, 1)
    assert not bar.visible


def test_an_image_opened_by_napari_becomes_a_volume(viewer, scan):
    image = viewer.add_image(
        np.zeros((4, 16, 20), np.uint16), scale=(0.1, 0.004, 0.01), units="mm"
    )
    volume = facts_of(image)["volume"]
    assert volume.shape == (4, 16, 20)
    assert tuple(volume.spacing) == pytest.approx((100, 4, 10))
    assert "unknown" in scan.facts.values["Eye"].text()


def test_a_colour_picture_becomes_one_grey_bscan(viewer, scan):
    image = viewer.add_image(np.full((16, 20, 3), 90, np.uint8), rgb=True)
    volume = facts_of(image)["volume"]
    assert volume.shape == (1, 16, 20)
    assert volume.data.max() == 90


def test_the_panel_shows_what_replaced_the_pixels(viewer, scan, volume):
    layer = add_scan(viewer, volume)
    layer.data = np.zeros((3, 16, 20), np.uint8)
    assert "3 B-scans of 20 × 16 px" in scan.facts.values["Size"].text()
    assert "changed in napari" in scan.facts.notes.text()
    assert scan.spacing_form.fields["axial"].text() == "4"


def test_the_panel_follows_the_active_scan(qtbot, viewer, scan, volume):
    add_scan(viewer, volume)
    other = add_scan(viewer, OCTVolume(np.zeros((2, 8, 8), np.uint8)))
    assert scan.scan_chooser.layer is other
    viewer.layers.selection.active = viewer.layers[0]
    assert "5 B-scans" in scan.facts.values["Size"].text()
    viewer.layers.clear()
    assert scan.scan_chooser.layer is None
    assert scan.facts_box.isHidden()


def test_boundaries_of_the_device_follow_the_slider(qtbot, viewer, scan):
    heights = np.arange(3, dtype=np.float32)[None, :, None] + np.zeros((2, 1, 20))
    volume = OCTVolume(
        np.zeros((3, 16, 20), np.uint8),
        spacing_um=(100.0, 2.0, 10.0),
        boundaries=Boundaries(("ILM", "BM"), heights.astype(np.float32)),
    )
    add_scan(viewer, volume)
    viewer.dims.set_current_step(0, 0)
    qtbot.mouseClick(scan.boundary_switch, LEFT, pos=near_box(scan.boundary_switch))
    overlay = viewer.layers[-1]
    assert overlay.ndim == 2
    assert set(overlay.data[:, 0, 0]) == {0.0}
    viewer.dims.set_current_step(0, 2)
    assert set(overlay.data[:, 0, 0]) == {4.0}
    viewer.layers.remove(overlay)
    assert not scan.boundary_switch.isChecked()


def near_box(switch) -> QPoint:
    return QPoint(10, switch.height() // 2)


def test_everything_fits_into_the_dock(qtbot, viewer, scan, volume):
    add_scan(viewer, OCTVolume(volume.data))
    content = scan.scroll_area.widget()
    qtbot.waitUntil(lambda: scan.facts_box.isVisible())
    assert content.minimumSizeHint().width() <= scan.scroll_area.viewport().width()


def test_a_closed_dock_hears_nothing_any_more(viewer, scan, volume):
    viewer.window.remove_dock_widget(scan)
    add_scan(viewer, volume)
    assert scan.scan_chooser.layer is None
    scan.deleteLater()
