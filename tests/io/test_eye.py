from __future__ import annotations

import numpy as np
import pytest
from eyepy import EyeVolume, EyeVolumeMeta
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_octseg.boundaries import Boundaries
from napari_octseg.io import read_volume
from napari_octseg.io.save import save_labels, save_volume
from napari_octseg.labels import LabelSet
from napari_octseg.volume import Localizer, OCTVolume, Origin, ScanPattern, Spacing


@pytest.fixture
def rich(scan) -> OCTVolume:
    n_bscans, _, width = scan.shape
    heights = np.full((2, n_bscans, width), 4.25, np.float32)
    heights[1] = 17.5
    heights[0, 2, :3] = np.nan
    y = np.arange(n_bscans, dtype=np.float32) * 0.06
    positions = np.zeros((n_bscans, 2, 2), np.float32)
    positions[:, 1, 0] = 0.2
    positions[:, :, 1] = y[:, None]
    return OCTVolume(
        scan.astype(np.float32) / 255,
        spacing=Spacing(
            60.0, 3.87, 11.5, (Origin.DERIVED, Origin.FILE, Origin.DEFAULT)
        ),
        laterality="OS",
        scan_pattern=ScanPattern.RASTER,
        positions=positions,
        boundaries=Boundaries(("ILM", "BM"), heights),
        localizer=Localizer(np.eye(20, dtype=np.uint8), (11.8, 11.7)),
        labels=np.where(scan > 240, 255, scan % 4).astype(np.uint8),
        label_set=LabelSet.of("background", "IRF", "SRF", "PED"),
        device="ACME",
        display_gamma=0.25,
    )


@pytest.mark.parametrize("n_bscans", [4, 1])
def test_everything_comes_back(tmp_path, rich, n_bscans):
    rich = OCTVolume(
        rich.data[:n_bscans],
        spacing=rich.spacing,
        laterality="OS",
        scan_pattern=rich.scan_pattern,
        positions=rich.positions[:n_bscans],
        boundaries=Boundaries(
            rich.boundaries.names, rich.boundaries.heights[:, :n_bscans]
        ),
        localizer=rich.localizer,
        labels=rich.labels[:n_bscans],
        label_set=rich.label_set,
        device="ACME",
        display_gamma=0.25,
    )
    save_volume(rich, tmp_path / "a.eye")

    back = read_volume(tmp_path / "a.eye")

    for name in ("data", "labels", "positions"):
        np.testing.assert_array_equal(getattr(back, name), getattr(rich, name))
    np.testing.assert_array_equal(back.boundaries.heights, rich.boundaries.heights)
    np.testing.assert_array_equal(back.localizer.image, rich.localizer.image)
    assert back.localizer.spacing_um == pytest.approx(rich.localizer.spacing_um)
    for name in (
        *("spacing", "laterality", "scan_pattern", "label_set", "device"),
        "display_gamma",
    ):
        assert getattr(back, name) == getattr(rich, name), name


@given(
    spacing=st.tuples(*[st.none() | st.floats(0.5, 500)] * 3),
    labels=arrays.arrays(np.uint8, (2, 5, 4), elements=st.sampled_from([0, 1, 2, 255])),
)
@settings(max_examples=25, deadline=None)
def test_labels_and_spacing_round_trip(tmp_path_factory, spacing, labels):
    path = tmp_path_factory.mktemp("eye") / "a.eye"
    volume = OCTVolume(np.zeros((2, 5, 4), np.uint8), spacing_um=spacing)
    label_set = LabelSet.of("background", "IRF", "SRF")
    save_labels(labels, path, volume=volume, label_set=label_set)
    back = read_volume(path)
    assert np.array_equal(back.labels, labels)
    assert back.label_set == label_set
    assert back.spacing == volume.spacing


def test_a_file_of_eyepy_is_read(tmp_path, scan):
    bscan_meta = []
    from eyepy import EyeBscanMeta

    for index in range(len(scan)):
        y = 0.06 * (len(scan) - 1 - index)
        bscan_meta.append(EyeBscanMeta((0.0, y), (0.2, y), "mm"))
    eye = EyeVolume(
        scan,
        EyeVolumeMeta(
            scale_x=0.0115,
            scale_y=0.00387,
            scale_z=0.06,
            scale_unit="mm",
            bscan_meta=bscan_meta,
            laterality="OD",
            patient={"lastname": "Doe"},
        ),
    )
    heights = np.full((len(scan), scan.shape[2]), 9.5)
    eye.add_layer_annotation(heights, name="BM")
    eye.add_layer_annotation(heights - 6, name="ILM")
    eye.add_pixel_annotation(scan > 200, name="IRF")
    eye.save(tmp_path / "a.eye")

    volume = read_volume(tmp_path / "a.eye")

    assert np.array_equal(volume.data, scan)
    assert volume.spacing_um == pytest.approx((60, 3.87, 11.5))
    assert volume.laterality == "OD"
    assert volume.boundaries.names == ("ILM", "BM")
    assert volume.label_set.names == ("background", "IRF")
    assert np.array_equal(volume.labels == 1, scan > 200)
    assert volume.localizer is None  # eyepy makes one up
    assert "Doe" not in repr(volume.__dict__)


def test_eyepy_without_scale_is_unknown(tmp_path, scan):
    EyeVolume(scan).save(tmp_path / "a.eye")
    assert read_volume(tmp_path / "a.eye").spacing_um == (None, None, None)


def test_eyepy_opens_what_we_write(tmp_path, rich):
    save_volume(rich, tmp_path / "a.eye")
    eye = EyeVolume.load(tmp_path / "a.eye")
    assert eye.shape == rich.shape
    assert eye.scale == pytest.approx((0.06, 0.00387, 0.0115))
    assert np.array_equal(eye.volume_maps["SRF"].data, rich.labels == 2)
    assert set(eye.layers) == {"ILM", "BM"}


@pytest.mark.parametrize("compress", [False, True])
def test_a_truncated_eye_is_refused(tmp_path, scan, compress, outcomes_of_truncation):
    folder = tmp_path / "whole"
    folder.mkdir()
    EyeVolume(scan).save(folder / "a.eye", compress=compress)
    assert set(outcomes_of_truncation(folder / "a.eye", scan)) == {"refused"}
