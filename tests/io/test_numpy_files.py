from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume

_SCANS = st.sampled_from(["uint8", "uint16", "float32", ">u2", "<f4"]).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        arrays.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5),
    )
)


@given(values=_SCANS)
@settings(max_examples=40, deadline=None)
def test_arrays_come_back_as_saved(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("npy")
    np.save(folder / "a.npy", values)
    np.savez_compressed(folder / "a.npz", volume=values)
    expected = values if values.ndim == 3 else values[None]
    for name in ("a.npy", "a.npz"):
        data = read_volume(folder / name).data
        assert data.dtype.isnative
        np.testing.assert_array_equal(data, expected)


def test_a_big_array_stays_on_disk(tmp_path, scan):
    path = tmp_path / "big.npy"
    np.save(path, scan)
    assert isinstance(read_volume(path, lazy_bytes=100).data, np.memmap)
    assert type(read_volume(path).data) is np.ndarray


def test_the_only_array_of_an_npz_is_read_with_its_spacing(tmp_path, scan):
    path = tmp_path / "scan.npz"
    np.savez(path, eye=scan, spacing_um=[60.0, 3.87, np.nan])
    volume = read_volume(path)
    assert np.array_equal(volume.data, scan)
    assert volume.spacing_um == (60.0, 3.87, None)


def test_an_npz_with_several_arrays_asks_which(tmp_path, scan):
    path = tmp_path / "two.npz"
    np.savez(path, left=scan, right=scan)
    with pytest.raises(ReadError, match="left, right"):
        read_volume(path)


def test_pickled_objects_are_never_loaded(tmp_path):
    path = tmp_path / "evil.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ReadError):
        read_volume(path)


@pytest.mark.parametrize(
    "values", [np.zeros(5), np.zeros((2, 2, 2, 2, 2)), np.zeros(())]
)
def test_arrays_that_are_no_volume_are_refused(tmp_path, values):
    path = tmp_path / "a.npy"
    np.save(path, values)
    with pytest.raises(ReadError, match="shape"):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.npy", "stored.npz", "packed.npz"])
def test_a_truncated_array_is_refused(tmp_path, scan, name, outcomes_of_truncation):
    folder = tmp_path / "whole"
    folder.mkdir()
    path = folder / name
    if name == "a.npy":
        np.save(path, scan)
    else:
        (np.savez if name.startswith("stored") else np.savez_compressed)(path, v=scan)
    assert set(outcomes_of_truncation(path, scan)) == {"refused"}
