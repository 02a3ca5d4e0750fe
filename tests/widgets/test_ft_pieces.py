from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.widgets._ft_change_table import ChangeTable
from napari_octseg.widgets._ft_colours import Theme, contrast, readable
from napari_octseg.widgets._ft_gate import GateView, verdict_text
from napari_octseg.widgets._ft_live import thinned
from napari_octseg.widgets._ft_pictures import labelled, rows_with_labels
from napari_octseg.widgets._ft_plot import Curve, CurvePlot
from napari_octseg.widgets._panel import Panel
from tests.widgets.fine_tune_scene import change, comparison

pytestmark = pytest.mark.gui
COLOURS = [one.colour for one in LabelSet.of("RNFL", "GCL", "ONL", "OS", "HF").classes]


@pytest.mark.parametrize("name", ["dark", "light"])
@pytest.mark.parametrize("colour", [*COLOURS, "#000000", "#ffffff"])
def test_every_class_can_be_read_on_every_theme(name, colour):
    theme = Theme.named(name)
    shown = readable(colour, theme)
    assert contrast(shown, theme.background) >= 3
    if contrast(colour, theme.background) >= 3:
        assert shown == colour


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#ffffff", "#777777") == pytest.approx(4.48, abs=0.01)


@pytest.fixture
def panel(viewer) -> Panel:
    made = Panel()
    viewer.window.add_dock_widget(made, name="Panel")
    return made


@pytest.fixture
def plot(viewer, panel) -> CurvePlot:
    made = CurvePlot(viewer, panel, x_title="step", y_title="Dice", y_top=1.0)
    panel.body.addWidget(made)
    return made


def drawn(plot: CurvePlot) -> list[tuple[list[float], list[float]]]:
    lines = plot.canvas.getPlotItem().listDataItems()
    return [tuple(map(list, line.getData())) for line in lines]


def test_a_plot_draws_its_curves_and_tells_their_last_values(plot):
    first = Curve("RNFL", "#e6550d", [1, 2], [0.5, 0.75])
    second = Curve("phantom", "", [1, 2], [0.9, 0.9], dashed=True)
    plot.show_curves([first, second])
    assert drawn(plot) == [([1, 2], [0.5, 0.75]), ([1, 2], [0.9, 0.9])]
    assert "RNFL\N{NO-BREAK SPACE}0.75" in plot.legend.text()
    low, high = plot.canvas.viewRange()[1]
    assert low < 0.5 < 1 <= high
    plot.show_curves([second])
    assert drawn(plot) == [([1, 2], [0.9, 0.9])]
    assert "RNFL" not in plot.legend.text()


def test_a_plot_follows_the_theme(viewer, plot):
    white = Curve("HF", "#ffffff", [1, 2], [0.5, 0.75])
    plot.show_curves([white])
    for name in ("light", "dark"):
        viewer.theme = name
        theme = Theme.named(name)
        assert plot.canvas.backgroundBrush().color().name() == theme.background
        [line] = plot.canvas.getPlotItem().listDataItems()
        colour = line.opts["pen"].color().name()
        assert contrast(colour, theme.background) >= 3
        assert colour in plot.legend.text()


def test_the_wheel_over_a_plot_is_left_to_the_panel(plot):
    plot.show_curves([Curve("RNFL", "#e6550d", [1, 2], [0.5, 0.75])])
    before = plot.canvas.viewRange()
    viewport = plot.canvas.viewport()
    place = QPointF(viewport.rect().center())
    event = QWheelEvent(
        place,
        QPointF(viewport.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, -240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, event)
    # Qt hands what nobody accepts to the scroll area around it.
    assert not event.isAccepted()
    assert plot.canvas.viewRange() == before


def test_many_points_become_few_means():
    points = [(step, float(step)) for step in range(1, 1001)]
    few = thinned(points)
    assert len(few) <= 200
    assert few[-1] == (1000, pytest.approx(998))
    assert np.mean([value for _, value in few]) == pytest.approx(500.5)
    assert thinned([(1, math.nan), (2, 3.0)]) == [(2, 3.0)]
    assert thinned([]) == []


def test_labels_are_drawn_over_the_bscan():
    image = np.full((2, 3), 0.5, np.float32)
    labels = np.array([[0, 1, IGNORE], [0, 0, 0]], np.uint8)
    shown = labelled(image, labels, LabelSet.of("background", "RNFL"))
    assert (shown.width(), shown.height()) == (3, 2)
    grey = shown.pixelColor(0, 0)
    assert grey.red() == grey.green() == grey.blue() == 127
    over = shown.pixelColor(1, 0)
    assert over.red() > 127 > over.blue()
    ungraded = shown.pixelColor(2, 0)
    assert ungraded.blue() > ungraded.red()
    assert labelled(image, None, LabelSet.of("background", "RNFL")).pixelColor(
        1, 0
    ) == (grey)


def test_rows_without_labels_are_cut_off():
    labels = np.zeros((100, 4), np.uint8)
    labels[40:60, 1] = 2
    labels[90:, 0] = IGNORE
    assert rows_with_labels(labels) == slice(37, 63)
    assert rows_with_labels(labels, np.eye(100, 4, dtype=np.uint8)) == slice(0, 69)
    assert rows_with_labels(np.zeros((7, 2), np.uint8)) == slice(0, 7)


def cells(table: ChangeTable) -> list[list[str]]:
    columns = range(table.columnCount())
    rows = range(table.rowCount())
    return [[table.item(row, column).text() for column in columns] for row in rows]


def test_the_table_tells_before_and_after_and_where_it_went(qtbot):
    table = ChangeTable()
    qtbot.addWidget(table)
    better, worse = change("RNFL", 0.7, 0.8), change("GCIPL", 0.8, 0.7)
    table.show_changes([better, worse], LabelSet.of("background", "RNFL", "GCIPL"))
    assert cells(table) == [
        ["RNFL", "0.70 (0.68–0.72)\n▲ 0.80 (0.78–0.82)", "9.0\n▲ 7.0"],
        ["GCIPL", "0.80 (0.78–0.82)\n▼ 0.70 (0.68–0.72)", "9.0\n▼ 11.0"],
    ]
    assert not table.item(0, 0).icon().isNull()


def test_of_several_data_sets_each_is_headed_by_its_name(qtbot):
    table = ChangeTable()
    qtbot.addWidget(table)
    bands = "RNFL+GCIPL+INL+OPL"
    rows = [
        change("mean", 0.7, 0.8, "NR206"),
        change("RNFL", 0.7, 0.8, "NR206"),
        change("mean", 0.8, 0.7, "healthy bands"),
        change(bands, 0.8, 0.7, "healthy bands"),
        change("fluid", 0.8, 0.7, "Duke"),
    ]
    table.show_changes(rows, LabelSet.of("background", "RNFL"))
    assert [row[0] for row in cells(table)] == [
        "NR206",
        "RNFL",
        "healthy\nbands",
        "RNFL+\nGCIPL+\nINL+OPL",
        "fluid\nDuke",
    ]
    bold = [table.item(row, 0).font().bold() for row in range(5)]
    assert bold == [True, False, True, False, False]
    assert table.item(3, 0).toolTip() == f"{bands}, healthy bands"


def test_what_is_not_known_is_no_number(qtbot):
    table = ChangeTable()
    qtbot.addWidget(table)
    bare = replace(
        change("IRF", 0.7, 0.7),
        dice_before=None,
        interval_before=None,
        interval_after=None,
        mae_before=None,
        mae_after=None,
    )
    table.show_changes([bare], None)
    assert cells(table) == [["IRF", "–\n0.70"]]


@pytest.mark.parametrize(
    ("gain", "replay_gain", "heading", "suggested", "words"),
    [
        (0.1, 0.0, "Better", "Accept", "Accept"),
        (0.0, 0.0, "No clear difference", None, "Accept"),
        (-0.1, 0.0, "Worse", "Discard", "Accept nevertheless"),
        (0.1, -0.05, "It has forgotten something", "Discard", "Accept nevertheless"),
    ],
)
def test_the_button_that_the_figures_speak_for_stands_out(
    qtbot, gain, replay_gain, heading, suggested, words
):
    gate = GateView()
    qtbot.addWidget(gate)
    found = comparison(gain, replay_gain)
    gate.show_comparison(found, None)
    assert heading in gate.verdict.text()
    assert verdict_text(found) == gate.verdict.text()
    assert found.text in gate.verdict.text()
    buttons = {"Accept": gate.accept_button, "Discard": gate.discard_button}
    defaults = [name for name, button in buttons.items() if button.isDefault()]
    assert defaults == ([] if suggested is None else [suggested])
    assert gate.accept_button.text() == words
