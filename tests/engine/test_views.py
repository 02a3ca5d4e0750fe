"""Mirrored and turned images, and back."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.engine.views import ALL_EIGHT, AS_IS, BOTH_SIDES, View, views_for


@given(st.sampled_from(ALL_EIGHT), st.integers(1, 6), st.integers(1, 6))
def test_what_is_undone_is_as_it_was(view: View, rows: int, columns: int) -> None:
    image = torch.rand(2, 1, rows, columns)
    seen = view.of(image)
    assert (seen.shape[-2] == columns) == (view.swaps_sides or rows == columns)
    assert torch.equal(view.undone(seen), image)


def test_the_eight_views_are_all_different() -> None:
    image = torch.arange(4.0).reshape(2, 2)
    assert len({tuple(view.of(image).flatten().tolist()) for view in ALL_EIGHT}) == 8


def test_a_retina_is_never_upside_down() -> None:
    image = torch.arange(12.0).reshape(3, 4)
    for view in views_for("bscan", flips=True):
        assert torch.equal(view.of(image).sort(dim=1).values, image)
    assert views_for("bscan", flips=True) == BOTH_SIDES
    assert views_for("enface", flips=True) == ALL_EIGHT
    assert views_for("bscan", flips=False) == views_for("enface", flips=False) == AS_IS
