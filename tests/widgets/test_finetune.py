from __future__ import annotations

import pytest

from napari_octseg.bundles.registry import find_bundle, user_models_dir
from napari_octseg.engine.finetuning.run import list_runs
from napari_octseg.widgets.segment import SegmentWidget
from tests.widgets.fine_tune_scene import DATA_SET, TINY, TITLE, FineTuneScene, Pulse

pytestmark = pytest.mark.gui
STALL_MS = 100


@pytest.fixture
def scene(qtbot, viewer, tiny_bundle, tmp_path) -> FineTuneScene:
    tiny_bundle(TINY, title=TITLE, widths=(8, 16), size=(48, 40))
    return FineTuneScene(qtbot, viewer, tmp_path)


def test_a_real_run_from_corrections_to_a_model_in_the_picker(qtbot, viewer, scene):
    scene.with_data()
    segment = SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment, name="Segment")
    panel = scene.open()
    sentence = panel.setup.plan_view.sentence.text()
    assert sentence.startswith(
        f"Starts from {TITLE}, trains on all 6 corrected B-scans of 2 patients"
    )
    assert "judged on 1 of 3 patients" in sentence
    panel.setup.settings_box.fold.set_unfolded(True)
    panel.setup.settings_box.steps_box.setValue(40)
    panel.setup.settings_box.rate_box.setValue(0.02)
    scene.rest()
    scene.click(panel.run_button)
    scene.until(lambda: panel.follower.is_following)
    pulse = Pulse()
    scene.until(lambda: bool(panel.run_view.live.dice_plot.curves), 120)
    scene.until(lambda: not panel.follower.is_following, 120)
    assert pulse.stop() < STALL_MS
    assert pulse.n_beats > 100
    names = [curve.name for curve in panel.run_view.live.dice_plot.curves]
    assert names == ["RNFL", "GCIPL"]
    assert [t for t, _ in panel.run_view.live.example.pictures] == [
        "truth",
        "model now",
    ]
    scene.until(panel.gate.isVisible, 60)
    scene.rest()
    assert panel.gate.verdict.text()
    [run] = list_runs()
    panel.gate.name_field.setText("my-net")
    scene.click(panel.gate.accept_button)
    scene.until(lambda: not panel.gate.isVisible(), 60)
    scene.rest()
    assert not run.folder.exists()
    card = find_bundle("my-net").card
    assert card.training.parent == TINY
    assert (user_models_dir() / "my-net" / "finetune.json").is_file()
    titles = [segment.model_picker.itemText(i) for i in range(2)]
    assert titles == [f"my-net ({DATA_SET})", TITLE]
    scene.click(panel.use_button)
    assert segment.model_picker.card.name == "my-net"
