from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import Boundaries
from napari_octseg.widgets._overlays import boundary_colours, polylines


def test_boundaries_become_lines_in_world_units_with_gaps_where_absent():
    heights = np.array([[2, 2, np.nan, 4, 5], [6, 6, 6, 6, 6]], np.float32)
    lines, owner = polylines(
        heights, scale=np.array([4.0, 10.0]), origin=np.array([1.0, 0.0])
    )
    assert owner.tolist() == [0, 0, 1, 1, 1, 1]
    assert lines[0].tolist() == [[9.0, 0.0], [0.0, 10.0]]
    assert lines[1].tolist() == [[17.0, 30.0], [4.0, 10.0]]


@given(st.integers(1, 30))
def test_every_boundary_has_a_colour_of_its_own(n_boundaries):
    assert len(set(boundary_colours(n_boundaries))) == n_boundaries


def test_boundaries_of_one_column_have_no_line():
    boundaries = Boundaries(("ILM",), np.zeros((1, 1, 1), np.float32))
    lines, owner = polylines(
        boundaries.heights[:, 0], scale=np.ones(2), origin=np.zeros(2)
    )
    assert lines.shape == (0, 2, 2)
    assert owner.size == 0
