from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QMessageBox

from napari_octseg.bundles.registry import find_bundle, list_bundles, user_models_dir
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.lock import take_lock
from napari_octseg.engine.finetuning.presets import PRESETS
from napari_octseg.engine.finetuning.run import list_runs
from napari_octseg.engine.finetuning.status import write_end
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.io import read_volume
from napari_octseg.labels import LabelSet
from napari_octseg.widgets._ft_pictures import EnlargedPictures
from napari_octseg.widgets._kept import keep_choice
from napari_octseg.widgets._layers import add_scan
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets.ground_truth import GroundTruthWidget
from napari_octseg.widgets.segment import SegmentWidget
from tests.widgets.fine_tune_scene import (
    DATA_SET,
    LEFT,
    TINY,
    TITLE,
    FineTuneScene,
    Pulse,
    comparison,
    graded_scan,
)

pytestmark = pytest.mark.gui
STALL_MS = 100


@pytest.fixture
def bundle(tiny_bundle):
    return tiny_bundle(TINY, title=TITLE, widths=(8, 16), size=(48, 40))


@pytest.fixture
def scene(qtbot, viewer, bundle, tmp_path) -> FineTuneScene:
    return FineTuneScene(qtbot, viewer, tmp_path)


def titles(picker) -> list[str]:
    return [picker.itemText(index) for index in range(picker.count())]


# Before a run


def test_without_ground_truth_it_says_what_to_do(viewer, scene):
    panel = scene.open()
    assert "add them to a data set" in panel.setup.data_set.summary.text()
    assert not panel.run_button.isEnabled()
    assert not panel.setup.settings_box.isVisible()
    scene.click(panel.setup.data_set.change_button)
    [other] = viewer.window._qt_window.findChildren(GroundTruthWidget)
    scene.until(other.isVisible)


def test_the_plan_is_told_before_anything_is_started(scene):
    scene.with_data()
    panel = scene.open()
    assert panel.setup.data_set.summary.text() == (
        "9 corrected B-scans of 3 scans, 3 patients"
    )
    sentence = panel.setup.plan_view.sentence.text()
    assert sentence.startswith(
        f"Starts from {TITLE}, trains on all 6 corrected B-scans of 2 patients"
    )
    assert "judged on 1 of 3 patients" in sentence
    assert panel.run_button.isEnabled()


def test_one_patient_alone_is_judged_on_blocks_and_that_is_said(scene):
    made = DataSet.create(
        scene.folder / "set", DATA_SET, LabelSet.of("background", "RNFL")
    )
    scan = graded_scan("scan", "P-1", 1, n_bscans=16)
    keep = scan.labels.copy()
    keep[keep == 2] = 0

    made.add(replace(scan, labels=keep, label_set=made.label_set))
    keep_choice("data_set", str(made.folder))
    panel = scene.open()
    assert "one patient" in panel.setup.plan_view.sentence.text()


def test_why_nothing_can_be_trained_is_said_in_place(scene):
    made = scene.with_data(2)
    made.set_split({"P-0": "validation", "P-1": "validation"})
    panel = scene.open()
    assert "All patients of the data set are held out" in (
        panel.setup.plan_view.sentence.text()
    )
    assert not panel.run_button.isEnabled()
    assert not panel.window().findChildren(ErrorMessage)


def test_only_models_that_know_a_class_are_offered(scene, tiny_bundle):
    tiny_bundle("fluid-net", title="Fluid", classes=("background", "IRF"), layers=())
    tiny_bundle("vessel-net", title="Vessels", plane="enface")
    scene.with_data()
    panel = scene.open()
    assert titles(panel.setup.model_picker) == [TITLE]


def test_a_data_set_of_other_classes_says_so(scene):
    made = DataSet.create(
        scene.folder / "set", "Other", LabelSet.of("background", "IRF")
    )
    scan = graded_scan("scan", "P-1", 1)

    made.add(replace(scan, labels=scan.labels // 2, label_set=made.label_set))
    keep_choice("data_set", str(made.folder))
    panel = scene.open()
    assert titles(panel.setup.model_picker) == []
    assert "No model for B-scans knows any of: IRF" in panel.setup.problem.text()
    assert not panel.run_button.isEnabled()


def test_presets_and_knobs_are_what_is_run(qtbot, viewer, scene, tmp_path):
    path = tmp_path / "open.tif"
    tifffile.imwrite(path, np.zeros((2, 32, 40), np.uint8))
    add_scan(viewer, read_volume(path), "open")
    scene.with_data()
    panel = scene.open()
    box = panel.setup.settings_box
    assert box.preset == "quick"
    for name in ("standard", "thorough"):
        box.choose_preset(name)
        how_long = PRESETS[name].title.partition(": ")[2]
        assert box.sentence.text().lower().startswith(how_long)
    settings = panel.setup.settings()
    assert (settings.preset, settings.scope, settings.n_steps) == (
        "thorough",
        None,
        None,
    )
    assert (settings.learning_rate, settings.batch_size) == (None, None)
    assert (settings.minutes, settings.unlabelled) == (None, ())
    qtbot.mouseClick(box.fold.button, LEFT)
    box.scope_box.setCurrentIndex(box.scope_box.findData("decoder"))
    box.steps_box.setValue(50)
    box.rate_box.setValue(0.001)
    box.batch_box.setValue(3)
    box.minutes_box.setValue(1.5)
    box.choose_replay(tmp_path)
    switch = box.unlabelled.open_box
    assert switch.text() == "Scans that are open (1)"
    qtbot.mouseClick(switch, LEFT, pos=QPoint(8, switch.height() // 2))
    other = tmp_path / "other.tif"
    box.unlabelled.choose_files([other])
    settings = panel.setup.settings()
    assert settings.scope == "decoder"
    assert (settings.n_steps, settings.learning_rate) == (50, 0.001)
    assert (settings.batch_size, settings.minutes) == (3, 1.5)
    assert settings.replay == tmp_path
    assert [p.name for p in settings.unlabelled] == ["open.tif", "other.tif"]
    assert settings.model == TINY
    assert settings.data_set == scene.data_set.folder


# A run that is watched


def test_a_run_in_progress_is_found_when_the_window_is_opened(scene):
    scene.with_data()
    folder = scene.write_run(n_steps=30)
    panel = scene.open()
    scene.until(lambda: bool(panel.run_view.live.dice_plot.curves))
    assert panel.follower.run.folder == folder
    assert "tiny-net learns from 6 B-scans of Macula" in panel.run_view.caption.text()
    live = panel.run_view.live
    names = [(curve.name, curve.dashed) for curve in live.dice_plot.curves]
    assert names == [("RNFL", False), ("GCIPL", False), ("phantom", True)]
    assert live.dice_plot.curves[0].x == [10, 20, 30]
    assert live.loss_plot.curves[0].x[-1] == 30
    assert not panel.run_button.isEnabled()
    assert panel.cancel_button.isEnabled()
    assert panel.progress_view.bar.value() == 30
    before = live.example.pictures
    assert [title for title, _ in before] == ["truth", "model now"]
    scene.write_steps(folder, 31, 40, 60)
    scene.until(lambda: live.dice_plot.curves[0].x[-1] == 40)
    scene.until(lambda: live.example.pictures[1][1] != before[1][1])
    # Planning would load torch, which holds up the window.
    assert panel.setup.facts is not None
    assert not panel.setup.plan_view.sentence.text()
    scene.kill_worker(folder)
    scene.until(panel.run_button.isEnabled)


def test_closing_the_window_leaves_the_run_alone(scene):
    folder = scene.write_run()
    scene.open()
    scene.until(lambda: scene.panel.follower.is_following)
    scene.close()
    assert scene.status(folder).is_alive
    assert not (folder / run_folder.CANCEL).exists()
    scene.write_steps(folder, 31, 50, 60)
    panel = scene.open()
    curve = panel.run_view.live.loss_plot
    scene.until(lambda: bool(curve.curves) and curve.curves[0].x[-1] == 50)


def test_a_crashed_run_can_be_resumed_and_what_then_goes_wrong_is_said(scene):
    folder = scene.write_run()
    scene.kill_worker(folder)
    panel = scene.open()
    scene.until(panel.run_view.ends.isVisible)
    assert "ended without a word" in panel.run_view.told.text()
    assert panel.run_view.live.dice_plot.curves
    scene.click(panel.run_view.resume_button)
    scene.until(lambda: panel.follower.is_following)
    # Its pictures are not there: the real worker says so.
    scene.until(lambda: not panel.follower.is_following, 90)
    assert scene.status(folder).phase == "failed"
    assert "stripes" in panel.run_view.told.text()
    scene.click(panel.run_view.remove_button)
    scene.until(lambda: not folder.exists())
    scene.rest()
    assert not panel.run_view.isVisible()
    assert "nothing of it is left" in panel.status.text()


def test_a_cancelled_run_can_be_resumed_though_its_worker_is_still_leaving(scene):
    folder = scene.write_run()
    lock = take_lock(folder / run_folder.LOCK)
    panel = scene.open()
    scene.until(lambda: panel.follower.is_following)
    write_end(folder, "cancelled", "cancelled")
    scene.until(panel.run_view.ends.isVisible)
    assert panel.run_view.resume_button.isEnabled()
    lock.release()


def test_a_candidate_that_cannot_be_read_is_no_dead_end(scene, bundle):
    older, folder = scene.write_run("older"), scene.write_run("run")
    for one in (older, folder):
        scene.finish_run(one, comparison(0.1), bundle)
    (folder / run_folder.WORST).write_bytes(b"nothing")
    panel = scene.open()
    scene.until(panel.run_view.ends.isVisible)
    assert "cannot be read" in panel.run_view.told.text()
    assert "measures again" in panel.run_view.told.text()
    assert not panel.window().findChildren(ErrorMessage)
    assert not panel.gate.isVisible()
    assert panel.run_view.resume_button.isEnabled()
    scene.rest()
    scene.click(panel.run_view.remove_button)
    # Then the next one is shown.
    scene.until(panel.gate.isVisible)
    assert panel.gate.candidate.run == older


def test_a_run_under_way_comes_before_those_that_wait(scene, bundle):
    waiting = scene.write_run("a-waiting")
    scene.finish_run(waiting, comparison(0.1), bundle)
    running = scene.write_run("b-running")
    panel = scene.open()
    scene.until(lambda: panel.follower.is_following)
    assert panel.follower.run.folder == running


# The candidate


def open_candidate(scene, bundle, gain: float, replay_gain: float = 0.0):
    folder = scene.write_run()
    scene.finish_run(folder, comparison(gain, replay_gain), bundle)
    scene.with_data()
    panel = scene.open()
    scene.until(panel.gate.isVisible)
    scene.rest()
    return panel, folder


def test_a_better_candidate_is_accepted_and_in_every_list_at_once(
    viewer, scene, bundle
):
    segment = SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment, name="Segment")
    panel, folder = open_candidate(scene, bundle, 0.1)
    gate = panel.gate
    assert "Better" in gate.verdict.text()
    assert gate.accept_button.isDefault()
    assert gate.name_field.text() == "tiny-net-2"
    assert gate.held_out_table.rowCount() == 3
    gate.name_field.setText(TINY)
    assert not gate.accept_button.isEnabled()
    gate.name_field.setText("my-net")
    scene.click(gate.accept_button)
    scene.until(lambda: not gate.isVisible())
    scene.rest()
    assert not folder.exists()
    assert (user_models_dir() / "my-net" / "finetune.json").is_file()
    assert titles(segment.model_picker) == [f"my-net ({DATA_SET})", TITLE]
    assert panel.setup.model_picker.card.name == "my-net"
    assert "my-net is a model of yours now" in panel.status.text()
    scene.click(panel.use_button)
    assert segment.model_picker.card.name == "my-net"


def test_a_worse_candidate_says_so_and_is_not_suggested(scene, bundle):
    panel, folder = open_candidate(scene, bundle, -0.1)
    gate = panel.gate
    assert "Worse" in gate.verdict.text()
    assert gate.discard_button.isDefault()
    assert not gate.accept_button.isDefault()
    gate.name_field.returnPressed.emit()
    assert folder.exists()
    assert not panel.errand.is_busy
    scene.click(gate.discard_button)
    scene.until(lambda: not folder.exists())
    scene.rest()
    assert not gate.isVisible()
    assert not panel.run_view.isVisible()
    assert not list(run_folder.runs_dir().iterdir())
    assert [one.name for one in list_bundles()] == [TINY]


def test_the_worst_bscans_are_shown_one_by_one_and_enlarged(qtbot, scene, bundle):
    panel, _ = open_candidate(scene, bundle, 0.1)
    worst = panel.gate.worst
    assert worst.caption.text() == "Worst 1 of 5: scan0, B-scan 1"
    assert [title for title, _ in worst.grid.pictures] == [
        "B-scan",
        "truth",
        "before, Dice 0.50",
        "after, Dice 0.80",
    ]
    first = worst.grid.pictures
    scene.click(worst.next_button)
    assert worst.caption.text() == "Worst 2 of 5: scan1, B-scan 1"
    assert worst.grid.pictures != first
    scene.click(worst.back_button)
    scene.click(worst.back_button)
    assert worst.caption.text() == "Worst 5 of 5: scan4, B-scan 1"
    qtbot.mouseDClick(worst.grid, LEFT)
    [dialog] = panel.window().findChildren(EnlargedPictures)
    assert dialog.grid.pictures == worst.grid.pictures
    dialog.close()


def test_everything_fits_into_the_dock(scene, bundle):
    panel, _ = open_candidate(scene, bundle, -0.1, -0.05)
    panel.setup_fold.set_unfolded(True)
    panel.setup.settings_box.fold.set_unfolded(True)
    panel.history_fold.set_unfolded(True)
    panel.adapt_fold.set_unfolded(True)
    scene.rest()
    content = panel.scroll_area.widget()
    assert content.minimumSizeHint().width() <= panel.scroll_area.viewport().width()


# What came of it


def test_the_learning_curve_and_the_way_back(qtbot, viewer, scene, bundle):
    segment = SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment, name="Segment")
    panel, _ = open_candidate(scene, bundle, 0.1)
    panel.gate.name_field.setText("my-net")
    scene.click(panel.gate.accept_button)
    scene.until(lambda: not panel.gate.isVisible())
    scene.rest()
    qtbot.mouseClick(panel.history_fold.button, LEFT)
    scene.rest()
    after, before = panel.history.plot.curves
    assert (after.x, after.y) == ([6], [pytest.approx(0.75)])
    assert (before.x, before.y) == ([6], [pytest.approx(0.65)])
    assert panel.history.caption.text() == "1 fine-tuning."
    scene.click(panel.history.buttons[TINY])
    window = panel.window()
    scene.until(lambda: bool(window.findChildren(QMessageBox)))
    [question] = window.findChildren(QMessageBox)
    assert "my-net will be put aside" in question.informativeText()
    [button] = [b for b in question.buttons() if "Roll back" in b.text()]
    qtbot.mouseClick(button, LEFT)
    scene.until(lambda: titles(segment.model_picker) == [TITLE])
    scene.rest()
    assert panel.setup.model_picker.card.name == TINY
    assert panel.status.text() == f"Back at {TINY}; put aside: my-net."
    scene.click(panel.history.buttons["my-net"])
    scene.until(lambda: len(titles(segment.model_picker)) == 2)
    scene.rest()
    assert find_bundle("my-net").card is not None


# A real training


def start_real_run(scene, n_steps: int, preset: str = "quick"):
    scene.with_data()
    panel = scene.open()
    panel.setup.settings_box.choose_preset(preset)
    panel.setup.settings_box.fold.set_unfolded(True)
    panel.setup.settings_box.steps_box.setValue(n_steps)
    panel.setup.settings_box.rate_box.setValue(0.02)
    scene.rest()
    scene.click(panel.run_button)
    scene.until(lambda: panel.follower.is_following)
    return panel


def test_a_real_run_is_watched_without_a_stall_and_has_a_candidate(scene):
    panel = start_real_run(scene, 40)
    pulse = Pulse()
    scene.until(lambda: bool(panel.run_view.live.dice_plot.curves), 120)
    scene.until(lambda: not panel.follower.is_following, 120)
    assert pulse.stop() < STALL_MS
    assert pulse.n_beats > 100
    live = panel.run_view.live
    assert [curve.name for curve in live.dice_plot.curves] == ["RNFL", "GCIPL"]
    assert [title for title, _ in live.example.pictures] == ["truth", "model now"]
    scene.until(panel.gate.isVisible, 60)
    assert panel.gate.candidate.comparison.n_bscans == 3
    assert panel.gate.held_out_table.rowCount() == 3


def test_cancel_keeps_the_best_so_far_and_measures_it(scene):
    # It validates every hundred steps.
    panel = start_real_run(scene, 3000, "thorough")
    [run] = list_runs()
    scene.until((run.folder / run_folder.BEST).is_file, 180)
    scene.click(panel.cancel_button)
    assert panel.progress_view.label.text() == "Stopping…"
    assert not panel.cancel_button.isEnabled()
    scene.until(lambda: panel.follower.status.phase != "training", 10)
    scene.until(panel.gate.isVisible, 120)
    notes = panel.gate.notes.text()
    assert "stopped early" in notes
