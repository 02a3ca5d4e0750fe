from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._legend import ClassTable

pytestmark = pytest.mark.gui
SET = LabelSet.of("background", "RNFL", "GCIPL")


def test_the_class_table_shows_areas_only_with_their_unit(qtbot):
    table = ClassTable()
    qtbot.addWidget(table)
    table.show_classes(SET)
    labels = np.ones((100, 100), np.uint8)
    table.show_areas(labels, OCTVolume(labels, spacing_um=(None, 4.0, 10.0)))
    assert [table.item(row, 1).text() for row in (0, 1)] == ["0.400 mm²", "0.000 mm²"]
    table.show_areas(labels, OCTVolume(labels))
    assert table.item(0, 1).text() == "10 000 px"
    table.show_areas(np.full_like(labels, IGNORE), OCTVolume(labels))
    assert table.item(0, 1).text() == "–"


def test_the_class_table_names_every_class_but_the_background(qtbot):
    table = ClassTable()
    qtbot.addWidget(table)
    table.show_classes(SET)
    texts = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert [text.split()[0] for text in texts] == ["RNFL", "GCIPL"]
    assert "retinal nerve fibre layer" in texts[0]
    assert not table.item(0, 0).icon().isNull()
