from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Labels, Surface
from qtpy.QtCore import Qt

from napari_octseg.labels import LabelSet
from napari_octseg.measure.opacity import opacity_of
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._layers import add_scan, make_labels_layer
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets.measure import MeasureWidget

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
CLASSES = LabelSet.of("background", "H", "IRF", "PED")
SURFACES = "napari_octseg.widgets._stack_box.iter_surfaces"


@pytest.fixture
def box(viewer):
    panel = MeasureWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Measure")
    yield panel.stack_box
    panel.stack_box.leave()


@pytest.fixture
def labels() -> np.ndarray:
    made = np.zeros((5, 32, 48), np.uint8)
    made[:, 8:28, :] = 1
    made[1:4, 12:20, 10:30] = 2
    return made


def add_labels(viewer, volume, labels) -> Labels:
    image = add_scan(viewer, volume, "eye")
    layer = make_labels_layer(
        labels, volume, CLASSES, image_layer=image, name="eye – net"
    )
    viewer.add_layer(layer)
    return layer


def enter(qtbot, box) -> None:
    qtbot.mouseClick(box.button, LEFT)
    assert box.button.text() == "Cancel"
    qtbot.waitUntil(lambda: not box.is_busy, timeout=30_000)


def surfaces(viewer) -> dict[str, Surface]:
    return {x.name: x for x in viewer.layers if isinstance(x, Surface)}


def test_classes_stand_in_space_with_their_colours_and_opacities(
    qtbot, viewer, box, volume, labels
):
    add_labels(viewer, volume, labels)
    enter(qtbot, box)
    assert viewer.dims.ndisplay == 3
    shown = surfaces(viewer)
    assert set(shown) == {"H", "IRF", "B-scan"}
    for name in ("H", "IRF"):
        layer = shown[name]
        assert layer.opacity == pytest.approx(opacity_of(name)[0])
        expected = CLASSES.classes[CLASSES.index(name)].rgba
        np.testing.assert_allclose(layer.vertex_colors[0], expected, atol=1e-6)
    # 20 rows of 4 µm, 48 columns of 10 µm, and half a B-scan at either end of 4 × 120.
    low, high = (f(shown["H"].data[0], axis=0) for f in (np.min, np.max))
    np.testing.assert_allclose(high - low, [600, 80, 480], rtol=0.03)
    # Tissue is drawn over what it holds, so that this shines through.
    order = [layer.name for layer in viewer.layers]
    assert order.index("B-scan") < order.index("IRF") < order.index("H")
    # Flat layers would stand in the way.
    assert [layer.visible for layer in viewer.layers if layer.name == "eye"] == [False]


def test_the_way_back_restores_what_was_shown(qtbot, viewer, box, volume, labels):
    layer = add_labels(viewer, volume, labels)
    hidden = Labels(labels.copy(), name="hidden", visible=False)
    viewer.add_layer(hidden)
    viewer.layers.selection.active = layer
    viewer.dims.set_current_step(0, 3)
    camera = viewer.scene.camera
    camera.zoom = 0.5
    camera.center = (0.0, 40.0, 200.0)
    before = viewer.dims.current_step, camera.zoom, camera.center
    names = [x.name for x in viewer.layers]
    enter(qtbot, box)
    assert box.button.text() == "Back to the B-scans"
    qtbot.mouseClick(box.button, LEFT)
    assert viewer.dims.ndisplay == 2
    assert [x.name for x in viewer.layers] == names
    assert [x.visible for x in viewer.layers] == [True, True, False]
    assert viewer.layers.selection.active.name == layer.name
    assert (viewer.dims.current_step, camera.zoom) == before[:2]
    np.testing.assert_allclose(camera.center[1:], before[2][1:])
    assert box.button.text() == "Show in 3-D"
    assert box.controls.isHidden()
    # And in again.
    enter(qtbot, box)
    assert set(surfaces(viewer)) == {"H", "IRF", "B-scan"}


def test_the_button_of_napari_leads_back_as_well(qtbot, viewer, box, volume, labels):
    add_labels(viewer, volume, labels)
    enter(qtbot, box)
    viewer.dims.ndisplay = 2
    assert not surfaces(viewer)
    assert box.button.text() == "Show in 3-D"
    assert all(layer.visible for layer in viewer.layers)


def test_the_bscan_on_screen_stands_in_the_stack_and_can_be_moved(
    qtbot, viewer, box, volume, labels
):
    add_labels(viewer, volume, labels)
    viewer.dims.set_current_step(0, 3)
    enter(qtbot, box)
    bscan = surfaces(viewer)["B-scan"]
    assert box.bscan_slider.value() == 3
    assert (bscan.data[0][:, 0] == 360).all()
    # The upper left corner of the picture is where row and column are least.
    np.testing.assert_array_equal(bscan.texture[..., 0], volume.data[3])
    corner = np.argmin(bscan.data[0].sum(axis=1))
    np.testing.assert_array_equal(bscan.texcoords[corner], [0, 1])
    box.bscan_slider.setValue(1)
    assert (bscan.data[0][:, 0] == 120).all()
    np.testing.assert_array_equal(bscan.texture[..., 0], volume.data[1])
    assert box.bscan_label.text() == "B-scan 1"


def test_depth_can_be_stretched(qtbot, viewer, box, volume, labels):
    add_labels(viewer, volume, labels)
    enter(qtbot, box)
    box.stretch_box.setValue(3.0)
    assert all(tuple(x.scale) == (1, 3, 1) for x in surfaces(viewer).values())


def test_an_unknown_spacing_is_drawn_by_a_rule_and_said(
    qtbot, viewer, box, volume, labels
):
    add_labels(viewer, OCTVolume(volume.data), labels)
    enter(qtbot, box)
    assert "distance of B-scans (the field is drawn square)" in box.message.text()
    low, high = (f(surfaces(viewer)["H"].data[0], axis=0) for f in (np.min, np.max))
    size = high - low
    assert size[0] == pytest.approx(size[2], rel=0.05)


def test_labels_without_a_scan_have_surfaces_but_no_bscan(qtbot, viewer, box, labels):
    viewer.add_layer(Labels(labels.astype(np.int32), name="drawn"))
    enter(qtbot, box)
    assert set(surfaces(viewer)) == {"class 1", "class 2"}
    assert box.bscan_slider.isHidden()


def test_empty_labels_are_said(qtbot, viewer, box, labels):
    viewer.add_layer(Labels(labels * 0, name="empty"))
    enter(qtbot, box)
    assert "nothing to show" in box.message.text()
    assert viewer.dims.ndisplay == 2
    assert box.button.isEnabled()


def test_a_single_bscan_has_no_3d_view(viewer, box, labels):
    viewer.add_layer(Labels(labels[0], name="one"))
    assert not box.button.isEnabled()
    assert "single B-scan" in box.message.text()


def test_the_search_can_be_cancelled(qtbot, viewer, box, volume, labels, monkeypatch):
    from napari_octseg.engine.progress import Progress

    closed = threading.Event()

    def endless(*args):
        try:
            while True:
                closed.wait(0.01)
                yield Progress(1, 3, "H")
        finally:
            closed.set()

    monkeypatch.setattr(SURFACES, endless)
    add_labels(viewer, volume, labels)
    qtbot.mouseClick(box.button, LEFT)
    qtbot.waitUntil(lambda: box.progress_view.bar.value() == 1, timeout=10_000)
    qtbot.mouseClick(box.button, LEFT)
    qtbot.waitUntil(lambda: not box.is_busy, timeout=10_000)
    assert closed.is_set()
    assert viewer.dims.ndisplay == 2
    assert box.button.text() == "Show in 3-D"
    assert box.button.isEnabled()


def test_an_error_is_shown_and_gives_the_button_back(
    qtbot, viewer, box, volume, labels, monkeypatch
):
    def broken(*args):
        yield from ()
        raise MemoryError

    monkeypatch.setattr(SURFACES, broken)
    add_labels(viewer, volume, labels)
    enter(qtbot, box)
    [message] = box.window().findChildren(ErrorMessage)
    assert "memory" in message.text.text()
    message.close()
    assert box.button.isEnabled()


def test_layers_removed_meanwhile_do_no_harm(qtbot, viewer, box, volume, labels):
    layer = add_labels(viewer, volume, labels)
    enter(qtbot, box)
    viewer.layers.remove(surfaces(viewer)["IRF"])
    viewer.layers.remove(layer)
    box.stretch_box.setValue(2.0)
    qtbot.mouseClick(box.button, LEFT)
    assert [x.name for x in viewer.layers] == ["eye"]
    assert viewer.dims.ndisplay == 2
    assert not box.button.isEnabled()


def test_closing_the_panel_leads_back(qtbot, viewer, volume, labels):
    panel = MeasureWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Measure")
    add_labels(viewer, volume, labels)
    enter(qtbot, panel.stack_box)
    viewer.window.remove_dock_widget(panel)
    assert viewer.dims.ndisplay == 2
    assert not surfaces(viewer)
    panel.deleteLater()
