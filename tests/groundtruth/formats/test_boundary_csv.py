"""Boundary tables: a round trip, pandas, µm, and tables of other people."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.boundary_csv import (
    as_layers,
    read_labels_for,
    write,
)
from napari_octseg.groundtruth.scan_hash import scan_hash
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(
    data: st.DataObject, any_scans: Any, same: Callable[..., None]
) -> None:
    scans = [scan for scan in data.draw(any_scans) if scan.layers]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        if scans:
            write(scans, folder)
        for scan in scans:
            wanted = as_layers(scan)
            if len({scan_hash(one.volume) for one in scans}) == len(scans):
                same(read_labels_for(folder, scan.volume), wanted)
            same(read_labels_for(folder / f"{scan.name}.csv", scan.volume), wanted)


def test_pandas_sees_px_and_um_of_each_ascan(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(spacing=(None, 3.87, None))
    write([scan], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "S-1.csv")
    assert scan.boundaries is not None
    assert list(table.columns) == [
        "bscan",
        "ascan",
        *(f"{name}_px" for name in scan.boundaries.names),
        *(f"{name}_um" for name in scan.boundaries.names),
    ]
    assert list(table["bscan"].unique()) == [0, 1, 2]
    for name, heights in zip(
        scan.boundaries.names, scan.boundaries.heights, strict=True
    ):
        px = table[f"{name}_px"].to_numpy(np.float32).reshape(heights.shape)
        np.testing.assert_array_equal(px, heights)
        um = table[f"{name}_um"].to_numpy().reshape(heights.shape)
        np.testing.assert_allclose(um, heights * 3.87, rtol=1e-6)


def test_without_axial_spacing_there_is_no_um(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    write([scan_of(spacing=(60.0, None, 11.5))], tmp_path / "out")
    header = (tmp_path / "out" / "S-1.csv").read_text().splitlines()[0]
    assert "ILM_px" in header
    assert "_um" not in header


def test_without_heights_those_of_the_labels_are_written(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    labels = np.full((1, 10, 2), 0, np.uint8)
    labels[0, 3:5], labels[0, 5:9], labels[0, :, 1] = 1, 2, IGNORE
    scan = scan_of(shape=(1, 10, 2))
    scan = replace(scan, labels=labels, layers=("RNFL", "GCIPL"), boundaries=None)
    write([scan], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "S-1.csv")
    heights = table[["ILM_px", "RNFL/GCL_px", "bottom of GCIPL_px"]].to_numpy()
    assert list(heights[0]) == [2.5, 4.5, 8.5]
    assert np.isnan(heights[1]).all()
    found = read_labels_for(tmp_path / "out", scan.volume)
    np.testing.assert_array_equal(found.labels, labels)


def test_findings_are_refused_because_they_have_no_boundaries(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(label_set=LabelSet.of("background", "IRF"), layers=())
    with pytest.raises(WriteError, match="no layers"):
        write([scan], tmp_path / "out")
    assert not list(tmp_path.iterdir())


VOLUME = OCTVolume(np.zeros((2, 20, 3), np.uint8), spacing_um=(None, 4.0, None))


def test_a_table_in_um_with_decimal_commas_is_read(tmp_path: Path) -> None:
    """What a spreadsheet makes of it in half of Europe."""
    file = tmp_path / "Eye of J.csv"
    file.write_text(
        "\ufeffbscan;ascan;ILM_um;BM_um\n1;0;10,0;40\n1;2;14,0;\n", encoding="utf-8"
    )
    scan = read_labels_for(file, VOLUME)
    assert (scan.name, scan.patient) == ("Eye_of_J-3dca7f41",) * 2
    assert scan.boundaries is not None
    np.testing.assert_array_equal(
        scan.boundaries["ILM"], [[np.nan] * 3, [2.5, np.nan, 3.5]]
    )
    np.testing.assert_array_equal(
        scan.boundaries["BM"], [[np.nan] * 3, [10, np.nan, np.nan]]
    )
    assert (scan.labels[0] == IGNORE).all()
    assert (scan.labels[1, :, 1] == IGNORE).all()
    assert list(scan.labels[1, 2:11, 0]) == [0] + [1] * 7 + [0]


def test_columns_in_any_order_become_layers_from_top_to_bottom(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("bscan,ascan,BM_px,RNFL-GCL_px,ILM_px\n0,0,15,8,4\n")
    scan = read_labels_for(file, VOLUME)
    assert scan.boundaries is not None
    assert scan.boundaries.names == ("ILM", "RNFL/GCL", "BM")
    assert scan.layers == ("RNFL", "RNFL/GCL to BM")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bscan,ascan,ILM_px,BM_px\n2,0,4,9\n", "bscan 2"),
        ("bscan,ascan,ILM_px,BM_px\n0,3,4,9\n", "ascan 3"),
        ("bscan,ascan,ILM_px,BM_px\n0,0.5,4,9\n", r"ascan 0\.5"),
        ("bscan,ascan,ILM_px,BM_px\n", r"bscan \(none\)"),
        ("ascan,ILM_px,BM_px\n0,4,9\n", "no column bscan"),
        ("bscan,ascan,ILM\n0,0,4\n", "no boundary"),
        ("bscan,ascan,ILM_px\n0,0,4\n", "holds no layer"),
        ("bscan,ascan,ILM_px,BM_px\n0,0,high,9\n", "cannot be read as a table"),
        ("", "cannot be read as a table"),
    ],
)
def test_tables_of_something_else_are_refused(
    text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    with pytest.raises(ReadError, match=told):
        read_labels_for(file, VOLUME)


def test_um_without_axial_spacing_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("bscan,ascan,ILM_um,BM_um\n0,0,4,9\n")
    with pytest.raises(ReadError, match="axial spacing"):
        read_labels_for(file, OCTVolume(np.zeros((2, 20, 3), np.uint8)))


def test_the_export_of_another_scan_is_refused(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    write([scan_of(), scan_of("S-2", seed=2)], tmp_path / "out")
    other = scan_of(seed=3).volume
    with pytest.raises(ReadError, match="belong to this scan"):
        read_labels_for(tmp_path / "out", other)
