from __future__ import annotations

import dask.array
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pandas.testing import assert_frame_equal

from napari_octseg.engine.metrics import overlap
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.measure.quantify import iter_quantify, quantify
from napari_octseg.volume import Origin, Spacing

CLASSES = LabelSet.of("background", "H", "IRF", "PED")
SPACING = Spacing.of((250.0, 4.0, 10.0), Origin.FILE)
LABELS = arrays(np.uint8, (2, 5, 6), elements=st.sampled_from([0, 1, 2, 3, IGNORE]))


@pytest.fixture
def labels() -> np.ndarray:
    """Two B-scans: 40 px² of H, a cyst of 10 px² on one of them, no PED."""
    made = np.zeros((2, 10, 12), np.uint8)
    made[:, 2:6, 1:6] = 1
    made[1, 7:9, 3:8] = 2
    return made


def test_areas_and_shares_are_those_drawn(labels):
    found = quantify(labels, CLASSES)
    assert [one.label_class.name for one in found.classes] == ["H", "IRF", "PED"]
    assert [one.predicted.area_px for one in found.classes] == [40, 10, 0]
    assert [one.predicted.percent for one in found.classes] == [80, 20, 0]
    assert found.n_bscans == 2


def test_the_weighted_area_is_counted_not_pixels():
    labels = np.zeros((1, 4, 4), np.uint8)
    labels[0, 1, 1] = labels[0, 2, 2] = 2
    found = quantify(labels, CLASSES)
    assert found.classes[1].predicted.area_px == 2.25
    assert found.classes[1].predicted.percent == 100


def test_units_need_the_spacing_they_are_made_of(labels):
    irf = quantify(labels, CLASSES, spacing=SPACING).classes[1].predicted
    assert irf.area_mm2 == pytest.approx(10 * 4e-3 * 10e-3)
    # 0.0004 mm² times 0.25 mm are 0.0001 mm³.
    assert irf.volume_nl == pytest.approx(0.1)
    plane = Spacing.of((None, 4.0, 10.0), Origin.FILE)
    irf = quantify(labels, CLASSES, spacing=plane).classes[1].predicted
    assert irf.area_mm2 == pytest.approx(0.0004)
    assert np.isnan(irf.volume_nl)
    unknown = quantify(labels, CLASSES).classes[1].predicted
    assert np.isnan(unknown.area_mm2)
    assert np.isnan(unknown.volume_nl)


def test_a_prediction_is_held_against_the_truth(labels):
    truth = labels.copy()
    truth[1, 7:9, 3:8] = 0
    truth[0, 7:9, 3:13] = 2  # 2 x 9 in view, elsewhere than predicted
    irf = quantify(labels, CLASSES, truth).classes[1]
    assert irf.true.area_px == 18
    assert irf.true.percent == pytest.approx(100 * 18 / 58)
    assert irf.percent_difference == pytest.approx(100 * 18 / 58 - 20)
    assert irf.dice == 0
    h, _, ped = quantify(labels, CLASSES, truth).classes
    assert h.dice == 1
    assert ped.dice == 1  # in neither


def test_the_table_has_a_row_per_class_and_truth_beside_prediction(labels):
    table = quantify(labels, CLASSES, labels, SPACING).table()
    assert list(table["class"]) == ["H", "IRF", "PED"]
    assert list(table["class_index"]) == [1, 2, 3]
    assert (table["percent_difference"] == 0).all()
    assert (table["true_volume_nl"] == table["volume_nl"]).all()
    assert (table["dice"] == 1).all()
    alone = quantify(labels, CLASSES).table()
    assert list(alone.columns) == [
        "class",
        "class_index",
        "area_px",
        "percent",
        "area_mm2",
        "volume_nl",
    ]


def test_what_one_side_did_not_grade_counts_for_neither(labels):
    truth = labels.copy()
    truth[1] = IGNORE
    found = quantify(labels, CLASSES, truth)
    h, irf, _ = found.classes
    assert h.predicted.area_px == h.true.area_px == 20
    assert irf.predicted.area_px == 0
    assert (found.n_bscans, found.n_ignored) == (1, 0)
    truth = labels.copy()
    truth[0, 2, :] = IGNORE
    found = quantify(labels, CLASSES, truth)
    assert found.classes[0].predicted.area_px == 35
    assert (found.n_bscans, found.n_ignored) == (2, 12)


def test_where_there_is_nothing_every_share_is_zero():
    found = quantify(np.zeros((1, 4, 4), np.uint8), CLASSES)
    assert [one.predicted.percent for one in found.classes] == [0, 0, 0]


@settings(max_examples=30)
@given(LABELS, LABELS)
def test_shares_add_up_and_dice_is_that_of_the_metrics(labels, truth):
    found = quantify(labels, CLASSES, truth)
    for side in ("predicted", "true"):
        total = sum(getattr(one, side).percent for one in found.classes)
        area = sum(getattr(one, side).area_px for one in found.classes)
        assert total == pytest.approx(100 if area else 0)
    for one in found.classes:
        assert one.dice == overlap(labels, truth, one.class_index).dice


@settings(max_examples=20)
@given(LABELS)
def test_swapping_prediction_and_truth_swaps_the_figures(labels):
    other = labels[:, ::-1]
    forth, back = quantify(labels, CLASSES, other), quantify(other, CLASSES, labels)
    for one, two in zip(forth.classes, back.classes, strict=True):
        assert one.predicted.area_px == two.true.area_px
        assert one.true.percent == two.predicted.percent
        assert one.percent_difference == two.percent_difference
        assert one.dice == two.dice


def test_one_bscan_lazy_and_wide_integers_give_the_same(labels):
    expected = quantify(labels, CLASSES).table()
    lazy = dask.array.from_array(labels, chunks=(1, 10, 12))
    assert_frame_equal(quantify(lazy, CLASSES).table(), expected)
    wide = quantify(labels.astype(np.int64), CLASSES).table()
    assert_frame_equal(wide, expected)
    one, stack_of_one = (quantify(x, CLASSES).table() for x in (labels[1], labels[1:]))
    assert_frame_equal(one, stack_of_one)


def test_progress_tells_each_bscan(labels):
    steps = list(iter_quantify(labels, CLASSES))
    assert [(step.done, step.total) for step in steps] == [(1, 2), (2, 2)]


def test_codes_outside_the_label_set_are_refused(labels):
    labels[1, 0, 0] = 12
    with pytest.raises(LabelError, match=r"B-scan 1 .* code 12.*0 .* to 3 \(PED\)"):
        quantify(labels, CLASSES)
    with pytest.raises(LabelError, match="code -1"):
        quantify(np.full((4, 4), -1), CLASSES)


def test_sizes_that_differ_are_refused_with_both_sizes(labels):
    with pytest.raises(LabelError, match=r"2 B-scans of 10 × 12.*1 B-scan of 10 × 12"):
        quantify(labels, CLASSES, labels[:1])


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.zeros(4, int), np.zeros((0, 4))])
def test_what_cannot_be_labels_is_refused(bad):
    with pytest.raises(LabelError, match="integers of shape"):
        quantify(bad, CLASSES)
