"""Run lengths of COCO, against the reference implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as reference

from napari_octseg.groundtruth.formats.run_lengths import decode, encode

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(MASKS)
def test_the_text_is_that_of_the_reference(mask):
    ours = encode(mask)
    theirs = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert ours == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    assert np.array_equal(decode(ours), mask)


@given(MASKS)
def test_a_plain_list_of_runs_is_read(mask):
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False))
    runs = np.diff(edges, prepend=0, append=flat.size).tolist()
    assert np.array_equal(decode({"size": list(mask.shape), "counts": runs}), mask)


def test_pixels_are_counted_column_by_column():
    mask = np.zeros((3, 4), np.bool_)
    mask[:, 1] = True
    assert decode({"size": [3, 4], "counts": [3, 3, 6]}).tolist() == mask.tolist()


def test_long_runs_of_a_whole_bscan():
    mask = np.zeros((1024, 1536), np.bool_)
    mask[300:900, 100:1400] = True
    assert np.array_equal(reference.decode(encode(mask)), mask)


@pytest.mark.parametrize(
    "counts", [[3, 3], [3, -3, 12], "é", "P", [[3], [9]], "\x1f", [3, 3, 7]]
)
def test_runs_that_are_none_are_refused(counts):
    with pytest.raises((ValueError, TypeError)):
        decode({"size": [3, 4], "counts": counts})
