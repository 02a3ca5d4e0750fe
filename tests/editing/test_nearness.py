"""Weights that fall with distance."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.editing.nearness import distance_to, falling


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_the_nearest_mark_counts(marks) -> None:
    marked = np.array(marks)
    found = distance_to(marked)
    for place, distance in enumerate(found):
        each = [abs(place - i) for i in np.flatnonzero(marked)]
        assert distance == (min(each) if each else np.inf)


def test_a_weight_halves() -> None:
    weights = falling(np.array([0, 3, 6, np.inf], np.float32), 3)
    assert weights.tolist() == [1, 0.5, 0.25, 0]
