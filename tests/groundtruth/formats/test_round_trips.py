"""Import gives back what export was given, for each format that keeps whole scans."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.groundtruth.formats import (
    eye,
    nifti,
    nnunet,
    png_masks,
    retouch,
    tiff_masks,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


def whole(scan: GradedScan) -> GradedScan:
    return scan


def without_boundaries(scan: GradedScan) -> GradedScan:
    return replace(scan, boundaries=None)


@pytest.mark.parametrize(
    ("module", "kept"),
    [
        (eye, whole),
        (tiff_masks, whole),
        (nifti, without_boundaries),
        (nnunet, without_boundaries),
        (png_masks, png_masks.as_integers),
        (retouch, retouch.as_fluids),
    ],
    ids=lambda one: one.__name__.rpartition(".")[-1],
)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(
    module: Any,
    kept: Callable[[GradedScan], GradedScan],
    data: st.DataObject,
    any_scans: Any,
    same: Callable[..., None],
) -> None:
    scans = data.draw(any_scans)
    with tempfile.TemporaryDirectory() as folder:
        module.write(scans, Path(folder) / "out")
        found = {one.name: one for one in module.read(Path(folder) / "out")}
    assert len(found) == len(scans)
    for wanted in scans:
        same(found[wanted.name], kept(wanted))
