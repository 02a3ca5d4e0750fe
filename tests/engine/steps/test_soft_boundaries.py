"""Boundaries from class probabilities: in order, sub-pixel, and robust."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.steps import soft_boundaries as module
from napari_octseg.engine.steps.soft_boundaries import likeliest_edges, soft_boundaries
from tests.engine.test_postprocess import DEPTH, WIDTH, certain, two_layers


def test_boundaries_of_certain_probabilities_are_those_of_the_labels() -> None:
    heights, labels = two_layers()
    found = soft_boundaries(certain(labels), [1, 2])[0].numpy()
    assert np.abs(found - heights[:, 0]).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(
    ("upper", "least", "most"),
    [(0.5, 20.0, 20.0), (0.7, 20.2, 20.5), (1.0, 20.5, 20.5)],
)
def test_a_boundary_between_two_rows_is_found_between_them(
    upper: float, least: float, most: float
) -> None:
    shares = torch.zeros_like(certain(two_layers()[1]))
    row = torch.arange(DEPTH)[:, None]
    shares[0, 1] = ((row >= 10) & (row < 20)).float()
    shares[0, 2] = ((row > 20) & (row < 30)).float()
    shares[0, 0] = ((row < 10) | (row >= 30)).float()
    # Row 20 is of both layers.
    shares[0, 1, 20], shares[0, 2, 20] = upper, 1 - upper
    found = soft_boundaries(shares, [1, 2])[0, :, 0]
    assert torch.allclose(found[[0, 2]], torch.tensor([9.5, 29.5]), atol=1e-4)
    assert least - 1e-4 <= float(found[1]) <= most + 1e-4


def test_small_chances_far_away_do_not_move_a_boundary() -> None:
    sure = certain(two_layers()[1])
    doubtful = 0.7 * sure + 0.3 / 3
    moved = soft_boundaries(doubtful, [1, 2]) - soft_boundaries(sure, [1, 2])
    assert moved.abs().max() < 0.1


def test_columns_with_hardly_any_tissue_have_no_boundaries() -> None:
    labels = two_layers()[1]
    labels[:, 5] = 0
    found = soft_boundaries(certain(labels), [1, 2])[0]
    assert found[:, 5].isnan().all()
    assert not found[:, 4].isnan().any()


@given(st.integers(0, 2**32 - 1))
def test_soft_boundaries_never_cross(seed: int) -> None:
    noise = torch.randn(1, 3, 12, 5, generator=torch.Generator().manual_seed(seed))
    found = soft_boundaries((3 * noise).softmax(1), [1, 2])
    assert (found.diff(dim=1)[~found.diff(dim=1).isnan()] >= -1e-4).all()


def test_a_mistake_in_a_column_moves_no_boundary_elsewhere() -> None:
    labels = two_layers()[1]
    right = soft_boundaries(certain(labels), [1, 2])
    # A burnt-in box above the retina that looks like both layers, and touches it.
    wrong = labels.copy()
    box = slice(4, 9)
    wrong[2:6, box], wrong[6:8, box], wrong[8:10, box] = 2, 1, 2
    found = soft_boundaries(certain(wrong), [1, 2])
    torch.testing.assert_close(found[:, 1:], right[:, 1:], atol=1e-3, rtol=0)
    beside = np.r_[0:4, 9:WIDTH]
    torch.testing.assert_close(found[..., beside], right[..., beside])


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_without_tissue_there_is_no_boundary(rows: int) -> None:
    found = soft_boundaries(certain(np.zeros((rows, 5), np.uint8)), [1, 2])
    assert found.shape == (1, 3, 5)
    assert found.isnan().all()


def test_a_layer_may_be_absent() -> None:
    labels = two_layers()[1]
    labels[labels == 1] = 0
    found = soft_boundaries(certain(labels), [1, 2])
    torch.testing.assert_close(found[:, 0], found[:, 1], atol=0.01, rtol=0)
    assert ((found[:, 2] - found[:, 1]) > 5).all()


def test_a_hole_in_the_retina_is_no_boundary() -> None:
    heights, labels = two_layers()
    holed = labels.copy()
    holed[20:22, 8:12] = 0  # within the second layer
    found = soft_boundaries(certain(holed), [1, 2])[0].numpy()
    assert np.abs(found - heights[:, 0]).max() <= 0.5 + 1e-4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 7))
def test_no_other_order_has_more_pixels_right(
    seed: int, n_layers: int, rows: int
) -> None:
    noise = torch.randn(
        1, 1 + n_layers, rows, 4, generator=torch.Generator().manual_seed(seed)
    )
    states = (3 * noise).softmax(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_POOLED", 1)
        edges = likeliest_edges(states)[0]
    for column in range(4):
        own = states[0, :, :, column]
        cuts = combinations_with_replacement(range(rows + 1), n_layers + 1)
        best = max(_expected(own, cut) for cut in cuts)
        found = _expected(own, edges[:, column].tolist())
        assert found == pytest.approx(best, abs=1e-4)


def _expected(chances: torch.Tensor, cut: tuple[int, ...] | list[int]) -> float:
    """Pixels of a column (1 + n_layers, H) that are right, divided at rows `cut`."""
    ends = [0, *cut, chances.shape[1]]
    state = [0, *range(1, len(chances)), 0]
    parts = zip(state, ends[:-1], ends[1:], strict=True)
    return sum(float(chances[k, a:b].sum()) for k, a, b in parts)
