from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent
from qtpy.QtWidgets import QApplication, QScrollBar, QToolTip

from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets._review_facts import STATE_COLOURS
from napari_octseg.widgets._review_strip import ReviewStrip, states_of_pixels
from tests.widgets.grading_scene import correct, make_scene, predict, scan

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def scene(viewer, tmp_path):
    made = make_scene(viewer, tmp_path)
    made.strip = ReviewStrip(made.view, made.panel)
    made.add()
    yield made
    made.view.close()


def shown(qtbot, scene):
    grading = scene.open()
    qtbot.waitUntil(lambda: scene.strip.isVisible() and scene.strip.width() > 100)
    return grading


def colour_at(strip, bscan) -> str:
    """Colour at the foot of a cell: every state reaches it."""
    place = strip.cell(bscan)
    image = strip.grab().toImage()
    return QColor(image.pixel(place.center().x(), place.bottom() - 1)).name()


def test_it_stands_beneath_the_slider_and_in_line_with_it(qtbot, scene):
    assert not scene.strip.isVisible()
    shown(qtbot, scene)
    strip = scene.strip
    window = strip.window()
    [bar] = [b for b in window.findChildren(QScrollBar) if b.maximum() == 8]
    qtbot.waitUntil(lambda: strip.cell(0).left() > 0)
    top_left = bar.mapTo(window, QPoint(0, 0))
    place = strip.mapTo(window, strip.cell(0).topLeft())
    assert abs(place.x() - top_left.x()) <= 1
    assert place.y() >= top_left.y() + bar.height()
    right = strip.mapTo(window, strip.cell(8).topRight()).x()
    assert abs(right - (top_left.x() + bar.width())) <= 2


def test_a_cell_has_the_colour_of_its_state(qtbot, scene):
    grading = shown(qtbot, scene)
    predict(grading, range(1, 9))
    correct(grading, 2)
    grading.set_state(3, ReviewState.REVIEWED)
    grading.set_state(4, ReviewState.EXCLUDED)
    for bscan, state in enumerate(
        (
            ReviewState.UNSEEN,
            ReviewState.PREDICTED,
            ReviewState.CORRECTED,
            ReviewState.REVIEWED,
            ReviewState.EXCLUDED,
        )
    ):
        assert colour_at(scene.strip, bscan) == STATE_COLOURS[state], state
    grading.undo()
    assert colour_at(scene.strip, 4) == STATE_COLOURS[ReviewState.PREDICTED]


def test_a_click_shows_the_bscan_and_its_mark_moves(qtbot, scene):
    shown(qtbot, scene)
    strip = scene.strip
    qtbot.mouseClick(strip, LEFT, pos=strip.cell(6).center())
    assert scene.view.bscan == 6
    assert scene.viewer.dims.current_step[0] == 6

    def white(bscan):
        place = strip.cell(bscan)
        return QColor(strip.grab().toImage().pixel(place.left() - 1, place.y() + 2))

    assert white(6).lightness() > 240
    assert white(3).lightness() < 240


def test_dragging_runs_through_the_bscans(qtbot, scene):
    shown(qtbot, scene)
    strip, seen = scene.strip, []
    scene.view.stepped.connect(seen.append)
    qtbot.mousePress(strip, LEFT, pos=strip.cell(2).center())
    for bscan in (3, 4, 5):
        # QTest's own moves hold no button.
        at = QPointF(strip.cell(bscan).center())
        held = (QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton, LEFT)
        QApplication.sendEvent(
            strip, QMouseEvent(*held, Qt.KeyboardModifier.NoModifier)
        )
    qtbot.mouseRelease(strip, LEFT, pos=strip.cell(5).center())
    assert seen == [2, 3, 4, 5]


def test_the_tip_tells_state_grader_time_and_mean_edit(qtbot, scene):
    grading = shown(qtbot, scene)
    predict(grading)
    correct(grading, 5, by=2.0)
    grading.add_seconds(5, 83.0)
    strip = scene.strip
    at = strip.cell(5).center()
    event = QHelpEvent(QEvent.Type.ToolTip, at, strip.mapToGlobal(at))
    QApplication.sendEvent(strip, event)
    qtbot.waitUntil(QToolTip.isVisible)
    text = QToolTip.text()
    QToolTip.hideText()
    # 2 px of 4 µm in 24 of 64 columns of one boundary of four.
    for part in ("B-scan 5: corrected", "by anna", "1 min 23 s", "mean edit: 0.8 µm"):
        assert part in text


def test_it_goes_when_the_grading_is_closed_and_comes_back(qtbot, scene):
    shown(qtbot, scene)
    scene.view.close()
    assert not scene.strip.isVisible()
    shown(qtbot, scene)


def test_it_goes_with_the_panel(qtbot, scene):
    shown(qtbot, scene)
    window = scene.strip.window()
    scene.close_panel()
    qtbot.waitUntil(lambda: not window.findChildren(ReviewStrip))


@pytest.mark.parametrize("n_bscans", [1, 2000])
def test_one_and_two_thousand_bscans_fit(qtbot, viewer, tmp_path, n_bscans):
    volume = scan(1)
    pixels = np.repeat(volume.data[:, ::12, ::16], n_bscans, axis=0)
    made = make_scene(viewer, tmp_path, type(volume)(pixels))
    strip = ReviewStrip(made.view, made.panel)
    made.add()
    grading = made.open(layers=())
    qtbot.waitUntil(lambda: strip.isVisible() and strip.width() > 100)
    last = n_bscans - 1
    grading.set_state(last, ReviewState.EXCLUDED)
    grading.set_state(0, ReviewState.REVIEWED)
    assert strip.cell(0).width() >= 1
    assert strip.bscan_at(strip.cell(last).right()) in range(max(last - 2, 0), n_bscans)
    state = ReviewState.EXCLUDED if n_bscans == 2000 else ReviewState.REVIEWED
    left = strip.cell(0).left()
    assert not strip.grab().toImage().isNull()
    if n_bscans == 1:
        assert colour_at(strip, 0) == STATE_COLOURS[state]
        # There is no slider, and nothing to step through: a click does no harm.
        qtbot.mouseClick(strip, LEFT, pos=strip.cell(0).center())
        assert made.view.bscan == 0
    else:
        at = QPoint(left + round(0.5 * (strip.cell(last).right() - left)), 8)
        qtbot.mouseClick(strip, LEFT, pos=at)
        assert abs(made.view.bscan - 1000) <= 2
    made.view.close()


@given(st.integers(1, 300), st.integers(1, 300), st.randoms())
def test_a_pixel_shows_the_least_finished_of_its_bscans(n_bscans, n_pixels, random):
    states = np.array([random.randrange(5) for _ in range(n_bscans)], np.uint8)
    found = states_of_pixels(states, n_pixels)
    assert len(found) == n_pixels
    for pixel, state in enumerate(found):
        first = pixel * n_bscans // n_pixels
        last = max(-(-(pixel + 1) * n_bscans // n_pixels), first + 1)
        assert state == states[first:last].min()
