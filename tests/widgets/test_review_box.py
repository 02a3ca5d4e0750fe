from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_octseg.editing.grading import Grading
from napari_octseg.editing.review import ReviewState
from napari_octseg.widgets import _bscan_clock
from napari_octseg.widgets._bscan_clock import WorkTime
from napari_octseg.widgets._review_box import ReviewBox, next_open
from tests.widgets.grading_scene import CLASSES, LAYERS, correct, make_scene, predict
from tests.widgets.grading_scene import scan as make_scan

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
UNSEEN, PREDICTED, CORRECTED, REVIEWED, EXCLUDED = ReviewState


@pytest.fixture
def scene(viewer, tmp_path):
    made = make_scene(viewer, tmp_path)
    made.box = ReviewBox(made.view, made.panel)
    made.said = []
    made.view.said.connect(made.said.append)
    made.add(made.box)
    yield made
    made.view.close()


def tools(grading) -> list[str]:
    return [edit.tool for edit in grading.journal.edits() if edit.state == "done"]


def test_without_a_grading_nothing_can_be_pressed(scene):
    assert not scene.box.isEnabled()
    scene.box.accept_and_next()
    scene.box.toggle_reviewed()
    assert scene.box.state is UNSEEN


def test_an_untouched_prediction_is_accepted_as_is_and_that_is_recorded(qtbot, scene):
    grading = scene.open()
    predict(grading)
    box = scene.box
    assert box.next_button.text() == "Accept as is, and next"
    qtbot.mouseClick(box.next_button, LEFT)
    assert grading.states[0] == REVIEWED
    assert scene.view.bscan == 1
    assert tools(grading)[-1] == "accept as is"
    correct(grading, 1)
    assert box.next_button.text() == "Accept and next"
    qtbot.mouseClick(box.next_button, LEFT)
    assert grading.states[1] == REVIEWED
    assert tools(grading)[-1] == "reviewed"
    assert box.bar.value() == 2
    assert scene.view.undo() is None
    assert grading.states[1] == CORRECTED
    assert box.bar.value() == 1


def test_a_bscan_without_labels_is_not_accepted(qtbot, scene):
    grading = scene.open()
    qtbot.mouseClick(scene.box.next_button, LEFT)
    assert grading.states[0] == UNSEEN
    assert scene.view.bscan == 1
    assert "no labels" in scene.said[-1]
    # Said on purpose, it is: what is empty can be right.
    qtbot.mouseClick(scene.box.reviewed_button, LEFT)
    assert grading.states[1] == REVIEWED


def test_reviewed_ones_are_passed_by(qtbot, scene):
    grading = scene.open()
    predict(grading)
    for bscan in (1, 2):
        grading.set_state(bscan, REVIEWED)
    grading.set_state(3, EXCLUDED)
    qtbot.mouseClick(scene.box.next_button, LEFT)
    assert scene.view.bscan == 4
    scene.view.go_to(2)
    qtbot.mouseClick(scene.box.next_button, LEFT)
    assert scene.view.bscan == 4
    assert grading.states[2] == REVIEWED


def test_when_all_is_done_it_says_so(scene):
    grading = scene.open()
    predict(grading)
    for _ in range(9):
        scene.box.accept_and_next()
    assert (grading.states == REVIEWED).all()
    assert scene.said[-1] == "No other B-scan is left to review."
    assert scene.box.bar.value() == 9


def test_review_exclude_and_reopen_by_their_buttons(qtbot, scene):
    grading = scene.open()
    predict(grading)
    box = scene.box
    assert not box.reopen_button.isEnabled()
    qtbot.mouseClick(box.reviewed_button, LEFT)
    assert grading.states[0] == REVIEWED
    assert not box.exclude_button.isEnabled()
    qtbot.mouseClick(box.reopen_button, LEFT)
    assert grading.states[0] == PREDICTED
    qtbot.mouseClick(box.exclude_button, LEFT)
    assert grading.states[0] == EXCLUDED
    assert not box.reviewed_button.isEnabled()
    assert box.next_button.text() == "Next"
    qtbot.mouseClick(box.reopen_button, LEFT)
    assert grading.states[0] == PREDICTED
    correct(grading, 0)
    box.toggle_reviewed()
    box.toggle_reviewed()
    assert grading.states[0] == CORRECTED
    box.toggle_excluded()
    box.toggle_reviewed()
    assert grading.states[0] == EXCLUDED
    assert "excluded" in scene.said[-1]


@pytest.mark.parametrize(("spacing", "told"), [(True, "0.8 µm"), (False, "0.2 px")])
def test_the_mean_edit_is_told_in_um_only_if_the_spacing_is_known(
    qtbot, viewer, tmp_path, spacing, told
):
    made = make_scene(viewer, tmp_path, make_scan(spacing=spacing))
    box = ReviewBox(made.view, made.panel)
    made.add(box)
    grading = made.open()
    predict(grading)
    correct(grading, 0, by=2.0)
    qtbot.waitUntil(lambda: told in box.facts_label.text())
    assert "anna" in box.facts_label.text()
    made.view.close()


def test_the_counts_name_every_state_that_occurs(scene):
    grading = scene.open()
    predict(grading, range(6))
    correct(grading, 2)
    grading.set_state(1, REVIEWED)
    text = scene.box.counts_label.text().replace("&nbsp;", " ")
    for part in ("3 unseen", "4 predicted", "1 corrected", "1 reviewed"):
        assert part in text
    assert "excluded" not in text


def test_time_is_counted_per_bscan_and_kept(qtbot, scene, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(_bscan_clock.time, "monotonic", lambda: now[0])
    clock = scene.box.clock
    monkeypatch.setattr(clock, "_is_active", lambda: True)
    grading = scene.open()
    predict(grading)
    now[0] += 5
    scene.view.go_to(3)
    now[0] += 7
    correct(grading, 3)
    now[0] += 500  # nobody is there
    scene.view.go_to(4)
    assert clock.seconds(0) == pytest.approx(5)
    assert 7 <= clock.seconds(3) <= 7 + 60
    scene.view.close()
    again = Grading.open(
        scene.volume, CLASSES, LAYERS, path=scene.folder / "journal.sqlite"
    )
    assert again.journal.seconds()[0] == pytest.approx(5)
    again.close()


def test_an_inactive_window_counts_nothing(qtbot, scene, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(_bscan_clock.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(scene.box.clock, "_is_active", lambda: False)
    scene.open()
    now[0] += 20
    scene.view.go_to(1)
    assert scene.box.clock.total == 0


def test_the_window_that_has_the_focus_is_the_active_one(qtbot, scene):
    scene.open()
    window = scene.box.window()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    assert scene.box.clock._is_active()


steps = st.lists(
    st.tuples(st.sampled_from(["stir", "take"]), st.floats(0, 200)), max_size=30
)


@given(steps)
def test_work_is_never_more_than_the_time_that_passed(moves):
    work, now, total, stirred = WorkTime(0.0), 0.0, 0.0, 1
    for what, passed in moves:
        now += passed
        if what == "stir":
            work.stir(now)
            stirred += 1
        else:
            total += work.take(now, active=True)
    assert total <= now + 1e-6
    assert total <= 60 * stirred + 1e-6


def test_a_person_who_works_on_is_counted_to_the_second():
    work, total = WorkTime(0.0), 0.0
    for second in range(1, 301):
        if second % 30 == 0:
            work.stir(float(second))
        total += work.take(float(second), active=True)
    assert total == 300


def test_after_a_minute_without_input_nothing_is_counted():
    work = WorkTime(0.0)
    total = sum(work.take(float(second), active=True) for second in range(1, 3600))
    assert total == 60
    work.stir(3600.0)
    assert work.take(3605.0, active=True) == 5


@given(st.lists(st.sampled_from(list(ReviewState)), min_size=1), st.data())
def test_the_next_open_bscan_is_open_and_the_nearest_after(states, data):
    here = data.draw(st.integers(0, len(states) - 1))
    found = next_open(np.array(states, np.uint8), here)
    others = [b for b, s in enumerate(states) if s.is_open and b != here]
    if found is None:
        assert not others
    else:
        n = len(states)
        assert found in others
        assert (found - here) % n == min((b - here) % n for b in others)
