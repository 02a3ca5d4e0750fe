from pathlib import Path

import numpy as np
import pytest

from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import ReadError
from napari_octseg.io.boundary_files import load_boundaries, save_boundaries


def test_boundaries_survive_with_order_names_and_gaps(tmp_path: Path) -> None:
    names = ("ILM", "RNFL/GCL", "GCL/IPL", *(f"x{i}" for i in range(9)), "BM")
    heights = np.random.default_rng(0).normal(size=(13, 2, 5)).astype(np.float32)
    heights[3, 1, 2] = np.nan
    save_boundaries(Boundaries(names, heights), tmp_path / "b.npz")
    back = load_boundaries(tmp_path / "b.npz")
    assert back.names == names
    assert np.array_equal(back.heights, heights, equal_nan=True)
    assert [p.name for p in tmp_path.iterdir()] == ["b.npz"]


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(ReadError, match="no boundaries"):
        load_boundaries(tmp_path / "b.npz")
