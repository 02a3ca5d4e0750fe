"""Filling between surfaces: known answers."""

from __future__ import annotations

import numpy as np

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.phantom.raster import Steps, coverage, inside, rows_between


def profile(*heights):
    return np.array(heights, np.float32)


def test_a_step_fills_everything_below():
    steps = Steps(4, 1)
    steps.below(profile(1.5), 10.0)
    assert steps.image()[:, 0].tolist() == [0, 0, 10, 10]


def test_an_edge_within_a_row_is_shared():
    steps = Steps(3, 1)
    steps.below(profile(1.25), 8.0)
    assert steps.image()[:, 0].tolist() == [0, 2, 8]


def test_between_ends_where_it_should_and_absent_adds_nothing():
    steps = Steps(5, 2)
    steps.between(profile(0.5, np.nan), profile(2.5, np.nan), 3.0)
    assert steps.image().T.tolist() == [[0, 3, 3, 0, 0], [0, 0, 0, 0, 0]]


def test_steps_outside_the_image_are_cut():
    steps = Steps(2, 2)
    steps.below(profile(-7, 99), 1.0)
    assert steps.image().tolist() == [[1, 0], [1, 0]]


def test_inside_follows_the_rule_of_labels():
    rng = np.random.default_rng(0)
    top = rng.uniform(0, 10, 50).astype(np.float32)
    bottom = top + rng.uniform(0, 9, 50).astype(np.float32)
    labels = boundaries_to_labels(np.stack([top, bottom])[:, None], 20)[0]
    assert np.array_equal(inside(top, bottom, 0, 20), labels == 1)


def test_coverage_is_the_enclosed_height():
    top, bottom = profile(2.3, 4.0, np.nan), profile(5.1, 4.4, np.nan)
    first, last = rows_between(top, bottom, 20)
    total = coverage(top, bottom, first, last).sum(axis=0)
    assert np.allclose(total, [2.8, 0.4, 0.0], atol=1e-5)


def test_no_rows_where_nothing_is():
    assert rows_between(profile(np.nan), profile(np.nan), 9) == (0, 0)
