"""Vessels from their probability."""

from __future__ import annotations

import numpy as np
from skimage.measure import label

from napari_octseg.engine.steps.vessel_shape import skeleton, threshold_class


def test_a_lower_threshold_finds_more() -> None:
    vessel = np.array([[0.1, 0.3, 0.45, 0.7]], np.float32)
    probabilities = np.stack([1 - vessel, vessel])
    labels = probabilities.argmax(0).astype(np.uint8)
    assert labels.tolist() == [[0, 0, 0, 1]]
    assert threshold_class(labels, probabilities, 1, 0.3).tolist() == [[0, 1, 1, 1]]
    assert threshold_class(labels, probabilities, 1, 0.9).tolist() == [[0, 0, 0, 0]]


def test_where_a_class_falls_short_the_next_likely_one_is_taken() -> None:
    probabilities = np.array([0.1, 0.5, 0.4], np.float32)[:, None, None]
    labels = np.array([[1]], np.uint8)
    assert threshold_class(labels, probabilities, 1, 0.6).item() == 2


def test_other_labels_stay() -> None:
    probabilities = np.array([0.2, 0.2, 0.6], np.float32)[:, None, None]
    assert threshold_class(np.array([[2]], np.uint8), probabilities, 1, 0.5).item() == 2


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
