"""Packing gives back the same bits, and notices damage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from napari_octseg.editing.packing import pack, unpack
from napari_octseg.errors import JournalError

ANY = st.sampled_from([np.uint8, np.float32, np.uint16]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=1, max_dims=3, min_side=0))
)


@settings(max_examples=100, deadline=None)
@given(ANY)
def test_the_same_bits_come_back(array: NDArray[np.generic]) -> None:
    back = unpack(pack(array), array.shape, array.dtype.str)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_parts_of_larger_arrays_are_packed_alone() -> None:
    array = np.arange(60, dtype=np.float32).reshape(6, 10)
    part = array[1:5:2, ::-3]
    np.testing.assert_array_equal(unpack(pack(part), part.shape, "<f4"), part)


@pytest.mark.parametrize("dtype", ["|u1", "<f4"])
def test_damage_is_noticed(dtype: str) -> None:
    array = np.arange(100).astype(dtype)
    packed = pack(array)
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0x55
    for bad in (packed[:-4], bytes(flipped), b"", pack(array[:-1])):
        with pytest.raises(JournalError, match="damaged"):
            unpack(bad, array.shape, dtype)
