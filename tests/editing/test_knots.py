from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import pchip_interpolate

from napari_octseg.editing.knots import add_knot, delete_knot, knots_of, move_knot
from napari_octseg.editing.runs import runs_of
from napari_octseg.errors import EditError

WIDTH = 90


@st.composite
def curves(draw: st.DrawFn) -> np.ndarray:
    """Rough curves, some with gaps."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    curve = 50 + random.normal(0, draw(st.floats(0.1, 3)), WIDTH).cumsum()
    if draw(st.booleans()):
        curve[random.random(WIDTH) < 0.1] = np.nan
    return curve.astype(np.float32)


def smooth() -> np.ndarray:
    return (40 + 12 * np.sin(np.arange(WIDTH) / 14)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(curves(), st.sampled_from([0.3, 1.0, 4.0]))
def test_knots_keep_the_curve_within_the_tolerance(
    curve: np.ndarray, tolerance: float
) -> None:
    knots = knots_of(curve, tolerance)
    assert knots.dtype == np.float32
    columns = knots[:, 1].astype(int)
    assert (np.diff(columns) > 0).all()
    assert np.array_equal(knots[:, 0], curve[columns])
    for start, stop in runs_of(np.isfinite(curve)):
        held = columns[(columns >= start) & (columns < stop)]
        assert held[0] == start
        assert held[-1] == stop - 1
        if len(held) > 1:
            drawn = pchip_interpolate(held, curve[held], np.arange(start, stop))
            assert np.abs(drawn - curve[start:stop]).max() <= tolerance + 1e-4


def test_a_smooth_curve_needs_few_knots() -> None:
    assert 4 <= len(knots_of(smooth())) <= 16
    assert len(knots_of(np.linspace(3, 9, WIDTH, dtype=np.float32))) == 2
    assert len(knots_of(np.full(WIDTH, np.nan, np.float32))) == 0
    with pytest.raises(EditError, match="above 0"):
        knots_of(smooth(), 0)


@settings(max_examples=80, deadline=None)
@given(curves(), st.data())
def test_only_the_stretch_between_the_neighbours_moves(
    curve: np.ndarray, data: st.DataObject
) -> None:
    knots = knots_of(curve, 2.0)
    index = data.draw(st.integers(0, len(knots) - 1))
    row = data.draw(st.floats(-20, 120, width=32))
    before = curve.copy()
    moved = move_knot(curve, knots, index, row)
    assert np.array_equal(curve, before, equal_nan=True)
    column = int(knots[index, 1])
    assert moved[column] == np.float32(row)
    changed = np.flatnonzero((moved != curve) & ~(np.isnan(moved) & np.isnan(curve)))
    left = int(knots[index - 1, 1]) if index else -1
    right = int(knots[index + 1, 1]) if index + 1 < len(knots) else WIDTH
    assert ((changed > left) & (changed < right)).all()
    stretch = next(
        run for run in runs_of(np.isfinite(curve)) if run[0] <= column < run[1]
    )
    assert ((changed >= stretch[0]) & (changed < stretch[1])).all()
    # Nobody moves further than the knot, and all the same way.
    shift = (moved - curve)[changed]
    total = row - float(curve[column])
    assert (np.abs(shift) <= abs(total) + 1e-3).all()
    assert (shift * total >= 0).all()


def test_the_detail_of_the_curve_is_kept() -> None:
    curve = smooth()
    curve[20:60:2] += 0.5
    knots = np.stack([curve[[0, 40, 89]], [0, 40, 89]], axis=1).astype(np.float32)
    shift = move_knot(curve, knots, 1, float(curve[40]) + 6) - curve
    assert np.abs(np.diff(shift, 2)).max() < 0.1
    assert (np.diff(shift)[:39] >= -1e-5).all()


def test_a_knot_is_added_on_the_curve() -> None:
    curve = smooth()
    knots = knots_of(curve)
    free = next(c for c in range(WIDTH) if c not in knots[:, 1])
    more = add_knot(curve, knots, free)
    assert len(more) == len(knots) + 1
    assert (np.diff(more[:, 1]) > 0).all()
    assert [curve[free], free] in more.tolist()
    assert add_knot(curve, more, free) is more


def test_a_knot_needs_a_boundary_to_sit_on() -> None:
    curve = smooth()
    knots = knots_of(curve)
    curve[30] = np.nan
    with pytest.raises(EditError, match="No boundary in column 30"):
        add_knot(curve, knots, 30)
    with pytest.raises(EditError, match=r"0…89"):
        add_knot(curve, knots, WIDTH)
    with pytest.raises(EditError, match="Knot 99"):
        move_knot(curve, knots, 99, 3)
    with pytest.raises(EditError, match="no height at its knot"):
        move_knot(np.full(WIDTH, np.nan, np.float32), knots, 0, 3)


@settings(max_examples=60, deadline=None)
@given(curves(), st.data())
def test_a_deleted_knot_leaves_the_curve_of_its_neighbours(
    curve: np.ndarray, data: st.DataObject
) -> None:
    knots = knots_of(curve, 2.0)
    index = data.draw(st.integers(0, len(knots) - 1))
    column = int(knots[index, 1])
    ends = {c for start, stop in runs_of(np.isfinite(curve)) for c in (start, stop - 1)}
    if column in ends:
        with pytest.raises(EditError, match="end of the boundary"):
            delete_knot(curve, knots, index)
        return
    drawn, rest = delete_knot(curve, knots, index)
    assert np.array_equal(rest, np.delete(knots, index, axis=0))
    left, right = int(knots[index - 1, 1]), int(knots[index + 1, 1])
    outside = np.r_[0 : left + 1, right:WIDTH]
    assert np.array_equal(drawn[outside], curve[outside], equal_nan=True)
    # PCHIP never overshoots its knots.
    low, high = sorted((curve[left], curve[right]))
    assert (drawn[left:right] >= low - 1e-3).all()
    assert (drawn[left:right] <= high + 1e-3).all()


def test_deleting_what_was_added_gives_the_spline_back() -> None:
    columns = np.array([0, 25, 50, 89])
    rows = np.array([10, 30, 5, 20])
    curve = pchip_interpolate(columns, rows, np.arange(WIDTH)).astype(np.float32)
    knots = np.stack([rows, columns], axis=1).astype(np.float32)
    more = add_knot(curve, knots, 33)
    bent = move_knot(curve, more, 2, 60.0)
    back, rest = delete_knot(bent, more, 2)
    assert np.array_equal(rest, knots)
    assert np.allclose(back, curve, atol=1e-4)
