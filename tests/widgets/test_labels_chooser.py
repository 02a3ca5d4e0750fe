from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_octseg.widgets._labels_chooser import LabelsChooser
from napari_octseg.widgets._panel import Panel

pytestmark = pytest.mark.gui


@pytest.fixture
def panel(qtbot) -> Panel:
    made = Panel()
    qtbot.addWidget(made)
    return made


def labels(name: str, ndim: int = 3) -> Labels:
    return Labels(np.zeros((3, 8, 9)[-ndim:], np.uint8), name=name)


def texts(chooser) -> list[str]:
    return [chooser.itemText(i) for i in range(chooser.count())]


def test_labels_are_listed_newest_first_and_nothing_else(viewer, panel):
    chooser = LabelsChooser(viewer, panel)
    assert texts(chooser) == ["no labels yet"]
    assert chooser.layer is None
    viewer.add_layer(Image(np.zeros((3, 8, 9))))
    one, two = labels("one"), labels("two")
    viewer.add_layer(one)
    viewer.add_layer(two)
    assert texts(chooser) == ["two", "one"]
    one.name = "first"
    assert texts(chooser) == ["two", "first"]


def test_the_layer_list_leads_and_a_removed_layer_is_followed(viewer, panel):
    chooser = LabelsChooser(viewer, panel)
    seen = []
    chooser.layer_changed.connect(seen.append)
    one, two = labels("one"), labels("two")
    viewer.add_layer(one)
    viewer.add_layer(two)
    viewer.layers.selection.active = one
    assert chooser.layer is one
    assert chooser.currentText() == "one"
    viewer.layers.remove(one)
    assert chooser.layer is two
    viewer.layers.remove(two)
    assert chooser.layer is None
    assert seen == [one, two, one, two, None]


def test_a_chooser_with_an_entry_for_nothing_stays_on_it(viewer, panel):
    chooser = LabelsChooser(viewer, panel, nothing="none")
    one, two = labels("one"), labels("two")
    viewer.add_layer(one)
    viewer.add_layer(two)
    viewer.layers.selection.active = one
    assert chooser.layer is None
    assert texts(chooser) == ["none", "two", "one"]
    chooser.setCurrentIndex(2)
    chooser.activated.emit(2)
    assert chooser.layer is one
    viewer.layers.remove(two)
    assert chooser.layer is one
    assert chooser.currentText() == "one"
    viewer.layers.remove(one)
    assert chooser.layer is None
    assert chooser.currentText() == "none"


def test_a_closed_panel_listens_no_more(viewer, panel):
    chooser = LabelsChooser(viewer, panel)
    panel.close_down()
    viewer.add_layer(labels("late"))
    assert chooser.layer is None
