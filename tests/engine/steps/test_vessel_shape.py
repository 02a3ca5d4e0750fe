"""Vessels from their probability."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label

from napari_octseg.engine.steps.vessel_shape import skeleton, threshold_classes


def test_a_lower_threshold_finds_more() -> None:
    vessel = np.array([[0.1, 0.3, 0.45, 0.7]], np.float32)
    probabilities = np.stack([1 - vessel, vessel])
    labels = probabilities.argmax(0).astype(np.uint8)
    assert labels.tolist() == [[0, 0, 0, 1]]
    assert threshold_classes(labels, probabilities, {1: 0.3}).tolist() == [[0, 1, 1, 1]]
    assert threshold_classes(labels, probabilities, {1: 0.9}).tolist() == [[0, 0, 0, 0]]


def test_where_a_class_falls_short_the_next_likely_one_is_taken() -> None:
    probabilities = np.array([0.1, 0.5, 0.4], np.float32)[:, None, None]
    labels = np.array([[1]], np.uint8)
    assert threshold_classes(labels, probabilities, {1: 0.6}).item() == 2


def test_two_classes_that_fall_short_do_not_take_from_each_other() -> None:
    shares = np.array([0.05, 0.5, 0.45], np.float32)[:, None, None]
    labels = np.array([[1]], np.uint8)
    assert threshold_classes(labels, shares, {1: 0.7, 2: 0.7}).item() == 0
    assert threshold_classes(labels, shares, {1: 0.7, 2: 0.4}).item() == 2
    assert threshold_classes(labels, shares, {1: 0.4, 2: 0.4}).item() == 1


@given(
    seed=st.integers(0, 2**32 - 1), limits=st.tuples(st.floats(0, 1), st.floats(0, 1))
)
def test_no_limited_class_lies_below_its_limit(
    seed: int, limits: tuple[float, float]
) -> None:
    shares = np.random.default_rng(seed).dirichlet(np.ones(4), (5, 6))
    probabilities = np.moveaxis(shares, -1, 0).astype(np.float32)
    least = {1: limits[0], 3: limits[1]}
    found = threshold_classes(
        probabilities.argmax(0).astype(np.uint8), probabilities, least
    )
    for index, limit in least.items():
        assert (probabilities[index][found == index] >= np.float32(limit)).all()
        # Where it reaches its limit, another limited class at most takes the pixel.
        assert np.isin(found[probabilities[index] >= np.float32(limit)], [1, 3]).all()


def test_other_labels_stay() -> None:
    probabilities = np.array([0.2, 0.2, 0.6], np.float32)[:, None, None]
    labels = np.array([[2]], np.uint8)
    assert threshold_classes(labels, probabilities, {1: 0.5}).item() == 2


def test_a_skeleton_is_thin_connected_and_inside() -> None:
    mask = np.zeros((40, 60), bool)
    mask[18:25, 5:55] = True
    mask[5:20, 28:33] = True  # a branch
    lines = skeleton(mask)
    assert lines.dtype == bool
    assert not (lines & ~mask).any()
    assert label(lines, connectivity=2).max() == 1
    corners = lines[1:, 1:] & lines[1:, :-1] & lines[:-1, 1:] & lines[:-1, :-1]
    assert not corners.any()  # nowhere two pixels thick
    assert lines.sum() > 50


def test_nothing_has_no_skeleton() -> None:
    assert not skeleton(np.zeros((5, 5), bool)).any()
