"""Mean brightness between boundaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import Boundaries
from napari_octseg.engine.projecting.slab import edge_names, slab_edges, slab_mean
from napari_octseg.errors import LabelError

RAMP = np.repeat(np.arange(20, dtype=np.float32)[:, None], 3, axis=1)


def heights(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_whole_rows_are_averaged() -> None:
    # Rows 4 … 9: the upper rim of row 4 lies at 3.5.
    mean = slab_mean(RAMP, heights(3.5, 3.5, 3.5), heights(9.5, 9.5, 9.5))
    assert np.allclose(mean, 6.5)


def test_cut_rows_count_by_their_share() -> None:
    # Half of row 4, rows 5 … 8, a quarter of row 9.
    mean = slab_mean(RAMP[:, :1], heights(4.0), heights(8.75))
    assert mean[0] == pytest.approx((4 / 2 + 5 + 6 + 7 + 8 + 9 / 4) / 4.75)


@given(st.floats(-5, 25), st.floats(-5, 25))
def test_what_is_even_has_its_own_brightness(top: float, thickness: float) -> None:
    grey = np.full((20, 1), 0.25, np.float32)
    mean = slab_mean(grey, heights(top), heights(top + thickness))
    assert np.isnan(mean[0]) or mean[0] == pytest.approx(0.25, rel=1e-4)


def test_thin_slabs_reach_down_to_what_can_be_measured() -> None:
    mean = slab_mean(RAMP, heights(3.5, 3.5, 3.5), heights(3.5, 4.0, 6.5), least_px=3)
    assert np.allclose(mean, 5)


def test_absent_heights_and_slabs_outside_the_image_are_unknown() -> None:
    mean = slab_mean(RAMP, heights(np.nan, -30, 5), heights(9, -10, np.nan))
    assert np.isnan(mean).all()
    below = slab_mean(RAMP[:, :1], heights(25.0), heights(40.0))
    assert np.isnan(below).all()


def test_the_best_boundaries_there_are_enclose_the_slab() -> None:
    octid = ("ILM", "RNFL/GCL", "IPL/INL", "OPL/ONL", "ELM/EZ", "EZ/RPE", "BM", "CSI")
    assert edge_names(octid, "outer") == ("ELM/EZ", "BM")
    assert edge_names(octid, "inner") == ("ILM", "RNFL/GCL")
    assert edge_names(("ILM", "IPL/INL", "EZ/OS", "RPE"), "outer") == ("EZ/OS", "RPE")
    assert edge_names(("ILM", "IPL/INL", "EZ/OS", "RPE"), "inner") == ("ILM", "IPL/INL")
    with pytest.raises(LabelError, match=r"ILM, BM do not enclose the outer slab.*EZ"):
        edge_names(("ILM", "BM"), "outer")
    with pytest.raises(LabelError, match="inner"):
        edge_names((), "inner")


def test_edges_are_the_heights_of_these_boundaries() -> None:
    values = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    top, bottom = slab_edges(Boundaries(("EZ/OS", "BM"), values), "outer")
    assert np.array_equal(top, values[0])
    assert np.array_equal(bottom, values[1])
