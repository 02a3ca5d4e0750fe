from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.engine.steps.likeliest import most_likely


@given(st.integers(0, 2**32 - 1))
def test_the_most_likely_class_is_the_argmax(seed: int) -> None:
    noise = torch.rand(2, 4, 6, 7, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(most_likely(noise).long(), noise.argmax(1))
