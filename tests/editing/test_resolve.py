"""Boundaries solved again around what a person has fixed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from napari_octseg.editing.boundary_chance import boundary_costs
from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.editing.resolve import resolve
from napari_octseg.errors import EditError
from napari_octseg.phantom import (
    BOUNDARIES,
    LAYER_BOUNDARIES,
    PhantomSettings,
    make_phantom,
)

DEPTH, WIDTH = 64, 120
NAN = np.float32(np.nan)


def valleys(*rows: float) -> np.ndarray:
    """Costs with a valley at each height."""
    row = np.arange(DEPTH, dtype=np.float32)[:, None] - 0.5
    costs = [1 - np.exp(-(((row - at) / 3) ** 2)) for at in rows]
    return np.stack([np.repeat(one, WIDTH, axis=1) for one in costs]).astype(np.float32)


def free(n_boundaries: int) -> np.ndarray:
    return np.full((n_boundaries, WIDTH), NAN)


def flat(*rows: float) -> np.ndarray:
    return np.repeat(np.array(rows, np.float32)[:, None], WIDTH, axis=1)


def test_nothing_fixed_is_the_cheapest_answer() -> None:
    solved = resolve(valleys(15, 30, 42), free(3))
    assert np.allclose(solved, flat(15, 30, 42), atol=0.1)
    assert solved.dtype == np.float32


def test_the_answer_of_a_model_stays_where_the_image_agrees() -> None:
    own = flat(15.2, 29.7, 42.1)
    solved = resolve(valleys(15, 30, 42), free(3), own=own)
    assert np.abs(solved - own).max() < 0.5


def test_a_fix_is_exact_and_its_neighbourhood_follows() -> None:
    fixed = free(3)
    fixed[1, 60] = 35.3
    own = flat(15, 30, 42)
    solved = resolve(np.ones((3, DEPTH, WIDTH), np.float32), fixed, own=own)
    moved = solved[1] - 30
    assert solved[1, 60] == np.float32(35.3)
    assert moved[55:66].min() > 4
    assert (np.diff(moved[60:]) <= 0.05).all()
    assert (np.diff(moved[:61]) >= -0.05).all()
    assert np.abs(moved[[0, -1]]).max() < 1.5
    assert np.allclose(solved[[0, 2]], own[[0, 2]], atol=0.01)


def test_between_two_far_fixes_the_model_has_its_say() -> None:
    fixed = free(1)
    fixed[0, [5, 115]] = 38
    flat_costs = np.ones((1, DEPTH, WIDTH), np.float32)
    solved = resolve(flat_costs, fixed, own=flat(30), half_width=8)
    assert solved[0, [5, 115]].tolist() == [38, 38]
    assert np.abs(solved[0, 50:70] - 30).max() < 0.5


def test_a_fix_draws_a_boundary_to_the_edge_it_points_at() -> None:
    fixed = free(1)
    fixed[0, 58:62] = 40
    costs = np.minimum(valleys(30), valleys(40))
    solved = resolve(costs, fixed, own=flat(30))
    assert np.abs(solved[0, 45:75] - 40).max() < 0.5
    assert np.abs(solved[0, [0, -1]] - 30).max() < 1.5


def test_a_fix_pushes_the_others() -> None:
    fixed = free(3)
    fixed[0, 60] = 45
    solved = resolve(valleys(15, 30, 42), fixed, own=flat(15, 30, 42))
    assert solved[0, 60] == 45
    assert (np.diff(solved, axis=0) >= 0).all()
    assert np.abs(solved[1:, [0, -1]] - flat(30, 42)[:, [0, -1]]).max() < 1.5


def test_absent_columns_stay_absent_unless_fixed() -> None:
    own = flat(15, 30)
    own[:, 20:40] = NAN
    own[1] = NAN
    fixed = free(2)
    fixed[0, 30] = 16
    solved = resolve(valleys(15, 30), fixed, own=own)
    assert np.isnan(solved[1]).all()
    assert np.flatnonzero(np.isfinite(solved[0, 20:40])).tolist() == [10]
    assert solved[0, 30] == 16
    fixed[1, 3] = 33
    drawn = resolve(valleys(15, 30), fixed, own=own)
    assert np.flatnonzero(np.isfinite(drawn[1])).tolist() == [3]


def test_one_column_is_enough() -> None:
    costs = valleys(15, 30)[:, :, :1]
    fixed = np.array([[NAN], [28]], np.float32)
    solved = resolve(costs, fixed, own=np.array([[15], [30]], np.float32))
    assert solved[1, 0] == 28
    assert abs(solved[0, 0] - 15) < 0.5


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), own_given=st.booleans())
def test_order_holds_and_every_fix_is_exact(seed, own_given) -> None:
    rng = np.random.default_rng(seed)
    n, depth, width = 4, 40, 24
    costs = rng.random((n, depth, width)).astype(np.float32)
    own = np.sort(rng.uniform(0, depth, (n, width)), axis=0).astype(np.float32)
    wanted = np.sort(rng.uniform(0, depth, (n, width)), axis=0).astype(np.float32)
    fixed = np.where(rng.random((n, width)) < 0.15, wanted, NAN)
    solved = resolve(costs, fixed, own=own if own_given else None)
    known = np.isfinite(fixed)
    assert np.array_equal(solved[known], fixed[known])
    assert np.isfinite(solved).all()
    assert (np.diff(solved, axis=0) >= 0).all()


@given(seed=st.integers(0, 10_000), at=st.integers(0, 20))
@settings(max_examples=20, deadline=None)
def test_far_from_a_fix_nothing_moves(seed, at) -> None:
    rng = np.random.default_rng(seed)
    width = 200
    costs = rng.random((2, 40, width)).astype(np.float32)
    own = np.repeat(np.array([[8], [32]], np.float32), width, axis=1)
    fixed = np.full((2, width), NAN)
    fixed[0, at] = 5
    without = resolve(costs, np.full((2, width), NAN), own=own)
    solved = resolve(costs, fixed, own=own, half_width=6)
    # In noise a path may by chance be as cheap as another: not everywhere.
    assert np.abs(solved - without)[:, 120:].mean() < 0.1


@pytest.fixture(scope="module")
def phantom():
    made = make_phantom(PhantomSettings(shape=(1, 400, 300), seed=3))
    kept = [BOUNDARIES.index(name) for name in LAYER_BOUNDARIES]
    return made, made.boundaries.heights[kept, 0]


def wrong_at(truth: np.ndarray, boundary: int) -> np.ndarray:
    """A model's answer: nearly right, but for a hill of 12 px in one boundary."""
    rng = np.random.default_rng(1)
    own = truth + gaussian_filter1d(rng.normal(0, 2, truth.shape), 10, axis=1)
    own[boundary] += 12 * np.exp(-(((np.arange(300) - 150) / 25) ** 2) / 2)
    return np.maximum.accumulate(own, axis=0).astype(np.float32)


@pytest.mark.parametrize("name", ["ILM", "IPL/INL", "OPL/ONL", "EZ/RPE", "BM"])
def test_five_fixed_columns_mend_a_hill_of_a_phantom(phantom, name) -> None:
    made, truth = phantom
    k = LAYER_BOUNDARIES.index(name)
    own = wrong_at(truth, k)
    image = made.volume.data[0].astype(np.float32)
    costs = np.stack(
        [boundary_cost(image, polarity=polarity_of(one)) for one in LAYER_BOUNDARIES]
    )
    fixed = np.full_like(own, NAN)
    fixed[k, 148:153] = truth[k, 148:153]
    solved = resolve(costs, fixed, own=own)
    near = slice(100, 201)
    error_before = np.abs(own - truth)[k, near].mean()
    assert np.abs(solved - truth)[k, near].mean() < 0.4 * error_before
    others = [i for i in range(len(truth)) if i != k]
    before, after = (np.abs(h - truth)[others].mean() for h in (own, solved))
    assert after < before + 0.1


def model_costs(own: np.ndarray) -> np.ndarray:
    """Costs of a model that is sure of its answer."""
    row = np.arange(400)[:, None]
    below = [1 / (1 + np.exp(-(row - height[None]) / 2)) for height in own]
    chances = [1 - below[0] + below[-1]]
    chances += [upper - lower for upper, lower in pairwise(below)]
    probabilities = np.clip(np.stack(chances), 0, 1).astype(np.float32)
    return boundary_costs(probabilities, list(range(1, len(own))))


def test_probabilities_alone_give_the_answer_of_the_model(phantom) -> None:
    own = wrong_at(phantom[1], 4)
    plain = resolve(model_costs(own), np.full_like(own, NAN))
    assert np.abs(plain - own).mean() < 0.5


def test_near_a_fix_the_image_outvotes_a_model_that_is_sure(phantom) -> None:
    made, truth = phantom
    own = wrong_at(truth, 4)
    image = made.volume.data[0].astype(np.float32)
    seen = np.stack(
        [boundary_cost(image, polarity=polarity_of(one)) for one in LAYER_BOUNDARIES]
    )
    fixed = np.full_like(own, NAN)
    fixed[4, 146:154] = truth[4, 146:154]
    near = slice(100, 201)
    errors = [
        np.abs(heights - truth)[4, near].mean()
        for heights in (
            resolve(model_costs(own), fixed, own=own, near=seen),
            resolve(model_costs(own), fixed, own=own),
            own,
        )
    ]
    assert errors[0] < 0.5 * errors[1] < 0.5 * errors[2]


def test_what_does_not_fit_is_refused() -> None:
    costs = valleys(15, 30)
    with pytest.raises(EditError, match=r"\(2, 120\)"):
        resolve(costs, free(3))
    with pytest.raises(EditError, match="own"):
        resolve(costs, free(2), own=free(3))
    with pytest.raises(EditError, match="near fixed"):
        resolve(costs, free(2), near=valleys(15))
    crossing = free(2)
    crossing[:, 7] = 30, 20
    with pytest.raises(EditError, match="column 7"):
        resolve(costs, crossing)
