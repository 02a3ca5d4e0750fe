from __future__ import annotations

import csv
import threading

import numpy as np
import pytest
from napari.layers import Labels
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._layers import add_scan, make_labels_layer
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets.measure import MeasureWidget, show_measures
from napari_octseg.widgets.segment import SegmentWidget
from napari_octseg.widgets.workbench import WorkbenchWidget

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
CLASSES = LabelSet.of("background", "H", "IRF", "PED")
QUANTIFY = "napari_octseg.widgets._quantify_box.iter_quantify"


@pytest.fixture
def panel(viewer) -> MeasureWidget:
    widget = MeasureWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Measure")
    return widget


@pytest.fixture
def labels() -> np.ndarray:
    """Tissue of 400 px² on each of five B-scans, a cyst of 100 px² on one."""
    made = np.zeros((5, 32, 48), np.uint8)
    made[:, 4:14, 4:44] = 1
    made[2, 16:26, 10:20] = 2
    return made


def add_labels(viewer, volume, labels, name="eye – net", label_set=CLASSES) -> Labels:
    scans = [x for x in viewer.layers if x.name == "eye"]
    image = scans[0] if scans else add_scan(viewer, volume, "eye")
    layer = make_labels_layer(labels, volume, label_set, image_layer=image, name=name)
    viewer.add_layer(layer)
    return layer


def quantify(qtbot, panel) -> None:
    box = panel.quantify_box
    qtbot.mouseClick(box.button, LEFT)
    assert box.is_busy
    qtbot.waitUntil(lambda: not box.is_busy, timeout=20_000)


def column(panel, title: str) -> list[str]:
    table = panel.quantify_box.table
    titles = [table.horizontalHeaderItem(i).text() for i in range(table.columnCount())]
    place = titles.index(title)
    return [table.item(row, place).text() for row in range(table.rowCount())]


def save_as(monkeypatch, path) -> None:
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *args, **kw: (str(path), "")
    )


def message_of(qtbot, widget) -> ErrorMessage:
    qtbot.waitUntil(lambda: bool(widget.window().findChildren(ErrorMessage)))
    return widget.window().findChildren(ErrorMessage)[0]


def test_without_labels_there_is_nothing_to_press(panel, viewer, volume, labels):
    assert not panel.quantify_box.button.isEnabled()
    assert not panel.stack_box.button.isEnabled()
    assert panel.quantify_box.table.isHidden()
    add_labels(viewer, volume, labels)
    assert panel.quantify_box.button.isEnabled()
    assert panel.stack_box.button.isEnabled()


def test_the_table_shows_shares_areas_and_volumes(qtbot, panel, viewer, volume, labels):
    add_labels(viewer, volume, labels)
    quantify(qtbot, panel)
    assert column(panel, "class") == ["H", "IRF", "PED"]
    assert column(panel, "%") == ["95.24", "4.76", "0.00"]
    # 100 px of 4 × 10 µm, times 120 µm.
    assert column(panel, "mm²") == ["0.080", "0.004", "0.000"]
    assert column(panel, "nL") == ["9.6", "0.5", "0.0"]
    caption = panel.quantify_box.caption.text()
    assert "eye – net: 5 B-scans." in caption
    assert "Research use only" in caption
    assert "PED" not in caption


def test_no_units_are_shown_without_a_spacing(qtbot, panel, viewer, volume, labels):
    add_labels(viewer, OCTVolume(volume.data), labels)
    quantify(qtbot, panel)
    assert column(panel, "px²") == ["2\N{NO-BREAK SPACE}000", "100", "0"]
    assert "spacing is unknown" in panel.quantify_box.caption.text()
    table = panel.quantify_box.table
    assert table.columnCount() == 3


def test_no_volumes_without_the_distance_of_bscans(
    qtbot, panel, viewer, volume, labels
):
    flat = OCTVolume(volume.data, spacing_um=(None, 4.0, 10.0))
    add_labels(viewer, flat, labels)
    quantify(qtbot, panel)
    assert column(panel, "mm²")[1] == "0.004"
    assert column(panel, "nL") == ["–", "–", "–"]
    assert "distance of B-scans is unknown" in panel.quantify_box.caption.text()


def test_labels_are_held_against_a_ground_truth(qtbot, panel, viewer, volume, labels):
    truth = labels.copy()
    truth[2, 16:26, 15:20] = 0
    other = LabelSet.of("background", "IRF", "H")  # other indices, the same names
    swapped = np.array([0, 2, 1], np.uint8)[truth]
    true_layer = add_labels(viewer, volume, swapped, "truth", other)
    layer = add_labels(viewer, volume, labels)
    panel.labels_chooser.choose(layer)
    panel.truth_chooser.choose(true_layer)
    quantify(qtbot, panel)
    assert column(panel, "true %") == ["97.56", "2.44", "0.00"]
    assert column(panel, "diff.") == ["2.32", "2.32", "0.00"]
    assert column(panel, "Dice") == ["1.000", "0.667", "1.000"]


def test_a_truth_of_another_size_is_told_and_nothing_is_lost(
    qtbot, panel, viewer, volume, labels
):
    viewer.add_layer(Labels(labels[:3], name="other eye"))
    layer = add_labels(viewer, volume, labels)
    panel.labels_chooser.choose(layer)
    panel.truth_chooser.choose(panel.truth_chooser.layers[1])
    assert panel.truth_chooser.layer.name == "other eye"
    quantify(qtbot, panel)
    message = message_of(qtbot, panel)
    assert "3 B-scans of 32 × 48 px" in message.text.text()
    message.close()
    assert panel.quantify_box.button.isEnabled()


def test_labels_drawn_in_napari_are_measured_too(qtbot, panel, viewer, labels):
    viewer.add_layer(Labels(labels.astype(np.int32), name="drawn"))
    quantify(qtbot, panel)
    assert column(panel, "class") == ["class 1", "class 2"]
    assert column(panel, "px²")[1] == "100"


def test_edits_make_the_figures_old_until_they_are_undone(
    qtbot, panel, viewer, volume, labels
):
    layer = add_labels(viewer, volume, labels)
    viewer.dims.set_current_step(0, 2)
    quantify(qtbot, panel)
    caption = panel.quantify_box.caption
    layer.paint((2, 28, 30), 3)
    qtbot.waitUntil(lambda: "changed since" in caption.text())
    viewer.dims.set_current_step(0, 0)
    qtbot.waitUntil(lambda: "changed since" in caption.text())
    viewer.dims.set_current_step(0, 2)
    layer.undo()
    qtbot.waitUntil(lambda: "changed since" not in caption.text())
    layer.paint((2, 28, 30), 3)
    quantify(qtbot, panel)
    assert "changed since" not in caption.text()
    assert column(panel, "%")[2] != "0.00"


def test_the_table_is_saved_as_csv(
    qtbot, panel, viewer, volume, labels, tmp_path, monkeypatch
):
    add_labels(viewer, volume, labels)
    quantify(qtbot, panel)
    save_as(monkeypatch, tmp_path / "figures")
    box = panel.quantify_box
    qtbot.mouseClick(box.save_table_button, LEFT)
    qtbot.waitUntil(lambda: box.message.text() == "Saved figures.csv", timeout=20_000)
    with (tmp_path / "figures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["H", "IRF", "PED"]
    assert float(rows[1]["volume_nl"]) == pytest.approx(0.48)


def test_the_profile_is_saved_as_a_picture(
    qtbot, panel, viewer, volume, labels, tmp_path, monkeypatch
):
    add_labels(viewer, volume, labels)
    quantify(qtbot, panel)
    path = tmp_path / "profile.png"
    save_as(monkeypatch, path)
    box = panel.quantify_box
    qtbot.mouseClick(box.save_picture_button, LEFT)
    assert not box.button.isEnabled()
    qtbot.waitUntil(lambda: not box.is_busy, timeout=30_000)
    assert box.message.text() == "Saved profile.png"
    assert Picture.open(path).size[0] > 1000
    assert box.button.isEnabled()


def test_a_folder_that_is_not_there_gives_a_message(
    qtbot, panel, viewer, volume, labels, tmp_path, monkeypatch
):
    add_labels(viewer, volume, labels)
    quantify(qtbot, panel)
    save_as(monkeypatch, tmp_path / "no" / "figures.csv")
    box = panel.quantify_box
    qtbot.mouseClick(box.save_table_button, LEFT)
    message = message_of(qtbot, panel)
    assert "no folder" in message.text.text()
    message.close()
    qtbot.waitUntil(lambda: not box.is_busy, timeout=10_000)
    assert box.save_table_button.isEnabled()


def test_a_long_run_can_be_cancelled(qtbot, panel, viewer, volume, labels, monkeypatch):
    from napari_octseg.engine.progress import Progress

    closed = threading.Event()

    def endless(*args, **kwargs):
        try:
            while True:
                closed.wait(0.01)
                yield Progress(1, 2, "B-scan 0")
        finally:
            closed.set()

    monkeypatch.setattr(QUANTIFY, endless)
    add_labels(viewer, volume, labels)
    box = panel.quantify_box
    qtbot.mouseClick(box.button, LEFT)
    assert box.button.text() == "Cancel"
    qtbot.waitUntil(lambda: box.progress_view.bar.value() == 1, timeout=10_000)
    qtbot.mouseClick(box.button, LEFT)
    qtbot.waitUntil(lambda: not box.is_busy, timeout=10_000)
    assert closed.is_set()
    assert box.button.text() == "Quantify"
    assert box.button.isEnabled()
    assert box.found is None


def test_choosing_other_labels_takes_the_figures_away(
    qtbot, panel, viewer, volume, labels
):
    add_labels(viewer, volume, labels)
    quantify(qtbot, panel)
    assert panel.quantify_box.table.isVisible()
    add_labels(viewer, volume, labels.copy(), "other")
    assert panel.labels_chooser.layer.name == "other"
    assert panel.quantify_box.table.isHidden()
    assert panel.quantify_box.found is None


def test_labels_of_one_bscan_and_of_no_grade(qtbot, panel, viewer, labels):
    one = labels[2].copy()
    one[:2] = IGNORE
    viewer.add_layer(Labels(one, name="one"))
    assert not panel.stack_box.button.isEnabled()
    quantify(qtbot, panel)
    assert "1 B-scan." in panel.quantify_box.caption.text()
    assert "96 pixels that nobody graded" in panel.quantify_box.caption.text()
    assert column(panel, "px²") == ["400", "100"]


def test_everything_fits_into_the_dock(qtbot, panel, viewer, volume, labels):
    add_labels(viewer, volume, np.where(labels > 0, labels, 0))
    quantify(qtbot, panel)
    content = panel.scroll_area.widget()
    assert content.minimumSizeHint().width() <= panel.scroll_area.viewport().width()
    table = panel.quantify_box.table
    header = table.horizontalHeader()
    for i in range(1, table.columnCount()):
        assert header.sectionSize(i) >= table.sizeHintForColumn(i)


def test_the_results_of_segment_lead_to_the_measures(
    qtbot, viewer, models, volume, labels
):
    workbench = WorkbenchWidget(viewer)
    viewer.window.add_dock_widget(workbench, name="Workbench")
    workbench.tabs.setCurrentWidget(workbench.segment)
    layer = add_labels(viewer, volume, labels)
    add_labels(viewer, volume, labels, "other")
    view = workbench.segment.labels_view
    view.show_labels(layer)
    qtbot.mouseClick(view.measure_button, LEFT)
    assert workbench.tabs.currentWidget() is workbench.measure
    assert workbench.measure.labels_chooser.layer is layer


def test_without_a_workbench_the_measures_get_a_dock_of_their_own(
    qtbot, viewer, models, volume, labels
):
    segment = SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment, name="Segment")
    layer = add_labels(viewer, volume, labels)
    qtbot.mouseClick(segment.labels_view.measure_button, LEFT)
    [panel] = segment.window().findChildren(MeasureWidget)
    qtbot.waitUntil(panel.isVisible)
    assert panel.labels_chooser.layer is layer
    show_measures(viewer, segment, layer)
    assert segment.window().findChildren(MeasureWidget) == [panel]
