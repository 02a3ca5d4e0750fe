from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qtpy.QtCore import Qt

from napari_octseg.widgets._origin_strip import (
    OriginStrip,
    origin_colours,
    origin_shares,
)
from tests.widgets.grading_scene import (
    DEPTH,
    MODEL,
    N_BSCANS,
    WIDTH,
    correct,
    make_scene,
    predict,
)

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
NAME = "origin of the labels"


@pytest.fixture
def scene(viewer, tmp_path):
    made = make_scene(viewer, tmp_path)
    made.strip = OriginStrip(made.view, made.panel)
    made.add(made.strip)
    yield made
    made.view.close()


def switch_on(qtbot, scene):
    switch = scene.strip.switch
    qtbot.mouseClick(switch, LEFT, pos=_tick(switch))
    assert switch.isChecked()
    return scene.viewer.layers[NAME]


def _tick(switch):
    place = switch.rect().center()
    place.setX(8)
    return place


def test_columns_have_the_colours_of_who_made_them(qtbot, scene):
    grading = scene.open()
    predict(grading)
    correct(grading, 0)
    layer = switch_on(qtbot, scene)
    assert layer.data.shape == (N_BSCANS, 1, WIDTH)
    colours = layer.colormap.map(layer.data[0, 0])
    assert len({tuple(colour) for colour in colours[:20]}) == 1
    assert tuple(colours[0]) != tuple(colours[30])
    text = scene.strip.legend.text().replace("&nbsp;", " ")
    assert f"{MODEL} 62 %" in text
    assert "human 38 %" in text
    # It follows edits, undo and the slider.
    grading.undo()
    text = scene.strip.legend.text().replace("&nbsp;", " ")
    assert "human" not in text
    correct(grading, 3)
    scene.view.go_to(3)
    assert "human" in scene.strip.legend.text()


def test_the_strip_is_above_the_bscan_and_not_the_active_layer(qtbot, scene):
    scene.open()
    active = scene.viewer.layers.selection.active.name
    layer = switch_on(qtbot, scene)
    assert scene.viewer.layers.selection.active.name == active
    assert not layer.editable
    # The first row of the B-scan begins half a pixel of 4 µm above 0.
    bottom = layer.translate[-2] + layer.scale[-2] / 2
    assert bottom < -2
    assert bottom > -0.2 * DEPTH * 4
    np.testing.assert_allclose(layer.scale[[0, 2]], (120, 10))


def test_switching_off_and_closing_take_it_away(qtbot, scene):
    scene.open()
    switch_on(qtbot, scene)
    qtbot.mouseClick(scene.strip.switch, LEFT, pos=_tick(scene.strip.switch))
    assert NAME not in scene.viewer.layers
    assert scene.strip.legend.isHidden()
    switch_on(qtbot, scene)
    scene.view.close()
    assert NAME not in scene.viewer.layers
    assert not scene.strip.switch.isEnabled()


def test_deleting_the_layer_switches_it_off(qtbot, scene):
    scene.open()
    layer = switch_on(qtbot, scene)
    scene.viewer.layers.remove(layer)
    assert not scene.strip.switch.isChecked()


def test_models_have_colours_of_their_own():
    names = ["nobody", "human", "propagated", "interpolated", "repaired", "a 1", "b 2"]
    assert len(set(origin_colours(names))) == len(names)


@given(hnp.arrays(np.uint8, st.integers(1, 50), elements=st.integers(0, 6)))
def test_shares_add_up_and_fall(origins):
    shares = list(origin_shares(origins).values())
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
