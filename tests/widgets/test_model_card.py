"""The short form of a card: what is read within ten seconds."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_octseg.bundles.card import DataSource, Training
from napari_octseg.bundles.score import Score, Support
from napari_octseg.widgets import _speed
from napari_octseg.widgets._card_text import classes_table, summary, trained_on
from napari_octseg.widgets._model_card import PICTURE, ModelCardView
from napari_octseg.widgets._speed import Speed, known_speed, remember_speed

SCORE = Score(
    data="A < B",
    split="held out",
    n_images=7,
    n_patients=5,
    dice={"mean": 0.5, "RNFL": 0.9, "GCIPL": 0.1},
    roc_auc={"RNFL": 0.98},
    support={"GCIPL": Support(n_images=2, n_patients=1)},
)


@pytest.fixture
def card(tiny_bundle):
    return tiny_bundle("net").card.model_copy(update={"metrics": (SCORE,)})


def test_the_short_card_shows_the_mean_and_what_it_rests_on(card):
    text = summary(card)
    assert "A &lt; B" in text
    row = text[text.index("A &lt; B") :]
    for figure in ("<b>0.50</b>", "0.980", ">7<", ">5<"):
        assert figure in row
    assert text.index("mean Dice") < text.index("Knows nothing")
    assert "not measured" in summary(card.model_copy(update={"metrics": ()}))


def test_every_class_has_its_colour(card):
    text = summary(card)
    for entry in card.classes[1:]:
        assert f"<span style='color:{entry.colour}'>■</span>\u00a0{entry.name}" in text
    assert "background" not in text


def test_the_table_of_classes_begins_with_the_mean_and_marks_thin_figures(card):
    table = classes_table(card)
    places = [table.index(part) for part in ("<b>mean</b>", "RNFL", "GCIPL")]
    assert places == sorted(places)
    assert "0.10*" in table
    assert "0.90*" not in table
    assert "fewer than three patients" in table
    many = [SCORE.model_copy(update={"data": f"set {i}"}) for i in range(6)]
    text = classes_table(card.model_copy(update={"metrics": tuple(many)}))
    assert "2 more data sets" in text
    assert classes_table(card.model_copy(update={"metrics": ()})) == ""


def test_phantoms_are_counted_apart(card):
    data = (
        DataSource(name="NR206", n_images=3),
        DataSource(name="made", n_images=40, synthetic=True),
    )
    training = Training(data=data)
    told = trained_on(card.model_copy(update={"training": training}))
    assert told == "NR206 (3) and 40 synthetic images"


def test_the_speed_here_is_said_once_it_is_known(card):
    assert known_speed("net") is None
    assert "not measured yet" in summary(card)
    remember_speed("other", Speed(per_second=12.3, device="GPU", day="2026-01-30"))
    remember_speed("net", Speed(per_second=2.345, device="CPU", day="2026-01-31"))
    speed = known_speed("net")
    told = summary(card, str(speed))
    assert "2.3 B-scans per second on CPU (run of 2026-01-31)" in told
    assert str(known_speed("other")).startswith("12 B-scans per second on GPU")
    picture = Speed(per_second=0.31, device="CPU", day="2026-02-01", unit="pictures")
    remember_speed("net", picture)
    assert str(known_speed("net")).startswith("0.31 pictures per second on CPU")


def test_a_damaged_list_of_speeds_is_begun_anew(no_traces, caplog):
    path = _speed.speeds_path()
    assert path.parent == no_traces.parent, "not the file of whoever runs the tests"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"net": {"per_second": -1}}')
    assert known_speed("net") is None
    assert "cannot be read" in caplog.text
    remember_speed("net", Speed(per_second=1, device="CPU", day="2026-01-31"))
    assert known_speed("net") is not None


@pytest.mark.gui
def test_the_card_unfolds_its_figures_and_shows_the_picture_of_the_bundle(
    qtbot, tiny_bundle, card
):
    bundle = tiny_bundle("other")
    view = ModelCardView()
    qtbot.addWidget(view)
    view.show()
    view.show_bundle(bundle)
    assert view.picture.isHidden()
    assert view.classes_fold.isHidden()
    iio.imwrite(bundle.folder / PICTURE, np.zeros((60, 320, 3), np.uint8))
    object.__setattr__(bundle, "card", card)
    view.show_bundle(bundle)
    assert view.picture.isVisible()
    assert not view.classes_text.isVisible()
    qtbot.mouseClick(view.classes_fold.button, Qt.MouseButton.LeftButton)
    assert view.classes_text.isVisible()
    qtbot.mouseClick(view.button, Qt.MouseButton.LeftButton)
    assert not view.text.isVisible()
    view.show_bundle(None)
    assert not view.isVisible()
