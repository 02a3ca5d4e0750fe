from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_octseg.volume import Origin, Spacing
from napari_octseg.widgets._spacing_form import SpacingForm

pytestmark = pytest.mark.gui


def test_spacing_shows_where_each_value_came_from(qtbot):
    form = SpacingForm()
    qtbot.addWidget(form)
    origins = (Origin.UNKNOWN, Origin.FILE, Origin.DEFAULT)
    form.show_spacing(Spacing(None, 3.87, 11.5, origins))
    assert form.fields["axial"].text() == "3.87"
    assert form.origins["axial"].text() == "from the file"
    assert form.fields["between_bscans"].text() == ""
    assert "unknown" in form.origins["between_bscans"].text()
    assert "color" in form.origins["between_bscans"].text()


@pytest.mark.parametrize("typed", ["3,87", "3.87", " 3.87 "])
def test_a_typed_spacing_is_the_users(qtbot, typed):
    form = SpacingForm()
    qtbot.addWidget(form)
    form.show_spacing(Spacing())
    with qtbot.waitSignal(form.edited) as heard:
        qtbot.keyClicks(form.fields["axial"], typed)
        qtbot.keyClick(form.fields["axial"], Qt.Key.Key_Return)
    [spacing] = heard.args
    assert spacing == Spacing(
        None, 3.87, None, (Origin.UNKNOWN, Origin.USER, Origin.UNKNOWN)
    )


@pytest.mark.parametrize("typed", ["abc", "-3", "0", "inf", "nan"])
def test_a_wrong_spacing_is_said_and_not_taken(qtbot, typed):
    form = SpacingForm()
    qtbot.addWidget(form)
    form.show_spacing(Spacing())
    with qtbot.assertNotEmitted(form.edited):
        qtbot.keyClicks(form.fields["axial"], typed)
        qtbot.keyClick(form.fields["axial"], Qt.Key.Key_Return)
    assert typed in form.problem.text()


def test_an_emptied_field_makes_the_spacing_unknown(qtbot):
    form = SpacingForm()
    qtbot.addWidget(form)
    form.show_spacing(Spacing.of((120.0, 4.0, 10.0), Origin.FILE))
    form.fields["lateral"].clear()
    with qtbot.waitSignal(form.edited) as heard:
        qtbot.keyClick(form.fields["lateral"], Qt.Key.Key_Return)
    assert tuple(heard.args[0]) == (120.0, 4.0, None)


def test_suggested_values_are_taken_by_a_click(qtbot):
    form = SpacingForm()
    qtbot.addWidget(form)
    form.show_spacing(Spacing())
    usual = Spacing.of((120.0, 3.87, 11.5), Origin.DEFAULT)
    form.suggest(usual, "Spectralis")
    assert "Spectralis" in form.suggest_button.text()
    with qtbot.waitSignal(form.edited) as heard:
        qtbot.mouseClick(form.suggest_button, Qt.MouseButton.LeftButton)
    assert heard.args == [usual]
    assert form.origins["axial"].text() == "device default"
    form.suggest(None)
    assert form.suggest_button.isHidden()
