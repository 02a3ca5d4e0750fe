"""Windows cover the image, and their seams cannot be seen."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.bundles.card import Tiling
from napari_octseg.engine.tiling import predict_tiled, window_starts


@given(st.integers(1, 200), st.integers(1, 64), st.data())
def test_windows_cover_every_px_and_overlap_as_asked(
    length: int, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    starts = window_starts(length, size, overlap)
    assert starts[0] == 0
    assert starts[-1] + size == max(length, size)
    steps = [b - a for a, b in pairwise(starts)]
    assert all(0 < step <= size - overlap for step in steps)


def test_what_every_window_agrees_on_is_kept() -> None:
    image = torch.rand(2, 1, 50, 70)
    both = torch.cat([image, 1 - image], dim=1)
    tiling = Tiling(size=(32, 32), overlap=(8, 12))
    found = predict_tiled(lambda x: torch.cat([x, 1 - x], dim=1), image, tiling)
    assert torch.allclose(found, both, atol=1e-5)


def test_windows_that_disagree_pass_into_each_other_without_a_step() -> None:
    calls = 0

    def next_level(x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return torch.full_like(x, float(calls))

    tiling = Tiling(size=(32, 32), overlap=(0, 16))
    found = predict_tiled(next_level, torch.zeros(1, 1, 32, 48), tiling)[0, 0, 0]
    assert calls == 2
    assert found[0] == 1 and found[-1] == 2
    assert found.diff().max() <= 1 / 16
    assert (found.diff() >= -1e-6).all()


def test_memory_is_for_one_window_at_a_time() -> None:
    sizes = []

    def note(x: torch.Tensor) -> torch.Tensor:
        sizes.append(tuple(x.shape))
        return x

    predict_tiled(note, torch.zeros(3, 1, 64, 64), Tiling(size=(32, 32)))
    assert sizes == [(3, 1, 32, 32)] * 4
