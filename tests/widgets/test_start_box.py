"""What a correction begins from, and how an earlier one is found again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_octseg.boundaries import Boundaries
from napari_octseg.editing.grading import Grading
from napari_octseg.editing.identity import FoundJournal
from napari_octseg.editing.review import ReviewState
from napari_octseg.engine.comparing.distinct import distinct_colour
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._layers import add_scan, make_labels_layer, note
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._resume_list import day_text, journal_text
from napari_octseg.widgets._start_box import StartBox
from napari_octseg.widgets._starts import (
    Start,
    empty_starts,
    start_of_device,
    starts_of_layers,
)
from napari_octseg.widgets._take_over import bscans_to_take, take_over

LEFT = Qt.MouseButton.LeftButton
SET = LabelSet.of("background", "RNFL", "GCIPL", "SRF")
NOON = datetime(2026, 5, 3, 12).timestamp()
DAY = 24 * 3600.0


def labels_of(n_bscans: int = 5, depth: int = 32, width: int = 48) -> np.ndarray:
    """RNFL in rows 8…13, GCIPL in rows 14…21, some SRF in it."""
    labels = np.zeros((n_bscans, depth, width), np.uint8)
    labels[:, 8:14] = 1
    labels[:, 14:22] = 2
    labels[:, 12:18, 20:24] = 3
    return labels


def start_of(labels: np.ndarray, **others) -> Start:
    return Start("labels", SET, ("RNFL", "GCIPL"), "file", labels=labels, **others)


@pytest.fixture
def grading(volume, tmp_path):
    with_pieces = Grading.open(
        volume, SET, ("RNFL", "GCIPL"), path=tmp_path / "j.sqlite", grader="anna"
    )
    yield with_pieces
    with_pieces.close()


def taken(grading: Grading, start: Start) -> int:
    return len(list(take_over(grading, start)))


def test_labels_are_taken_over_as_one_edit_with_boundaries_read_from_them(grading):
    labels = labels_of()
    assert taken(grading, start_of(labels)) == 5
    np.testing.assert_array_equal(grading.labels, labels)
    np.testing.assert_array_equal(grading.heights[0], 7.5)
    # Straight on where the fluid hides it.
    np.testing.assert_array_equal(grading.heights[1], 13.5)
    np.testing.assert_array_equal(grading.heights[2], 21.5)
    assert set(grading.states) == {ReviewState.PREDICTED}
    assert grading.undo() == "take over labels"
    assert not grading.labels.any()
    assert np.isnan(grading.heights).all()
    assert grading.undo() is None


def test_what_was_corrected_or_finished_by_hand_is_not_taken_over(grading):
    edit = grading.begin("brush")
    edit.set_labels(1, 8, 0, np.full((4, 48), 1, np.uint8))
    edit.commit()
    grading.set_state(2, ReviewState.REVIEWED)
    before = grading.labels[1].copy()
    labels = labels_of()
    labels[4] = IGNORE  # not segmented yet
    start = start_of(labels)
    assert bscans_to_take(grading, start) == [0, 3]
    taken(grading, start)
    np.testing.assert_array_equal(grading.labels[1], before)
    assert not grading.labels[2].any()
    np.testing.assert_array_equal(grading.labels[3], labels[3])


def test_what_is_corrected_while_labels_are_taken_over_stays(grading):
    steps = take_over(grading, start_of(labels_of()))
    next(steps)
    edit = grading.begin("brush")
    edit.set_labels(1, 8, 0, np.full((4, 48), 1, np.uint8))
    edit.commit()
    corrected = grading.labels[1].copy()
    drag = grading.begin("magnet")
    drag.set_labels(2, 8, 0, np.full((4, 48), 1, np.uint8))
    drawn = grading.labels[2].copy()
    list(steps)
    np.testing.assert_array_equal(grading.labels[1], corrected)
    np.testing.assert_array_equal(grading.labels[2], drawn)
    np.testing.assert_array_equal(grading.labels[3], labels_of()[3])
    assert drag.commit()


def test_fluid_of_one_model_lies_on_the_layers_of_another(grading):
    layers = labels_of()
    layers[:, 12:14, 20:24], layers[:, 14:18, 20:24] = 1, 2
    taken(grading, start_of(layers))
    fluid = np.zeros_like(layers)
    fluid[:, 15:18, 30:34] = 2
    theirs = LabelSet.of("background", "IRF", "SRF")
    taken(grading, Start("fluid", theirs, (), "fluid-net 1", labels=fluid))
    assert (grading.labels[:, 15:18, 30:34] == 3).all()
    np.testing.assert_array_equal(grading.labels[:, 10, :], 1)
    np.testing.assert_array_equal(grading.heights[1], 13.5)
    # And new layers leave the fluid that their model does not know.
    only_layers = LabelSet.of("background", "RNFL", "GCIPL")
    moved = np.roll(layers, 1, axis=1)
    taken(grading, Start("layers", only_layers, ("RNFL", "GCIPL"), "n 1", labels=moved))
    assert (grading.labels[:, 15:18, 30:34] == 3).all()
    np.testing.assert_array_equal(grading.heights[0], 8.5)


def test_classes_are_matched_by_name_and_unknown_ones_are_not_graded(grading):
    theirs = LabelSet.of("background", "GCL-IPL", "NFL", "vessel")
    labels = np.zeros((5, 32, 48), np.uint8)
    labels[:, 8:14], labels[:, 14:22], labels[:, 25:27] = 2, 1, 3
    taken(grading, Start("other", theirs, ("NFL", "GCL-IPL"), "x 1", labels=labels))
    np.testing.assert_array_equal(np.unique(grading.labels[:, 8:14]), [1])
    np.testing.assert_array_equal(np.unique(grading.labels[:, 14:22]), [2])
    np.testing.assert_array_equal(np.unique(grading.labels[:, 25:27]), [IGNORE])
    np.testing.assert_array_equal(grading.heights[1], 13.5)


def test_boundaries_of_a_model_keep_their_part_of_a_pixel(grading):
    heights = np.stack([np.full((5, 48), h, np.float32) for h in (7.25, 13.75, 21.5)])
    taken(grading, start_of(labels_of(), heights=heights))
    np.testing.assert_array_equal(grading.heights, heights)
    np.testing.assert_array_equal(grading.predicted, heights)


def test_findings_are_added_once():
    start = start_of(labels_of()).with_findings(["SRF", "IRF", "PED"])
    assert start.label_set.names == (*SET.names, "IRF", "PED")
    assert start.with_findings(["IRF"]).label_set is start.label_set
    colours = [one.colour for one in start.label_set.classes]
    assert len(set(colours)) == len(colours)


def test_a_finding_gets_another_colour_than_the_layers():
    layers = LabelSet.of("background", "EZ", "RPE")
    start = Start("layers", layers, ("EZ", "RPE")).with_findings(["IRF", "PED"])
    own = {one.name: one.colour for one in start.label_set.classes}
    assert own["EZ"] == layers.classes[1].colour
    for name, colour in (("IRF", own["IRF"]), ("PED", own["PED"])):
        others = [c for n, c in own.items() if n != name]
        assert distinct_colour(colour, others) == colour


def test_the_device_gives_boundaries_and_layers_between_them():
    heights = np.stack([np.full((2, 20), h, np.float32) for h in (4.0, 9.0, 20.0)])
    heights[:, 1, 5] = np.nan
    volume = OCTVolume(
        np.zeros((2, 32, 20), np.uint8),
        boundaries=Boundaries(("ILM", "RNFL/GCL", "BM"), heights),
    )
    start = start_of_device(volume)
    assert start is not None
    assert start.layers == ("RNFL", "RNFL/GCL to BM")
    assert start.labels is not None
    assert start.labels[0, :, 0].tolist() == [0] * 4 + [1] * 5 + [2] * 11 + [0] * 12
    assert (start.labels[1, :, 5] == IGNORE).all()
    assert start_of_device(OCTVolume(np.zeros((2, 8, 8), np.uint8))) is None


def test_one_entry_for_the_same_classes_of_several_models(models):
    from napari_octseg.bundles.registry import list_models

    starts = empty_starts([*list_models(), *list_models()])
    assert len({start.title for start in starts}) == len(starts)
    assert "IRF, SRF, PED, drusen" in [start.title for start in starts]


@pytest.mark.gui
def test_labels_of_the_scan_are_offered_newest_first(viewer, volume):
    image = add_scan(viewer, volume)
    for name in ("first", "second"):
        layer = make_labels_layer(
            labels_of(), volume, SET, image_layer=image, name=name
        )
        viewer.add_layer(layer)
    other = OCTVolume(np.zeros((5, 32, 48), np.uint8))
    viewer.add_layer(
        make_labels_layer(labels_of(), other, SET, image_layer=image, name="other")
    )
    note(viewer.layers["first"], grading=False)
    starts = starts_of_layers(list(viewer.layers), volume)
    assert [start.title for start in starts] == ["second"]
    assert starts[0].layers == ("RNFL", "GCIPL")


@pytest.mark.gui
def test_the_box_says_classes_and_begins_with_what_is_ticked(
    qtbot, viewer, models, volume
):
    panel = Panel()
    box = StartBox(viewer, panel)
    panel.body.addWidget(box)
    viewer.window.add_dock_widget(panel, name="Panel")
    assert not box.begin_button.isEnabled()
    image = add_scan(viewer, volume)
    layer = make_labels_layer(labels_of(), volume, SET, image_layer=image, name="mine")
    viewer.add_layer(layer)
    assert box.start_chooser.currentText() == "mine"
    assert box.about.text() == "Layers: RNFL · GCIPL; on top: SRF."
    assert not box.finding_boxes["SRF"].isEnabled()
    tick = box.finding_boxes["PED"]
    qtbot.mouseClick(tick, LEFT, pos=QPoint(8, tick.height() // 2))
    box.grader_field.clear()
    qtbot.keyClicks(box.grader_field, "anna")
    with qtbot.waitSignal(box.begun) as begun:
        qtbot.mouseClick(box.begin_button, LEFT)
    assert begun.args[0].label_set.names == (*SET.names, "PED")
    panel.close_down()
    # The next time the name is known.
    assert StartBox(viewer, Panel()).grader == "anna"


@pytest.mark.gui
def test_earlier_corrections_of_the_scan_are_found_by_its_content(
    qtbot, viewer, models, volume
):
    grading = Grading.open(volume, SET, ("RNFL", "GCIPL"), grader="anna")
    taken(grading, start_of(labels_of()))
    grading.close()
    panel = Panel()
    box = StartBox(viewer, panel)
    panel.body.addWidget(box)
    viewer.window.add_dock_widget(panel, name="Panel")
    add_scan(viewer, OCTVolume(volume.data.copy(), source="moved.tif"))
    qtbot.waitUntil(lambda: bool(box.resume_list.buttons), timeout=10_000)
    assert box.resume_list.labels[0].text().startswith("1 edit from today")
    assert "by anna (RNFL, GCIPL, SRF)" in box.resume_list.labels[0].text()
    with qtbot.waitSignal(box.resumed) as resumed:
        qtbot.mouseClick(box.resume_list.buttons[0], LEFT)
    assert resumed.args[0].layers == ("RNFL", "GCIPL")
    add_scan(viewer, OCTVolume(np.ones((5, 32, 48), np.uint8)))
    qtbot.waitUntil(lambda: not box.resume_list.buttons)
    panel.close_down()


@pytest.mark.parametrize(
    ("ago", "text"),
    [(3600.0, "today 11:00"), (DAY, "yesterday 12:00"), (3 * DAY, "30 April 2026")],
)
def test_days_are_told_as_people_tell_them(ago, text):
    assert day_text(NOON - ago, NOON).startswith(text)


def test_a_journal_is_told_in_one_line():
    names = ("background", "A", "B", "C", "D", "E")
    journal = FoundJournal(
        Path("x"), LabelSet.of(*names), ("A",), 12, NOON - DAY, "anna"
    )
    told = journal_text(journal, NOON)
    assert told == "12 edits from yesterday 12:00, by anna (A, B … E)"
    nobody = SimpleNamespace(
        n_edits=1, last_time=None, grader="", label_set=LabelSet.of("background", "A")
    )
    assert journal_text(nobody, NOON) == "1 edit (A)"
