"""What holds for every format."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume
from napari_octseg.io.registry import FORMATS, all_suffixes

MAGIC = (
    b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"\x93NUMPY\x01\0", b"PK\x03\x04",
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"HSF-OCT-103", b"<HEDX>",
    b"ObjectType = Image\nNDims = 3\n", b"NRRD0004\n", b"MATLAB 5.0 MAT-file",
    b"MATLAB 7.3 MAT-file", b"\0" * 128 + b"DICM", b"\x1f\x8b\x08",
)  # fmt: skip


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ReadError, match="There is no file or folder"):
        read_volume(tmp_path / "nothing.tif")


@pytest.mark.parametrize("suffix", [*all_suffixes(), ".xyz"])
def test_an_empty_file_is_called_empty(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    path.touch()
    with pytest.raises(ReadError, match="is empty"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [*all_suffixes(), ".xyz"])
def test_a_foreign_file_is_refused_whatever_its_ending(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    path.write_text("Dear colleague, please find enclosed the scan. " * 20)
    with pytest.raises(ReadError, match="no known format"):
        read_volume(path)


def test_a_folder_without_scans_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("no scan here")
    with pytest.raises(ReadError, match="nothing that can be opened"):
        read_volume(tmp_path)


@given(magic=st.sampled_from(MAGIC), rest=st.binary(max_size=600))
@settings(max_examples=150, deadline=None)
def test_nonsense_behind_a_known_beginning_gives_a_read_error(
    tmp_path_factory, magic, rest
):
    path = tmp_path_factory.mktemp("nonsense") / "scan.bin"
    path.write_bytes(magic + rest)
    with pytest.raises(ReadError):
        read_volume(path)


def test_formats_have_names_and_endings_of_their_own():
    names = [f.name for f in FORMATS]
    assert len(set(names)) == len(names)
    suffixes = [s for f in FORMATS for s in f.suffixes]
    assert len(set(suffixes)) == len(suffixes)


def test_opening_a_scan_loads_neither_torch_nor_napari(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 8, 8), np.uint8))
    code = (
        "import sys; from napari_octseg import read_volume; "
        f"read_volume({str(tmp_path / 'a.npy')!r}); "
        "import napari_octseg.io.napari_hooks, napari_octseg.io.save; "
        "heavy = {'torch', 'napari', 'qtpy', 'SimpleITK', 'eyepy', 'pydicom', "
        "'tifffile', 'dask', 'pandas', 'h5py', 'scipy'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
