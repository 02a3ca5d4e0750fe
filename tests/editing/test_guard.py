"""Layers out of order are found, named and repaired."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.boundaries import (
    boundaries_to_labels,
    boundary_names,
    labels_to_boundaries,
)
from napari_octseg.editing.column_faults import column_faults
from napari_octseg.editing.guard import Violation, repair, violations
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE, LabelSet

LAYER_NAMES = ("RNFL", "GCIPL", "INL")
LABEL_SET = LabelSet.of("background", *LAYER_NAMES, "IRF")
LAYERS = (1, 2, 3)
NAMES = boundary_names(LAYER_NAMES)
IRF = 4
DEPTH, WIDTH = 40, 30


@pytest.fixture
def heights() -> np.ndarray:
    """Gently curved boundaries, (4, 1, WIDTH)."""
    curve = 2 * np.sin(np.arange(WIDTH) / 5)
    return (np.array([8, 14, 21, 30])[:, None, None] + curve).astype(np.float32)


@pytest.fixture
def labels(heights: np.ndarray) -> np.ndarray:
    """Their layers, (1, DEPTH, WIDTH)."""
    return boundaries_to_labels(heights, DEPTH)


def check(labels: np.ndarray, heights: np.ndarray) -> list[Violation]:
    return violations(labels, heights, LAYERS, LABEL_SET, NAMES)


def runs(found: list[Violation]) -> list[tuple[str, int, int]]:
    return [(one.kind, one.first_column, one.last_column) for one in found]


def test_layers_in_order_have_no_violation(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    assert check(labels, heights) == []
    assert check(labels, labels_to_boundaries(labels, LAYERS)) == []


def test_findings_anywhere_are_no_violation(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    labels[0, 3:36, 8:12] = IRF
    labels[0, 15:18, 20:25] = IRF
    assert check(labels, heights) == []
    assert check(labels, labels_to_boundaries(labels, LAYERS)) == []


def test_absent_columns_and_boundaries_are_no_violation(heights: np.ndarray) -> None:
    heights[:, :, 4:8] = np.nan
    heights[1, :, 20:22] = np.nan
    labels = boundaries_to_labels(heights, DEPTH)
    assert (labels == IGNORE).any()
    assert check(labels, heights) == []


def test_layers_without_thickness_are_no_violation(heights: np.ndarray) -> None:
    heights[1, :, 10:20] = heights[0, :, 10:20]
    assert check(boundaries_to_labels(heights, DEPTH), heights) == []


def test_crossing_boundaries_are_named_with_their_columns(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    heights[2, 0, 5:9] = heights[1, 0, 5:9] - 2
    labels = boundaries_to_labels(heights, DEPTH)
    found = check(labels, heights)
    assert runs(found) == [("crossing", 5, 8)]
    assert "IPL/INL" in found[0].what


@pytest.mark.parametrize("value", [0, IGNORE])
def test_gaps_within_a_layer_are_named(
    labels: np.ndarray, heights: np.ndarray, value: int
) -> None:
    labels[0, 17:19, 12:15] = value
    labels[0, 17:19, 20] = value
    found = check(labels, heights)
    assert runs(found) == [("gap", 12, 14), ("gap", 20, 20)]
    assert all("GCIPL" in one.what for one in found)


@pytest.mark.parametrize("followed", [False, True])
def test_a_piece_apart_from_its_layer_is_an_island(
    labels: np.ndarray, heights: np.ndarray, followed: bool
) -> None:
    labels[0, 11:13, 7:10] = 3  # INL within the RNFL
    labels[0, 26:28, 18:20] = 1  # RNFL within the INL
    if followed:
        heights = labels_to_boundaries(labels, LAYERS)
    found = check(labels, heights)
    assert runs(found) == [("island", 7, 9), ("island", 18, 19)]
    assert "INL" in found[0].what
    assert "RNFL" in found[1].what


def test_a_piece_beyond_background_is_an_island(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    labels[0, 36:38, 5:7] = 3
    assert runs(check(labels, heights)) == [("island", 5, 6)]


def test_a_layer_that_folds_under_another_is_a_duplicate(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    labels[0, 18:20, 10:16] = 1
    labels[0, 8:20, 10] = 1  # joined to the RNFL at one side
    found = check(labels, heights)
    assert runs(found) == [("duplicate", 11, 15)]
    assert "RNFL" in found[0].what


def test_only_the_bscans_asked_for_are_looked_at(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    stack = np.concatenate([labels] * 3)
    stacked = np.concatenate([heights] * 3, axis=1)
    stack[1, 17, 4] = 0
    stack[2, 17, 4] = 0
    args = (stack, stacked, LAYERS, LABEL_SET, NAMES)
    assert [one.bscan for one in violations(*args)] == [1, 2]
    assert [one.bscan for one in violations(*args, bscans=[2, 0])] == [2]


def test_labels_without_layers_are_never_wrong() -> None:
    labels = np.random.default_rng(0).integers(0, 5, (1, 9, 8)).astype(np.uint8)
    none = np.empty((0, 1, 8), np.float32)
    assert violations(labels, none, (), LABEL_SET, ()) == []
    same, still_none = repair(labels[0], none[:, 0], ())
    assert np.array_equal(same, labels[0])
    assert still_none.shape == (0, 8)


def test_boundaries_that_do_not_fit_the_layers_are_refused(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    with pytest.raises(LabelError, match="one boundary more than layers"):
        violations(labels, heights[:3], LAYERS, LABEL_SET, NAMES)


@pytest.mark.parametrize("followed", [False, True])
def test_repair_gives_back_what_small_damage_took(
    labels: np.ndarray, heights: np.ndarray, followed: bool
) -> None:
    labels[0, 16:19, 22:26] = IRF
    damaged = labels.copy()
    damaged[0, 11:13, 7:10] = 3
    damaged[0, 26:28, 18:20] = 1
    damaged[0, 3:5, 13:15] = 2
    damaged[0, 17:19, 2:4] = 0
    given_heights = labels_to_boundaries(damaged, LAYERS) if followed else heights
    repaired, mended = repair(damaged[0], given_heights[:, 0], LAYERS)
    assert np.array_equal(repaired, labels[0])
    whole = [c for c in range(WIDTH) if not 22 <= c < 26]
    error = np.abs(mended - heights[:, 0])[:, whole]
    assert error.max() <= (1.0 if followed else 0)


def test_repair_of_crossing_keeps_the_labels(heights: np.ndarray) -> None:
    heights[2, 0, 5:9] = heights[1, 0, 5:9] - 2
    labels = boundaries_to_labels(heights, DEPTH)
    repaired, mended = repair(labels[0], heights[:, 0], LAYERS)
    assert np.array_equal(repaired, labels[0])
    assert (np.diff(mended, axis=0) >= 0).all()
    assert np.array_equal(mended[[0, 1, 3]], heights[[0, 1, 3], 0])


def test_a_column_that_was_left_empty_is_drawn_from_its_boundaries(
    labels: np.ndarray, heights: np.ndarray
) -> None:
    empty = labels[0].copy()
    empty[:, 9] = 0
    repaired, mended = repair(empty, heights[:, 0], LAYERS)
    assert np.array_equal(repaired, labels[0])
    assert np.array_equal(mended, heights[:, 0])


@st.composite
def any_grading(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Random labels and heights, from unrelated to nearly in order; one B-scan."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    depth, width = draw(st.integers(1, 14)), draw(st.integers(1, 5))
    noise = random.choice(
        np.array([0, *LAYERS, IRF, IGNORE], np.uint8), (1, depth, width)
    )
    heights = random.uniform(-2, depth + 2, (4, 1, width)).astype(np.float32)
    if draw(st.booleans()):
        heights = np.sort(heights, axis=0)
    if draw(st.booleans()):
        heights[random.random(heights.shape) < 0.25] = np.nan
    kept = random.random(noise.shape) < draw(st.sampled_from([0, 0.6, 0.95]))
    labels = np.where(kept, boundaries_to_labels(heights, depth), noise)
    if draw(st.booleans()):
        heights = labels_to_boundaries(labels, LAYERS)
    return labels, heights


@settings(max_examples=300, deadline=None)
@given(any_grading())
def test_nothing_is_wrong_after_repair_and_nothing_else_changes(
    grading: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, heights = grading
    given_labels, given_heights = labels.copy(), heights.copy()
    repaired, mended = repair(labels[0], heights[:, 0], LAYERS)
    assert np.array_equal(labels, given_labels)
    assert np.array_equal(heights, given_heights, equal_nan=True)
    assert check(repaired[None], mended[:, None]) == []
    assert np.array_equal(repaired == IRF, labels[0] == IRF)
    fine = ~column_faults(labels[0], heights[:, 0], LAYERS).columns
    assert np.array_equal(repaired[:, fine], labels[0][:, fine])
    assert np.array_equal(mended[:, fine], heights[:, 0][:, fine], equal_nan=True)


@settings(max_examples=200, deadline=None)
@given(any_grading())
def test_violations_cover_exactly_the_faulty_columns(
    grading: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, heights = grading
    covered = np.zeros(labels.shape[2], bool)
    for one in check(labels, heights):
        covered[one.first_column : one.last_column + 1] = True
    faults = column_faults(labels[0], heights[:, 0], LAYERS)
    assert np.array_equal(covered, faults.columns)
