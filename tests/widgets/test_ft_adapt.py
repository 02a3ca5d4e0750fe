from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_octseg.bundles.card import Architecture
from napari_octseg.bundles.registry import find_bundle, user_models_dir, write_bundle
from napari_octseg.engine.finetuning.lineage import retired_dir
from napari_octseg.engine.recipe import Recipe
from napari_octseg.networks import build
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._layers import add_scan
from napari_octseg.widgets.segment import SegmentWidget
from tests.conftest import RECIPE, striped
from tests.widgets.fine_tune_scene import LEFT, TINY, TITLE, FineTuneScene

pytestmark = pytest.mark.gui
PHANTOMS = {
    "name": "phantom",
    "kind": "phantom",
    "n_phantoms": 1,
    "codes": {"0": ["background"], "1": ["RNFL"], "2": ["GCIPL"]},
}


@pytest.fixture
def make_model(tiny_bundle):
    """Write a model whose recipe tells what it was trained on."""
    pattern = tiny_bundle("pattern", title=TITLE, divisor=2)

    def make(name: str, *, norm: bool):
        arguments = {"n_classes": 3, "widths": [4, 8], "norm": norm}
        architecture = Architecture(name="unet", arguments=arguments)
        changes = {"name": name, "architecture": architecture}
        recipe = Recipe.model_validate({**RECIPE, "sources": [PHANTOMS]})
        return write_bundle(
            pattern.folder.parent / name,
            pattern.card.model_copy(update=changes),
            build("unet", arguments),
            extras={"recipe.json": recipe.model_dump_json()},
        )

    return make


@pytest.fixture
def scene(qtbot, viewer, make_model, tmp_path) -> FineTuneScene:
    make_model(TINY, norm=True)
    made = FineTuneScene(qtbot, viewer, tmp_path)
    pixels = np.stack([striped(seed)[0] for seed in range(3)])
    add_scan(viewer, OCTVolume(255 - pixels), "eye")
    return made


def open_box(qtbot, scene):
    panel = scene.open()
    panel.setup.model_picker.choose(TINY)
    qtbot.mouseClick(panel.adapt_fold.button, LEFT)
    scene.rest()
    return panel, panel.adapt


def choose(qtbot, box, way: str) -> None:
    qtbot.keyClick(box.way_picker, Qt.Key.Key_Home)
    for _ in range(box.way_picker.findText(way)):
        qtbot.keyClick(box.way_picker, Qt.Key.Key_Down)
    assert box.way_picker.currentText() == way


def adapt(scene, box) -> None:
    scene.click(box.button)
    assert box.is_busy
    scene.until(lambda: not box.is_busy, 120)


def leftovers():
    return [p.name for p in (user_models_dir() / "_adapted").glob("*")]


def test_a_model_is_adapted_shown_and_kept(qtbot, viewer, scene):
    segment = SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment, name="Segment")
    panel, box = open_box(qtbot, scene)
    assert box.button.text() == "Adapt to 1 open scan"
    adapt(scene, box)
    text = box.told.text()
    assert "Batch norm: 50%" in text
    assert "Grey values are matched" not in text, "which may do harm beside it"
    assert "Labelled otherwise than before:" in text
    assert "was not measured: look at it" in text
    assert [title for title, _ in box.grid.pictures] == ["before", "after"]
    names = [segment.model_picker.itemText(i) for i in range(2)]
    assert names == [TITLE, TITLE]
    scene.click(box.keep_button)
    scene.until(lambda: not box.result.isVisible())
    scene.rest()
    assert find_bundle(f"{TINY}-adapted").card.training.parent == TINY
    assert panel.setup.model_picker.card.name == f"{TINY}-adapted"
    assert segment.model_picker.count() == 3
    assert leftovers() == []


def test_discarding_leaves_nothing(qtbot, scene):
    _, box = open_box(qtbot, scene)
    adapt(scene, box)
    assert leftovers() == [f"{TINY}-adapted"]
    scene.click(box.discard_button)
    assert leftovers() == []
    assert not box.result.isVisible()


def test_closing_the_panel_leaves_nothing_that_was_not_kept(qtbot, scene):
    _, box = open_box(qtbot, scene)
    adapt(scene, box)
    scene.close()
    assert leftovers() == []


def test_with_ground_truth_before_and_after_are_measured(qtbot, scene):
    scene.with_data()
    _, box = open_box(qtbot, scene)
    adapt(scene, box)
    assert "mean Dice" in box.told.text()
    assert box.adaptation.comparison.n_bscans == 9


def test_a_model_without_norm_layers_says_so(qtbot, scene, make_model):
    make_model("plain-net", norm=False)
    _, box = open_box(qtbot, scene)
    scene.panel.setup.model_picker.choose("plain-net")
    choose(qtbot, box, "statistics of batch norm")
    scene.click(box.button)
    assert "no batch norm" in scene.message()
    scene.rest()
    assert leftovers() == []
    choose(qtbot, box, "what suits the model")
    adapt(scene, box)
    assert "Grey values are matched" in box.told.text()


def test_both_can_be_asked_for(qtbot, scene):
    _, box = open_box(qtbot, scene)
    choose(qtbot, box, "both")
    adapt(scene, box)
    assert "Grey values are matched" in box.told.text()
    assert "Batch norm: 50%" in box.told.text()


def test_without_an_open_scan_there_is_nothing_to_press(qtbot, viewer, scene):
    _, box = open_box(qtbot, scene)
    assert box.button.isEnabled()
    viewer.layers.clear()
    assert not box.button.isEnabled()


def test_a_name_that_a_retired_model_has_is_not_taken_again(qtbot, scene, make_model):
    make_model(f"{TINY}-adapted", norm=True)
    retired_dir().mkdir()
    (user_models_dir() / f"{TINY}-adapted").rename(retired_dir() / f"{TINY}-adapted")
    _, box = open_box(qtbot, scene)
    adapt(scene, box)
    assert box.adaptation.model.bundle.folder.name == f"{TINY}-adapted-2"
