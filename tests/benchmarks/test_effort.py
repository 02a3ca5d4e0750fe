"""The simulated grader uses tools as a person would, and its figures add up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.grading.boundary_tools import correct_layers
from benchmarks.grading.brush import covered, paint
from benchmarks.grading.brush_layers import paint_layers
from benchmarks.grading.brush_regions import dice, paint_regions
from benchmarks.grading.cost import CLICK_S, MENTAL_S, POINT_S, Tally
from benchmarks.grading.fluid_cases import FluidCase
from benchmarks.grading.hand import Hand
from benchmarks.grading.layer_cases import MISSING_PX, LayerCase, error_px
from benchmarks.grading.order import compare_orders
from benchmarks.grading.propagation import (
    correct_with_propagation,
    every_kth,
    every_kth_region,
    key_bscans,
)
from benchmarks.grading.region_tools import correct_regions
from benchmarks.grading.sight import Sight
from napari_octseg.editing.queue import Evidence
from napari_octseg.phantom import PhantomSettings, make_phantom

NAMES = ("ILM", "RNFL/GCL", "BM")


@pytest.fixture(scope="module")
def case() -> LayerCase:
    """Five B-scans of a phantom; the model puts one boundary 4 px too deep."""
    phantom = make_phantom(PhantomSettings(shape=(5, 160, 160), seed=2000))
    truth = np.stack([phantom.boundaries[name] for name in NAMES])
    predicted = truth.copy()
    predicted[1] += 4
    images = [phantom.volume.bscan_as_shown(b) for b in range(5)]
    evidence = Evidence(np.ones(5, np.uint8))
    return LayerCase("small", np.stack(images), truth, predicted, NAMES, True, evidence)


def disc(row: int, column: int, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[:80, :90]
    return np.asarray(np.hypot(rows - row, columns - column) <= radius)


def test_actions_and_seconds_are_counted_together() -> None:
    tally = Tally()
    tally.click("trace")
    tally.drag("brush", 100)
    tally.drag("brush", 100, fills=True)
    tally.key("undo")
    assert tally.actions == 4
    assert tally.by_tool == {"trace": 1, "brush": 2, "undo": 1}
    quick, slow = Tally(), Tally()
    quick.drag("brush", 100, fills=True)
    slow.drag("brush", 100)
    assert quick.seconds < slow.seconds
    click = Tally()
    click.click("trace")
    assert click.seconds == pytest.approx(MENTAL_S + POINT_S + CLICK_S)


def test_a_hand_errs_as_much_in_strokes_as_in_clicks() -> None:
    hand = Hand(0)
    clicks = np.array([hand.click(0, 0) for _ in range(2000)])
    assert clicks.std() == pytest.approx(1, abs=0.05)
    wavering = np.concatenate([hand.along(100) for _ in range(200)])
    assert wavering.std() == pytest.approx(1, abs=0.1)
    assert np.abs(np.diff(hand.along(100))).max() < 0.6, "it does not jump"
    assert Hand(5).click(3, 4) == Hand(5).click(3, 4)
    assert Hand(5, 0).click(3, 4) == (3, 4)


def test_a_stroke_paints_the_pixels_under_the_disc() -> None:
    path = np.array([[20, c] for c in range(10, 30)], np.float32)
    labels = paint(np.zeros((40, 40), np.uint8), path, 3, 2)
    assert (labels[17:24, 10:30] == 2).all()
    assert not labels[16].any()
    assert not labels[:, :7].any()
    assert labels[20, 7] == 2
    box, touched = covered(path - 20, 3, (40, 40))
    assert touched.shape == tuple(s.stop - s.start for s in box)


def test_missing_boundaries_count_as_large_errors() -> None:
    truth = np.array([[1, 2, np.nan, 4]], np.float32)
    heights = np.array([[1, np.nan, 9, 6]], np.float32)
    assert error_px(heights, truth) == pytest.approx((0 + MISSING_PX + 2) / 3)


@pytest.mark.parametrize("begin", ["empty", "model"])
def test_both_graders_reach_a_pixel_and_tools_are_faster(
    case: LayerCase, begin: str
) -> None:
    truth, image = case.truth[:, 0], case.images[0]
    start = np.full_like(truth, np.nan) if begin == "empty" else case.predicted[:, 0]
    painted = paint_layers(truth, start, len(image), Hand(1))
    corrected = correct_layers(Sight(image, NAMES), truth, start, Hand(1))
    for done in (painted, corrected):
        assert error_px(done.heights, truth) == pytest.approx(done.error_px, abs=1e-5)
        assert 0 < done.error_px <= 1, "a hand is never exact"
        assert done.tally.actions > 0
    assert corrected.tally.actions <= painted.tally.actions
    assert corrected.tally.seconds < painted.tally.seconds
    assert set(painted.tally.by_tool) <= {"brush", "undo"}


def test_nothing_is_done_where_nothing_is_wrong(case: LayerCase) -> None:
    truth = case.truth[:, 0]
    assert (
        correct_layers(
            Sight(case.images[0], NAMES), truth, truth, Hand(0)
        ).tally.actions
        == 0
    )
    round_one = disc(40, 40, 12)
    assert paint_regions(round_one, round_one, Hand(0)).tally.actions == 0


def test_brush_and_tools_fill_a_cyst() -> None:
    truth = disc(40, 30, 14) | disc(30, 70, 7)
    image = np.where(truth, 0.15, 0.6).astype(np.float32)
    image += np.random.default_rng(0).normal(0, 0.04, image.shape).astype(np.float32)
    empty = np.zeros_like(truth)
    painted = paint_regions(truth, empty, Hand(0, 0.5))
    filled = correct_regions(image, truth, empty, Hand(0, 0.5))
    for done in (painted, filled):
        assert dice(done.mask, truth) == done.dice >= 0.95
        assert done.at[0.8][0] <= done.at[0.95][0] == done.tally.actions
    assert filled.tally.by_tool["smart fill"] == 2
    assert filled.tally.actions < painted.tally.actions


def test_what_is_no_fluid_is_deleted_at_a_click() -> None:
    truth, wrong = disc(40, 30, 10), disc(20, 70, 9)
    image = np.full(truth.shape, 0.5, np.float32)
    done = correct_regions(image, truth, truth | wrong, Hand(0))
    assert done.tally.by_tool == {"delete": 1}
    np.testing.assert_array_equal(done.mask, truth)


def test_every_kth_and_the_last_are_corrected() -> None:
    assert key_bscans(9, 4) == [0, 4, 8]
    assert key_bscans(6, 4) == [0, 4, 5]


def test_propagation_saves_actions(case: LayerCase) -> None:
    graded = correct_with_propagation(case, Hand(0), from_model=True)
    alone = [
        correct_layers(
            Sight(case.images[b], NAMES),
            case.truth[:, b],
            case.predicted[:, b],
            Hand(0),
        ).tally.actions
        for b in range(case.n_bscans)
    ]
    assert max(graded.errors) <= 1
    assert graded.tally.actions < sum(alone)


def test_an_even_error_is_gone_when_every_second_is_corrected(case: LayerCase) -> None:
    reached = every_kth(case, Hand(0), from_model=True, steps=(2, 4))
    assert [one.step for one in reached] == [0, 1, 2, 4]
    assert reached[0].error == pytest.approx(4 / 3, abs=1e-3)
    assert reached[0].share == 0
    assert reached[1].share == 1
    assert min(one.share for one in reached[2:]) > 0.8


def test_regions_between_are_interpolated() -> None:
    truth = [disc(40, 40, radius) for radius in (9, 11.5, 12, 11.5, 9)]
    image = np.random.default_rng(0).random((80, 90)).astype(np.float32)
    empty = [np.zeros_like(mask) for mask in truth]
    run = FluidCase("run", [image] * 5, truth, empty, [], neighbours=True)
    nothing, every, second, fourth = every_kth_region(run, (2, 4))
    assert (nothing.error, nothing.share) == (1, 0)
    assert (every.error, every.share) == (0, 1)
    assert 0 < second.error < fourth.error < 0.25


def test_an_informed_order_lowers_the_error_first() -> None:
    before = [1.0, 1.0, 5.0, 1.0, 4.0, 1.0]
    unsure = np.repeat(np.array(before, np.float32)[:, None] / 10, 8, axis=1)
    evidence = Evidence(np.ones(6, np.uint8), uncertainty=unsure)
    falling = compare_orders(evidence, before, [0.5] * 6)
    ends = {(c[0], c[-1]) for c in falling.curves.values()}
    assert all(a == pytest.approx(13 / 6) for a, _ in ends)
    assert all(b == pytest.approx(0.5) for _, b in ends)
    assert falling.area("best") <= falling.area("what next")
    assert falling.area("what next") < falling.area("random")
    assert falling.area("what next") < falling.area("sequential")
