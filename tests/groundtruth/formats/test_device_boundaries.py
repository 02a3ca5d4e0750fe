"""Boundaries inside files of devices: layers of a machine, and nobody's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_octseg.boundaries import Boundaries, boundaries_to_labels
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.class_mapping import propose
from napari_octseg.groundtruth.formats.device_boundaries import read, read_labels_for
from napari_octseg.io import read_volume
from napari_octseg.io.save import save_volume
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

NAMES = ("ILM", "RNFL/GCL", "IPL/INL", "BM")


@pytest.fixture(autouse=True)
def _secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))


@pytest.fixture
def eye(tmp_path: Path) -> Path:
    """A file called as the patient is, with boundaries that are NaN in one column."""
    heights = np.empty((4, 2, 9), np.float32)
    heights[:] = np.array([3.25, 6, 9.5, 15], np.float32)[:, None, None]
    heights[:, 1, 4] = np.nan
    heights[2, 0, 2] = np.nan
    volume = OCTVolume(
        np.random.default_rng(1).integers(0, 255, (2, 20, 9)).astype(np.uint8),
        spacing_um=(120.0, 3.87, 11.5),
        laterality="OD",
        boundaries=Boundaries(NAMES, heights),
        device="Heidelberg Spectralis",
    )
    path = tmp_path / "Doe_Jane_OD.eye"
    save_volume(volume, path)
    return path


def test_layers_lie_between_the_boundaries_of_the_device(eye):
    (scan,) = read(eye)
    assert scan.boundaries.names == NAMES
    assert scan.layers == ("RNFL", "GCIPL", "IPL/INL to BM")
    assert scan.labels[0, :, 0].tolist() == (
        [0] * 4 + [1] * 2 + [2] * 4 + [3] * 5 + [0] * 5
    )
    assert (scan.labels[1, 4:15, 4] == IGNORE).all()
    expected = boundaries_to_labels(scan.boundaries.heights, 20)
    assert np.array_equal(scan.labels, expected)
    assert scan.volume.spacing_um == (120.0, 3.87, 11.5)


def test_they_are_a_machines_and_nobody_has_reviewed_them(eye):
    (scan,) = read(eye)
    told = scan.provenance
    assert told.states == ("predicted", "predicted")
    assert told.accepted == (False, False)
    assert told.origin_names == ("Heidelberg Spectralis",)
    assert not told.human_columns.any()


def test_the_name_of_the_file_does_not_get_in(eye):
    (scan,) = read(eye)
    for text in (scan.name, scan.patient, repr(scan.volume.source)):
        assert "Doe" not in text
    assert scan.patient.startswith("P-")


def test_they_fit_another_copy_of_the_scan_of_the_same_size(eye):
    (scan,) = read(eye)
    copy = OCTVolume(scan.volume.data, laterality="OD")
    found = read_labels_for(eye, copy)
    assert np.array_equal(found.labels, scan.labels)
    assert found.name == scan.name
    other = OCTVolume(np.zeros((2, 20, 8), np.uint8))
    with pytest.raises(ReadError, match="20 × 9 px, this one has 2 B-scans of 20 × 8"):
        read_labels_for(eye, other)


def test_they_are_not_taken_for_those_of_another_scan(eye):
    (scan,) = read(eye)
    other = OCTVolume(255 - scan.volume.data)
    with pytest.raises(ReadError, match="holds another scan") as raised:
        read_labels_for(eye, other)
    assert raised.value.todo
    # Other programs convert pixels: of another type they may be the same scan.
    converted = OCTVolume(scan.volume.data.astype(np.uint16) * 257)
    assert np.array_equal(read_labels_for(eye, converted).labels, scan.labels)


def test_what_the_device_does_not_tell_apart_is_left_out_of_our_layers(eye):
    (scan,) = read(eye)
    ours = LabelSet.of("background", "RNFL", "GCIPL", "INL", "OPL")
    mapped = propose(scan.label_set, ours).apply(scan, ours)
    assert set(np.unique(mapped.labels)) == {0, 1, 2, IGNORE}
    known = ~np.isnan(mapped.boundaries.heights[:, 0, 0])
    assert known.tolist() == [True, True, True, False, False]


def test_a_file_without_boundaries_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((2, 20, 9), np.uint8))
    with pytest.raises(ReadError, match="holds no boundaries") as raised:
        read(path)
    assert "HEYEX" in raised.value.allowed


def test_one_boundary_is_no_layer(tmp_path):
    volume = OCTVolume(
        np.zeros((1, 20, 9), np.uint8),
        boundaries=Boundaries(("ILM",), np.full((1, 1, 9), 4, np.float32)),
    )
    save_volume(volume, tmp_path / "a.eye")
    with pytest.raises(ReadError, match="only ILM"):
        read(tmp_path / "a.eye")


def test_real_files_of_heyex(shared_data):
    for path in (
        shared_data / "vendor_heyex_vol" / "line_716_0.vol",
        shared_data / "vendor_heyex_vol" / "circle_716_2.vol",
        shared_data / "vendor_heyex_xml" / "test_volume",
    ):
        volume = read_volume(path)
        (scan,) = read(path)
        assert scan.boundaries.names[0] == "ILM"
        assert scan.boundaries.names == volume.boundaries.names
        assert (scan.labels != IGNORE).any()
        assert len(scan.layers) == len(volume.boundaries.names) - 1
