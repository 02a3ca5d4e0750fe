"""Two models on one scan: compared, merged, averaged, or refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt

from napari_octseg.engine.comparing.difference import (
    agreement,
    difference,
    shared_classes,
)
from napari_octseg.labels import IGNORE
from napari_octseg.widgets._compare import DIFFERENCE, FIRST, SECOND
from napari_octseg.widgets._layers import add_scan, facts_of
from napari_octseg.widgets._save_labels import default_name, writer_of
from napari_octseg.widgets._second_model import Purpose
from napari_octseg.widgets.segment import SegmentWidget

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
FLUID = ("background", "IRF", "SRF")


@pytest.fixture
def segment(viewer, models, tiny_bundle, volume) -> SegmentWidget:
    """The panel on a scan; beside `tiny-net` a model alike and one of fluid."""
    tiny_bundle("alike", title="Alike", widths=(4, 8))
    tiny_bundle("fluid", title="Fluid", classes=FLUID, layers=(), widths=(4, 4))
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    add_scan(viewer, volume, "eye")
    widget.model_picker.choose("tiny-net")
    return widget


def click(qtbot, button) -> None:
    """Click where the text or icon is: the right half of a long one is empty."""
    qtbot.mouseClick(button, LEFT, pos=QPoint(8, button.height() // 2))


def run(qtbot, segment) -> None:
    qtbot.mouseClick(segment.run_button, LEFT)
    assert segment.is_busy
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=60_000)
    assert segment.error is None


def labels_of(viewer):
    return [layer for layer in viewer.layers if "segmentation" in facts_of(layer)]


def test_two_models_are_compared_with_one_click(qtbot, viewer, segment):
    segment.second_model.picker.choose("alike")
    assert segment.second_model.purpose is Purpose.COMPARE
    run(qtbot, segment)
    first, second = labels_of(viewer)
    assert (first.name, second.name) == ("eye – Tiny net", "eye – Alike")
    view = segment.compare_view
    shown = view.difference_layer
    sides = (first, second, shown)
    assert [layer.visible for layer in sides] == [True, False, False]
    for side in (DIFFERENCE, SECOND, FIRST):
        qtbot.mouseClick(view.buttons[side], LEFT)
        assert [layer.visible for layer in sides] == [side == i for i in range(3)]
    shared = shared_classes(*(facts_of(x)["label_set"] for x in (first, second)))
    expected, n_pixels = difference(first.data, second.data, shared)
    assert (shown.data == expected).all()
    assert "First: Tiny net" in view.caption.text()

    def told(column: int) -> list[str]:
        return [view.table.item(row, column).text() for row in range(2)]

    def of(counts) -> list[str]:
        return [f"{100 * x:.0f} %" if x == x else "–" for x in agreement(counts)]

    qtbot.waitUntil(lambda: told(2) == of(n_pixels))
    viewer.dims.set_current_step(0, 3)
    one = difference(first.data[3], second.data[3], shared)[1]
    qtbot.waitUntil(lambda: told(1) == of(one))
    # An edit by hand is compared anew.
    first.data[3] = second.data[3]
    first.refresh()
    qtbot.waitUntil(lambda: "100 %" in told(1))
    # Overlays are no labels to measure, and go with what they compare.
    before = len(viewer.layers)
    click(qtbot, view.boundary_switch)
    assert len(viewer.layers) == before + 2
    colours = {tuple(x.edge_color[0]) for x in list(viewer.layers)[-2:] if len(x.data)}
    assert len(colours) == 2
    viewer.layers.remove(second)
    assert [layer.name for layer in viewer.layers] == ["eye", "eye – Tiny net"]
    assert not view.isVisible()


def test_layers_and_findings_become_one_labels_layer(qtbot, viewer, segment, tmp_path):
    # Whichever of the two was chosen first.
    segment.model_picker.choose("fluid")
    segment.second_model.picker.choose("tiny-net")
    merge = segment.second_model.buttons[Purpose.MERGE]
    assert merge.text() == "Layers of the second, findings of the first"
    assert not segment.second_model.buttons[Purpose.AVERAGE].isEnabled()
    click(qtbot, merge)
    run(qtbot, segment)
    [labels] = labels_of(viewer)
    facts = facts_of(labels)
    names = ("background", "RNFL", "GCIPL", "IRF", "SRF")
    assert facts["label_set"].names == names
    assert facts["model"] == "tiny-net+fluid"
    assert [(p["role"], p["model"]) for p in facts["provenance"]] == [
        ("layers", "tiny-net"),
        ("findings", "fluid"),
    ]
    merged = facts["segmentation"]
    assert merged.labels is labels.data
    assert (labels.data != IGNORE).all()
    is_finding = merged.parts.second.labels > 0
    assert ((labels.data > 2) == is_finding).all()
    assert segment.labels_view.boundary_switch.isEnabled()
    assert default_name(labels) == "eye_tiny-net+fluid.tif"
    writer_of(labels, tmp_path / "merged.tif")()
    assert (tifffile.imread(tmp_path / "merged.tif") == labels.data).all()
    # The same again fills the same layer; what one model says is another one.
    run(qtbot, segment)
    assert labels_of(viewer) == [labels]
    segment.second_model.picker.setCurrentIndex(0)
    run(qtbot, segment)
    alone = labels_of(viewer)[-1]
    assert facts_of(alone)["model"] == "fluid"
    assert (alone.visible, labels.visible) == (True, False)


def test_models_alike_are_averaged_and_flips_are_an_option(qtbot, viewer, segment):
    run(qtbot, segment)
    segment.second_model.picker.choose("alike")
    click(qtbot, segment.second_model.buttons[Purpose.AVERAGE])
    qtbot.mouseClick(segment.more_fold.button, LEFT)
    click(qtbot, segment.flips_box)
    assert segment.flips_box.isChecked()
    speed_alone = segment.card_view.text.text()
    run(qtbot, segment)
    alone, mean = labels_of(viewer)
    facts = facts_of(mean)
    assert facts["model"] == "tiny-net+alike"
    assert [p["role"] for p in facts["provenance"]] == ["averaged", "averaged"]
    assert facts["flips"]
    assert np.abs(facts["segmentation"].uncertainty).max() > 0
    assert "Tiny net + Alike" in segment.status.text()
    assert segment.card_view.text.text() == speed_alone
    # Mirrored or not is another prediction.
    segment.second_model.picker.setCurrentIndex(0)
    run(qtbot, segment)
    assert len(labels_of(viewer)) == 3
    assert not alone.visible


def test_the_speed_is_on_the_card_after_the_first_run(qtbot, segment):
    assert "not measured yet" in segment.card_view.text.text()
    run(qtbot, segment)
    assert "B-scans per second on" in segment.card_view.text.text()


def test_a_model_beside_itself_is_refused_with_the_reason(qtbot, segment):
    segment.second_model.picker.choose("tiny-net")
    assert not segment.run_button.isEnabled()
    assert "once more" in segment.status.text()
    segment.second_model.picker.choose("alike")
    assert segment.run_button.isEnabled()
    assert segment.status.text() == ""


def test_nothing_in_common_is_said(qtbot, viewer, segment):
    segment.second_model.picker.choose("fluid")
    run(qtbot, segment)
    view = segment.compare_view
    assert not view.buttons[DIFFERENCE].isEnabled()
    assert "no class in common" in view.caption.text()
    assert not view.boundary_switch.isVisible()
    qtbot.mouseClick(view.buttons[SECOND], LEFT)
    assert labels_of(viewer)[1].visible
    assert segment.labels_view.layer is labels_of(viewer)[1]


def test_everything_fits_into_the_dock(qtbot, viewer, segment):
    segment.second_model.picker.choose("alike")
    run(qtbot, segment)
    segment.card_view.set_unfolded(True)
    assert not segment.run_button.visibleRegion().isEmpty()
    content = segment.scroll_area.widget()
    assert content.minimumSizeHint().width() <= segment.scroll_area.viewport().width()
