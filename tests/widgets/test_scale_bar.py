from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._scale_bar import show_scale_bar

pytestmark = pytest.mark.gui

PIXELS = np.zeros((2, 8, 8), np.uint8)
KNOWN = OCTVolume(PIXELS, spacing_um=(None, 4.0, 10.0))
UNKNOWN = OCTVolume(PIXELS)


@pytest.fixture
def model() -> ViewerModel:
    return ViewerModel()


def test_the_bar_is_there_where_lengths_are_known(model):
    bar = model.canvas.overlays.scale_bar
    for volume, is_shown in ((UNKNOWN, 0), (KNOWN, 1), (UNKNOWN, 0), (KNOWN, 1)):
        show_scale_bar(model, volume)
        assert bar.visible == is_shown


def test_a_bar_switched_off_by_hand_stays_off(model):
    bar = model.canvas.overlays.scale_bar
    show_scale_bar(model, KNOWN)
    bar.visible = False
    for volume in (KNOWN, UNKNOWN, KNOWN):
        show_scale_bar(model, volume)
        assert not bar.visible


def test_a_bar_in_px_switched_on_by_hand_stays_on(model):
    show_scale_bar(model, UNKNOWN)
    model.canvas.overlays.scale_bar.visible = True
    show_scale_bar(model, UNKNOWN)
    assert model.canvas.overlays.scale_bar.visible


def test_its_style_is_set_once_in_each_viewer(model):
    bar = model.canvas.overlays.scale_bar
    show_scale_bar(model, KNOWN)
    assert bar.box
    bar.box, bar.font_size = False, 20
    show_scale_bar(model, UNKNOWN)
    show_scale_bar(model, KNOWN)
    assert (bar.box, bar.font_size) == (False, 20)
    other = ViewerModel()
    show_scale_bar(other, KNOWN)
    assert other.canvas.overlays.scale_bar.box
