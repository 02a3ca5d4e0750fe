from __future__ import annotations

import re
import threading

import numpy as np
import pytest
import tifffile
from napari.layers import Layer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_octseg.engine.progress import Progress
from napari_octseg.labels import IGNORE
from napari_octseg.volume import OCTVolume, Origin, Spacing
from napari_octseg.widgets._layers import add_scan, facts_of, note, set_spacing
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets.segment import SegmentWidget

pytestmark = pytest.mark.gui
TITLE = "Tiny net"
LEFT = Qt.MouseButton.LeftButton
ENGINE = "napari_octseg.engine.inference.iter_segment"


@pytest.fixture
def segment(viewer, models) -> SegmentWidget:
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    return widget


@pytest.fixture
def scan(viewer, volume):
    return add_scan(viewer, volume, "eye")


def run(qtbot, segment) -> None:
    qtbot.mouseClick(segment.run_button, LEFT)
    assert segment.is_busy
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=60_000)


def labels_of(viewer):
    return [layer for layer in viewer.layers if "label_set" in facts_of(layer)]


class Held:
    """An engine that stops after the first B-scan until it may go on."""

    def __init__(self, monkeypatch) -> None:
        from napari_octseg.engine.inference import iter_segment

        self._real = iter_segment
        self.may_go_on = threading.Event()
        self.was_cleaned = threading.Event()
        monkeypatch.setattr(ENGINE, self.steps)

    def steps(self, *args, **options):
        try:
            steps = self._real(*args, **{**options, "batch_size": 1})
            while True:
                progress = next(steps)
                yield progress
                # Cancelled at a yield, and no flood of them.
                while progress.done == 1 and not self.may_go_on.wait(0.01):
                    yield progress
        except StopIteration as end:
            return end.value
        finally:
            self.was_cleaned.set()


def test_run_fills_a_labels_layer_and_says_how_it_went(qtbot, viewer, segment, scan):
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    assert labels.name == f"eye – {TITLE}"
    assert labels.data.shape == (5, 32, 48)
    assert labels.data.dtype == np.uint8
    assert set(np.unique(labels.data)) <= {0, 1, 2}
    assert tuple(labels.scale) == tuple(scan.scale)
    facts = facts_of(labels)
    assert facts["model"] == "tiny-net"
    assert facts["segmentation"].labels is labels.data
    assert facts["volume"] is facts_of(scan)["volume"]
    assert re.fullmatch(
        rf"5 B-scans in \d+\.\d s with {TITLE} \(version 1\) on CPU, \d+ threads?",
        segment.status.text(),
    )
    assert "mm²" in segment.labels_view.class_table.item(0, 1).text()
    assert segment.run_button.isEnabled()
    assert labels.editable
    assert viewer.layers.selection.active is not labels


def test_hovering_names_the_class(qtbot, viewer, segment, scan):
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    labels.data[...] = 1
    status = labels.get_status((0, 40, 100), dims_displayed=[1, 2], world=True)
    assert "RNFL (retinal nerve fibre layer)" in status["value"]


def test_the_bscan_on_screen_comes_first(qtbot, viewer, segment, scan, monkeypatch):
    held = Held(monkeypatch)
    viewer.dims.set_current_step(0, 3)
    qtbot.mouseClick(segment.run_button, LEFT)
    qtbot.waitUntil(lambda: len(labels_of(viewer)) == 1, timeout=60_000)
    [labels] = labels_of(viewer)
    done = [i for i in range(5) if (labels.data[i] != IGNORE).all()]
    assert done == [3]
    assert "B-scan 1 of 5" in segment.progress_view.label.text()
    assert not labels.editable
    held.may_go_on.set()
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=60_000)
    assert (labels.data != IGNORE).all()


def test_only_the_bscan_on_screen(qtbot, viewer, segment, scan):
    viewer.dims.set_current_step(0, 1)
    button = segment.range_picker.one_button
    assert "(1)" in button.text()
    qtbot.mouseClick(button, LEFT, pos=QPoint(8, button.height() // 2))
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    graded = [bool((bscan != IGNORE).any()) for bscan in labels.data]
    assert graded == [False, True, False, False, False]


def test_a_second_run_adds_its_bscans_to_the_layer_of_the_first(
    qtbot, viewer, segment, scan
):
    for index in (1, 4):
        viewer.dims.set_current_step(0, index)
        segment.range_picker.one_button.setChecked(True)
        run(qtbot, segment)
    [labels] = labels_of(viewer)
    graded = [bool((bscan != IGNORE).any()) for bscan in labels.data]
    assert graded == [False, True, False, False, True]
    heights = facts_of(labels)["segmentation"].boundaries.heights
    assert np.isnan(heights[:, 0]).all()


def test_a_range_is_segmented_with_both_ends(qtbot, viewer, segment, scan):
    segment.range_picker.from_box.setValue(3)
    segment.range_picker.to_box.setValue(2)
    assert segment.range_picker.range_button.isChecked()
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    graded = [bool((bscan != IGNORE).any()) for bscan in labels.data]
    assert graded == [False, False, True, True, False]


def test_labels_edited_by_hand_are_never_overwritten(qtbot, viewer, segment, scan):
    run(qtbot, segment)
    [first] = labels_of(viewer)
    first.paint((0, 5, 5), 2)
    edited = first.data.copy()
    run(qtbot, segment)
    assert len(labels_of(viewer)) == 2
    assert (first.data == edited).all()


def test_undo_brings_nothing_old_into_a_new_prediction(qtbot, viewer, segment, scan):
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    labels.paint((0, 5, 5), 2)
    note(labels, edited=False)  # so that the same layer is filled again
    run(qtbot, segment)
    assert labels_of(viewer) == [labels]
    fresh = labels.data.copy()
    labels.undo()
    assert (labels.data == fresh).all()


def test_out_of_memory_gives_the_button_back(qtbot, viewer, segment, scan, monkeypatch):
    def failing(*args, **options):
        yield Progress(0, 5, "loading")
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(ENGINE, failing)
    run(qtbot, segment)
    assert segment.run_button.isEnabled()
    assert not segment.cancel_button.isEnabled()
    assert "error" in segment.status.text()
    [message] = segment.window().findChildren(ErrorMessage)
    assert "out of memory" in message.text.text()
    message.close()


@pytest.mark.parametrize("way", ["button", "escape"])
def test_cancel_cleans_up_and_keeps_what_is_done(
    qtbot, viewer, segment, scan, monkeypatch, way
):
    held = Held(monkeypatch)
    qtbot.mouseClick(segment.run_button, LEFT)
    qtbot.waitUntil(lambda: len(labels_of(viewer)) == 1, timeout=60_000)
    if way == "button":
        qtbot.mouseClick(segment.cancel_button, LEFT)
    else:
        # Without a window manager nothing else makes a window the active one.
        QApplication.setActiveWindow(segment.window())
        qtbot.keyClick(segment.window(), Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=10_000)
    assert held.was_cleaned.is_set()
    [labels] = labels_of(viewer)
    assert labels.editable
    assert "1 B-scan" in segment.status.text()
    assert segment.run_button.isEnabled()


def test_removing_the_scan_while_running_drops_the_run(
    qtbot, viewer, segment, scan, monkeypatch
):
    held = Held(monkeypatch)
    qtbot.mouseClick(segment.run_button, LEFT)
    qtbot.waitUntil(lambda: len(labels_of(viewer)) == 1, timeout=60_000)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=10_000)
    assert held.was_cleaned.is_set()
    assert len(viewer.layers) == 0
    assert not segment.run_button.isEnabled()


def test_closing_the_dock_while_running_is_safe(
    qtbot, viewer, segment, scan, monkeypatch
):
    held = Held(monkeypatch)
    qtbot.mouseClick(segment.run_button, LEFT)
    qtbot.waitUntil(lambda: len(labels_of(viewer)) == 1, timeout=60_000)
    viewer.window.remove_dock_widget(segment)
    segment.deleteLater()
    qtbot.waitUntil(held.was_cleaned.is_set, timeout=10_000)
    [labels] = labels_of(viewer)
    qtbot.waitUntil(lambda: labels.editable, timeout=10_000)
    viewer.dims.set_current_step(0, 0)


def test_overlays_show_boundaries_and_doubt(qtbot, viewer, segment, scan):
    run(qtbot, segment)
    view = segment.labels_view
    for switch in (view.boundary_switch, view.unsure_switch):
        assert switch.isEnabled()
        switch.setChecked(True)
    assert len(viewer.layers) == 4
    strip = viewer.layers[-1]
    assert strip.data.shape == (5, 1, 48)
    bottom = strip.translate[1] + strip.scale[1] / 2
    assert bottom < -scan.scale[1] / 2
    # Overlays are no scans.
    assert [layer.name for layer in segment.scan_chooser.layers] == ["eye"]
    viewer.layers.remove(labels_of(viewer)[0])
    assert [layer.name for layer in viewer.layers] == ["eye"]


def test_a_single_picture_gets_two_dimensional_labels(qtbot, viewer, segment):
    viewer.add_image(np.zeros((32, 48), np.uint8), name="picture")
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    assert labels.data.shape == (32, 48)
    assert "px" in segment.labels_view.class_table.item(0, 1).text()


def test_labels_are_saved_by_the_button(
    qtbot, viewer, segment, scan, tmp_path, monkeypatch
):
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    path = tmp_path / "labels.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    button = segment.labels_view.save_button
    qtbot.mouseClick(button, LEFT)
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    assert (tifffile.imread(path) == labels.data).all()
    assert segment.labels_view.saver.message.text() == "Saved labels.tif"
    path = tmp_path / "labels.docx"
    qtbot.mouseClick(button, LEFT)
    qtbot.waitUntil(button.isEnabled, timeout=10_000)
    [message] = segment.window().findChildren(ErrorMessage)
    assert "docx" in message.text.text()
    message.close()


def test_a_spacing_edited_while_the_model_loads_is_that_of_the_labels(
    qtbot, viewer, segment, scan, monkeypatch
):
    from napari_octseg.engine.inference import iter_segment

    may_load = threading.Event()

    def slow(*args, **options):
        steps = iter_segment(*args, **options)
        yield next(steps)
        while not may_load.wait(0.01):
            yield Progress(0, 5, "loading")
        return (yield from steps)

    monkeypatch.setattr(ENGINE, slow)
    qtbot.mouseClick(segment.run_button, LEFT)
    spacing = Spacing.of((120.0, 8.0, 20.0), Origin.USER)
    set_spacing(viewer, scan, spacing)
    may_load.set()
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=60_000)
    [labels] = labels_of(viewer)
    assert facts_of(labels)["volume"].spacing == spacing
    assert tuple(labels.scale) == (120, 8, 20)
    run(qtbot, segment)
    assert labels_of(viewer) == [labels]


def test_a_duplicate_of_the_labels_is_neither_filled_nor_marked(
    qtbot, viewer, segment, scan
):
    run(qtbot, segment)
    [first] = labels_of(viewer)
    data, state, kind = first.as_layer_data_tuple()
    # As "Duplicate Selected Layers" does.
    copy = Layer.create(data.copy(), {**state, "name": "copy"}, kind)
    viewer.add_layer(copy)
    copy.data[...] = 2
    first.paint((0, 5, 5), 2)
    assert facts_of(first)["edited"]
    assert "edited" not in facts_of(copy)
    run(qtbot, segment)
    assert len(labels_of(viewer)) == 3
    assert (copy.data == 2).all()


def test_undo_brings_the_areas_back(qtbot, viewer, segment, scan):
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    viewer.dims.set_current_step(0, 0)
    table = segment.labels_view.class_table

    def areas() -> list[str]:
        return [table.item(row, 1).text() for row in range(table.rowCount())]

    def true_areas() -> list[float]:
        return [float((labels.data[0] == index).sum() * 40e-6) for index in (1, 2)]

    def is_right() -> bool:
        shown = [float(text.split()[0]) for text in areas()]
        return shown == pytest.approx(true_areas(), abs=1e-3)

    before = labels.data.copy()
    # The class that is rare there, so that its area really changes.
    there = before[0, 5:26, 10:31]
    rare = 1 if (there == 1).sum() < (there == 2).sum() else 2
    labels.brush_size = 30
    labels.paint((0, 15, 20), 3 - rare)
    labels.paint((0, 15, 20), rare)
    assert (labels.data != before).any()
    qtbot.waitUntil(is_right)
    painted = areas()
    labels.undo()
    labels.undo()
    assert (labels.data == before).all()
    qtbot.waitUntil(is_right)
    undone = areas()
    assert undone != painted
    labels.redo()
    qtbot.waitUntil(is_right)


def test_pixels_replaced_while_running_stop_the_run(
    qtbot, viewer, segment, scan, monkeypatch
):
    held = Held(monkeypatch)
    qtbot.mouseClick(segment.run_button, LEFT)
    qtbot.waitUntil(lambda: len(labels_of(viewer)) == 1, timeout=60_000)
    scan.data = 255 - scan.data
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=10_000)
    assert held.was_cleaned.is_set()
    assert "replaced" in segment.status.text()
    assert segment.result is None


def test_a_broken_model_is_grey_and_says_why(segment):
    picker = segment.model_picker
    texts = [picker.itemText(i) for i in range(picker.count())]
    assert texts == ["broken-net – cannot be used", TITLE]
    item = picker.model().item(0)
    assert not item.isEnabled()
    assert "card.json" in item.toolTip()
    assert picker.card.name == "tiny-net"
    assert "Knows nothing." in segment.card_view.text.text()


def test_without_a_scan_the_panel_says_what_to_do(segment, viewer, volume):
    assert not segment.run_button.isEnabled()
    assert "Open a scan" in segment.status.text()
    add_scan(viewer, volume)
    assert segment.run_button.isEnabled()
    assert segment.status.text() == ""


def test_devices_are_found_when_the_list_is_opened(qtbot, segment):
    picker = segment.device_picker
    assert picker.count() == 1
    picker.showPopup()
    qtbot.waitUntil(lambda: picker.is_filled, timeout=60_000)
    picker.hidePopup()
    assert picker.findData("cpu") > 0
    assert picker.device == "auto"


def test_everything_fits_into_the_dock(qtbot, viewer, segment, scan):
    run(qtbot, segment)
    segment.labels_view.boundary_switch.setChecked(True)
    content = segment.scroll_area.widget()
    assert content.minimumSizeHint().width() <= segment.scroll_area.viewport().width()


def test_a_volume_with_unknown_spacing_has_no_scale_bar(viewer, segment, volume):
    bar = viewer.canvas.overlays.scale_bar
    add_scan(viewer, volume)
    assert bar.visible
    add_scan(viewer, OCTVolume(volume.data))
    assert not bar.visible
