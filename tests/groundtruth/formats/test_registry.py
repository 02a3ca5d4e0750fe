"""Formats are found by name, and none is imported before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_octseg.errors import LabelError
from napari_octseg.groundtruth.formats.registry import FORMATS, exchange_format


def test_the_names_are_those_that_people_choose_from() -> None:
    assert tuple(FORMATS) == (
        "png",
        "tiff",
        "retouch",
        "nifti",
        "nnunet",
        "eye",
        "boundary-csv",
        "duke-mat",
        "coco",
        "dicom-seg",
        "octexplorer",
        "polygons",
        "device-boundaries",
    )
    assert "nnunet" in FORMATS
    assert "bmp" not in FORMATS


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(LabelError, match="boundary-csv") as raised:
        exchange_format("bmp")
    assert "'bmp'" in raised.value.got


def test_listing_the_names_imports_no_format() -> None:
    code = (
        "import sys\n"
        "from napari_octseg.groundtruth.formats.registry import FORMATS\n"
        "assert len(FORMATS) == len(list(FORMATS))\n"
        "room = 'napari_octseg.groundtruth.formats.'\n"
        "assert [m for m in sys.modules if m.startswith(room)] == [room + 'registry']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
