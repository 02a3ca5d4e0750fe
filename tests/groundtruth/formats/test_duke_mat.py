"""Duke-style .mat: what MATLAB sees, a round trip, and what nobody graded."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from napari_octseg.boundaries import Boundaries, boundaries_to_labels, boundary_names
from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.duke_mat import read, write
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.io.duke_mat import LAYERS
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = (2.25, 4.5, 7.0, 9.0, 11.0, 14.0, 16.0, 19.0)


@pytest.fixture
def scan() -> GradedScan:
    """Two B-scans; the second is graded in columns 3 to 8, with two pockets of IRF."""
    heights = np.full((8, 2, 12), np.nan, np.float32)
    heights[:, 1, 3:9] = np.array(ROWS, np.float32)[:, None]
    labels = boundaries_to_labels(heights, 24)
    label_set = LabelSet.of("background", *LAYERS, "IRF", "SRF", "PED")
    labels[1, 8:10, 3:5] = 8
    labels[1, 12:14, 7] = 9
    pixels = np.random.default_rng(3).integers(0, 255, (2, 24, 12)).astype(np.uint8)
    return GradedScan(
        "Subject_01",
        "P-1",
        OCTVolume(pixels, spacing_um=(120.0, 3.87, 11.5), laterality="OS"),
        labels,
        label_set,
        LAYERS,
        Boundaries(boundary_names(LAYERS), heights),
    )


def test_matlab_finds_the_keys_axes_and_rows_of_the_duke_files(tmp_path, scan):
    write([scan], tmp_path / "out")
    found = loadmat(tmp_path / "out" / "Subject_01.mat")

    # (depth, A-scan, B-scan), as in the data set; a swap would go unseen without this.
    assert found["images"].shape == (24, 12, 2)
    assert np.array_equal(found["images"][:, :, 1], scan.volume.data[1])
    layers = found["manualLayers1"]
    assert layers.shape == (8, 12, 2)
    assert np.isnan(layers[:, :, 0]).all()
    assert layers[:, 5, 1].tolist() == [row + 1 for row in ROWS]  # rows from 1
    fluid = found["manualFluid1"]
    assert fluid.shape == (24, 12, 2)
    assert np.isnan(fluid[:, 0, 1]).all()
    assert sorted(set(fluid[8:14, 3:9, 1].ravel().tolist())) == [0, 1, 2]
    assert fluid[8, 3, 1] != fluid[12, 7, 1]  # a number per pocket


def test_layers_and_fluid_come_back_and_other_classes_do_not(tmp_path, scan):
    scan.labels[1, 17, 5] = 10  # PED
    write([scan], tmp_path / "out")
    (found,) = read(tmp_path / "out")

    assert found.label_set.names == ("background", *LAYERS, "fluid")
    assert found.layers == LAYERS
    assert np.array_equal(
        found.boundaries.heights, scan.boundaries.heights, equal_nan=True
    )
    fluid = np.isin(scan.labels, (8, 9))
    assert np.array_equal(found.labels == 8, fluid)
    assert np.array_equal(found.labels == IGNORE, scan.labels == IGNORE)
    assert found.volume.spacing_um == (120.0, 3.87, 11.5)
    assert found.volume.laterality == "OS"


def test_without_the_sidecar_the_files_are_read_as_those_of_duke(tmp_path, scan):
    write([scan], tmp_path / "out")
    (tmp_path / "out" / "provenance.json").unlink()
    (found,) = read(tmp_path / "out" / "Subject_01.mat")
    assert found.patient == "Subject_01"
    assert found.volume.spacing_um == (None, None, None)
    assert np.array_equal(found.volume.data, scan.volume.data)
    assert found.graded_bscans == (1,)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_fits_the_format_survives_it(
    data: st.DataObject, any_scans: Any, same: Callable[..., None]
) -> None:
    scans = data.draw(any_scans)
    with tempfile.TemporaryDirectory() as folder:
        write(scans, Path(folder) / "a")
        once = read(Path(folder) / "a")
        write(once, Path(folder) / "b")
        twice = read(Path(folder) / "b")
    for scan, first, second in zip(scans, once, twice, strict=True):
        same(second, first)
        np.testing.assert_array_equal(first.volume.data, scan.volume.data)
        assert first.volume.data.dtype == scan.volume.data.dtype
        fluid = [scan.label_set.index(name) for name in ("IRF", "SRF")]
        np.testing.assert_array_equal(
            first.labels == first.label_set.index("fluid"), np.isin(scan.labels, fluid)
        )


def _with_layers(scan: GradedScan, *layers: str) -> GradedScan:
    """The scan with these layers alone, evenly from row 2 on, in all columns."""
    rows = np.arange(2, 2 + 3 * (len(layers) + 1), 3, dtype=np.float32)
    heights = np.broadcast_to(rows[:, None, None], (len(rows), 2, 12))
    return replace(
        scan,
        labels=boundaries_to_labels(heights, 24),
        label_set=LabelSet.of("background", *layers),
        layers=layers,
        boundaries=Boundaries(boundary_names(layers), heights),
    )


@pytest.mark.parametrize("with_boundaries", [True, False])
@pytest.mark.parametrize("n_layers", range(1, 8))
@pytest.mark.parametrize("first", [0, 2])
def test_the_lowest_layer_is_kept_whichever_it_is(
    tmp_path, scan, n_layers, first, with_boundaries
):
    layers = LAYERS[first : first + n_layers]
    whole = _with_layers(scan, *layers)
    write(
        [whole if with_boundaries else replace(whole, boundaries=None)],
        tmp_path / "out",
    )
    (found,) = read(tmp_path / "out")
    for number, layer in enumerate(layers, start=1):
        is_layer = found.labels == found.label_set.index(layer)
        np.testing.assert_array_equal(is_layer, whole.labels == number)
    # Layers that the scan does not tell apart from background may lie beyond.
    beyond = found.labels[whole.labels == 0]
    assert set(beyond.tolist()) <= {0, IGNORE}
    assert (found.labels[:, -1] == IGNORE).all() == (layers[-1] != "RPE")


def test_parts_of_a_layer_become_it_and_what_lies_between_does_not(tmp_path, scan):
    whole = _with_layers(scan, "GCL", "IPL", "INL", "EZ", "OS", "choroid")
    write([whole], tmp_path / "out")
    (found,) = read(tmp_path / "out")
    wanted = {"GCIPL": (1, 2), "INL": (3,), "EZ": (4, 5)}
    for layer, parts in wanted.items():
        is_layer = found.labels == found.label_set.index(layer)
        np.testing.assert_array_equal(is_layer, np.isin(whole.labels, parts))
    # HFL lies between two layers of Duke: neither of them reaches across it.
    split = _with_layers(scan, "INL", "OPL", "HFL", "ONL", "EZ")
    write([split], tmp_path / "hfl")
    (found,) = read(tmp_path / "hfl")
    assert (found.labels[split.labels == 3] == IGNORE).all()
    assert (found.labels[split.labels == 1] == found.label_set.index("INL")).all()


def test_fluid_alone_claims_nothing_about_layers(tmp_path, scan):
    alone = replace(
        scan,
        labels=np.where(scan.labels == 8, 1, 0).astype(np.uint8),
        label_set=LabelSet.of("background", "IRF"),
        layers=(),
        boundaries=None,
    )
    write([alone], tmp_path / "out")
    (found,) = read(tmp_path / "out")
    assert found.label_set.names == ("background", "fluid")
    assert (found.layers, found.boundaries) == ((), None)
    assert np.array_equal(found.labels, alone.labels)


def test_a_scan_without_these_classes_is_refused(tmp_path, scan):
    other = replace(
        scan,
        labels=np.minimum(scan.labels, 1),
        label_set=LabelSet.of("background", "drusen"),
        layers=(),
        boundaries=None,
    )
    with pytest.raises(WriteError, match="background, drusen") as raised:
        write([other], tmp_path / "out")
    assert "RNFL" in raised.value.allowed
    assert not (tmp_path / "out").exists()


def test_the_surfaces_of_duke_amd_are_layers(tmp_path):
    maps = np.full((3, 12, 3), np.nan)
    maps[..., 0], maps[2, :, 1], maps[..., 2] = 4, 15, 18
    images = np.zeros((24, 12, 3), np.uint8)
    savemat(tmp_path / "amd.mat", {"images": images, "layerMaps": maps})
    (found,) = read(tmp_path / "amd.mat")
    assert found.layers == ("ILM to EZ/RPE", "RPE")
    assert found.labels[2, :, 0].tolist() == [0] * 3 + [1] * 11 + [2] * 3 + [0] * 7
    assert (found.labels[0, 4:10] == IGNORE).all()  # no inner RPE was drawn there


def test_a_file_without_labels_is_refused(tmp_path):
    savemat(tmp_path / "a.mat", {"images": np.zeros((24, 12, 3), np.uint8)})
    with pytest.raises(ReadError, match="nothing graded"):
        read(tmp_path / "a.mat")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match=r"no \.mat file"):
        read(tmp_path / "empty")
