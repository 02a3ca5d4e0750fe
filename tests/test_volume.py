import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import VolumeError
from napari_octseg.volume import OCTVolume, Origin, Spacing


def test_one_bscan_is_a_volume_of_one() -> None:
    volume = OCTVolume(np.zeros((30, 20), np.uint8))
    assert volume.shape == (1, 30, 20)
    assert (volume.n_bscans, volume.depth, volume.width) == (1, 30, 20)


def test_spacing_of_a_user_is_marked_as_such_and_unknown_stays_unknown() -> None:
    volume = OCTVolume(np.zeros((2, 3, 4), np.uint8), spacing_um=(60, 3.87, None))
    assert volume.spacing_um == (60.0, 3.87, None)
    assert volume.spacing.origins == (Origin.USER, Origin.USER, Origin.UNKNOWN)
    assert not volume.spacing.is_known


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_impossible_spacing_is_refused(value: float) -> None:
    with pytest.raises(VolumeError, match="positive"):
        Spacing.of((value, 1, 1), Origin.FILE)


def test_a_value_without_origin_is_refused() -> None:
    with pytest.raises(VolumeError, match="origin"):
        Spacing(axial=3.87)


@pytest.mark.parametrize(
    ("given_type", "kept"),
    [
        ("uint8", "uint8"),
        ("uint16", "uint16"),
        ("float32", "float32"),
        ("float64", "float32"),
        ("bool", "uint8"),
        ("int64", "uint8"),
        ("float16", "float32"),
    ],
)
def test_types_are_kept_or_converted_to_the_nearest(given_type: str, kept: str) -> None:
    volume = OCTVolume(np.ones((2, 3, 4), given_type))
    assert volume.data.dtype.name == kept
    assert (volume.data == 1).all()


def test_large_integers_keep_their_values() -> None:
    volume = OCTVolume(np.array([[[0, 60000]]], np.int32))
    assert volume.data.dtype == np.uint16
    assert volume.data[0, 0, 1] == 60000
    assert OCTVolume(np.array([[[-5, 9]]], np.int32)).data.dtype == np.float32


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4, 5), (0, 3, 4)])
def test_other_shapes_are_refused_with_the_allowed_ones(shape: tuple[int, ...]) -> None:
    with pytest.raises(VolumeError, match=r"n_bscans, depth, width"):
        OCTVolume(np.zeros(shape))


def test_text_is_no_volume() -> None:
    with pytest.raises(VolumeError, match="type"):
        OCTVolume(np.array([["a", "b"]]))


def test_parts_must_fit_the_volume() -> None:
    data = np.zeros((2, 30, 20), np.uint8)
    wrong = Boundaries(("ILM",), np.zeros((1, 2, 21), np.float32))
    with pytest.raises(VolumeError, match="boundaries"):
        OCTVolume(data, boundaries=wrong)
    with pytest.raises(VolumeError, match="Laterality"):
        OCTVolume(data, laterality="left")  # type: ignore[arg-type]


def test_replace_keeps_the_rest() -> None:
    volume = OCTVolume(np.zeros((2, 3, 4)), spacing_um=(1, 2, 3), device="Cirrus")
    changed = dataclasses.replace(volume, laterality="OS")
    assert changed.laterality == "OS"
    assert changed.spacing == volume.spacing
    assert changed.device == "Cirrus"


def test_heyex_intensities_are_shown_as_the_device_shows_them() -> None:
    raw = np.array([[0.0, 0.0625, 1.0, 3.4e38]], np.float32)
    shown = OCTVolume(raw, display_gamma=0.25).bscan_as_shown(0)[0]
    assert shown[3] == 0
    assert shown[1] / shown[2] == pytest.approx(0.5, abs=0.01)


def test_decibels_are_shown_from_dark_to_bright() -> None:
    decibels = np.linspace(-60, 0, 50, dtype=np.float32).reshape(1, 5, 10)
    shown = OCTVolume(decibels).bscan_as_shown(0).ravel()
    assert shown[0] < 0.01
    assert shown[25] == pytest.approx(0.5, abs=0.03)
    assert shown[-1] == pytest.approx(1.0, abs=0.03)


def test_boundaries_without_any_are_no_crash() -> None:
    none = Boundaries((), np.zeros((0, 2, 20), np.float32))
    data = np.zeros((2, 30, 20), np.uint8)
    assert OCTVolume(data, boundaries=none).boundaries is none


@given(st.sampled_from(["uint8", "uint16", "float32"]), st.integers(0, 2**32 - 1))
def test_shown_values_are_finite_and_within_0_and_1(dtype: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    data = (random.normal(size=(1, 6, 5)) * 300).clip(0, None).astype(dtype)
    shown = OCTVolume(data).bscan_as_shown(0)
    assert shown.dtype == np.float32
    assert np.isfinite(shown).all()
    assert shown.min() >= 0
    assert shown.max() <= 1


def test_dask_stays_on_disk_until_a_bscan_is_asked_for() -> None:
    from dask import array

    loaded = []

    def load(block_info: object = None) -> np.ndarray:
        loaded.append(block_info)
        return np.full((1, 4, 5), len(loaded), np.uint8)

    data = array.map_blocks(
        load, chunks=((1,) * 6, (4,), (5,)), dtype=np.uint8, meta=np.empty((0, 0, 0))
    )
    volume = OCTVolume(data)
    assert volume.shape == (6, 4, 5)
    assert not loaded
    assert isinstance(volume.bscan(2), np.ndarray)
    assert len(loaded) == 1
