from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_octseg.boundaries import Boundaries
from napari_octseg.io.checks import sanity_warnings
from napari_octseg.io.geometry import between_bscans_um
from napari_octseg.io.spacing_defaults import default_spacing, device_defaults
from napari_octseg.phantom import PhantomSettings, make_phantom
from napari_octseg.volume import OCTVolume, Origin, Spacing


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(PhantomSettings(shape=(5, 256, 128), seed=3))


def warned(volume, word):
    return [w for w in sanity_warnings(volume) if word in w]


def test_a_good_scan_has_no_warnings(phantom):
    # this small phantom has a spacing of its own
    assert sanity_warnings(replace(phantom.volume, spacing=Spacing())) == []


def test_real_scans_have_no_warnings(shared_data):
    from napari_octseg.io import read_volume

    for path in ("vendor_heyex_vol/line_716_0.vol", "duke_dme_volumes/subject_02.tif"):
        assert sanity_warnings(read_volume(shared_data / path)) == []


def test_swapped_axes_are_noticed(phantom):
    data = phantom.volume.data
    assert warned(OCTVolume(np.moveaxis(data, 0, -1)), "swapped")
    assert warned(OCTVolume(np.swapaxes(data, 1, 2)), "turned by 90°")


def test_bit_depth_and_contrast_are_noticed(phantom):
    data = phantom.volume.data
    assert warned(OCTVolume(data.astype(np.uint16)), "8-bit values")
    assert warned(OCTVolume((data // 16).astype(np.uint8)), "Low contrast")
    assert warned(OCTVolume(np.full_like(data, 7)), "no contrast")
    assert warned(OCTVolume((data > 90) * np.uint8(200)), "looks like labels")
    assert warned(OCTVolume(np.minimum(data, 40) * 4), "overexposed")
    holes = data.astype(np.float32)
    holes[:, :50] = np.nan
    assert warned(OCTVolume(holes), "no numbers")


@pytest.mark.parametrize(
    ("depth", "width", "n", "good"),
    [
        (496, 512, 49, (122.0, 3.87, 11.5)),
        (1024, 512, 128, (47.0, 1.955, 11.74)),
        (650, 512, 128, (46.88, 3.5, 11.72)),
    ],
)
def test_every_exchange_of_spacings_is_noticed(depth, width, n, good):
    pixels = np.broadcast_to(np.uint8(0), (n, depth, width))

    def odd(spacing):
        volume = OCTVolume(pixels, spacing_um=spacing)
        return warned(volume, "outside the range")

    between, axial, lateral = good
    assert not odd(good)
    assert odd((between, lateral, axial))
    assert odd((lateral, axial, between))
    assert odd((axial, between, lateral))
    assert odd(tuple(um / 1000 for um in good))


def test_boundaries_in_reverse_order_are_noticed(phantom):
    volume, boundaries = phantom.volume, phantom.boundaries
    # heights that change from B-scan to B-scan, as with eye motion
    shift = np.arange(5) * 15
    data = np.stack(
        [np.roll(b, s, axis=0) for b, s in zip(volume.data, shift, strict=True)]
    )
    heights = boundaries.heights + shift[None, :, None].astype(np.float32)
    right = OCTVolume(data, boundaries=Boundaries(boundaries.names, heights))
    wrong = OCTVolume(data, boundaries=Boundaries(boundaries.names, heights[:, ::-1]))
    assert not warned(right, "reverse order")
    assert warned(wrong, "reverse order")


def test_defaults_fill_only_what_is_unknown():
    volume = OCTVolume(
        np.broadcast_to(np.uint8(0), (49, 496, 512)),
        spacing=Spacing.of((None, 3.9, None), Origin.FILE),
    )
    filled = default_spacing(volume)
    assert tuple(filled) == (122.0, 3.9, 11.5)
    assert filled.origins == (Origin.DEFAULT, Origin.FILE, Origin.DEFAULT)


def test_there_are_no_defaults_for_a_stranger():
    assert device_defaults("ACME", (49, 496, 512)) is None
    assert device_defaults(None, (10, 333, 444)) is None


@pytest.mark.parametrize(
    ("device", "shape", "axial"),
    [
        ("Topcon 3D OCT-2000", (128, 885, 512), 2.6),
        ("TOPCON", (128, 650, 512), 3.5),
        ("Carl Zeiss Cirrus", (200, 1024, 200), 1.955),
        ("Heidelberg Spectralis", (1, 496, 768), 3.87),
    ],
)
def test_defaults_are_those_of_the_device(device, shape, axial):
    spacing = device_defaults(device, shape)
    assert spacing.axial == axial
    assert (spacing.between_bscans is None) == (shape[0] == 1)


def test_distance_of_bscans_is_measured_across_them():
    turned = np.radians(30)
    along = np.array([np.cos(turned), np.sin(turned)])
    across = np.array([-along[1], along[0]])
    starts = np.arange(5)[:, None] * 0.06 * across + 0.3 * along
    positions = np.stack([starts, starts + 5 * along], axis=1)
    assert between_bscans_um(positions) == pytest.approx(60)
    assert between_bscans_um(positions[::-1]) == pytest.approx(60)
    assert between_bscans_um(positions[:1]) is None
    assert between_bscans_um(positions * np.nan) is None


def test_a_star_has_no_distance():
    angles = np.linspace(0, np.pi, 6, endpoint=False)
    ends = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert between_bscans_um(np.stack([-ends, ends], axis=1)) is None
