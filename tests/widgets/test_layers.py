from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.layers._layer_actions import _duplicate_layer, _project

from napari_octseg.volume import OCTVolume, Origin, Spacing
from napari_octseg.widgets._layers import (
    add_scan,
    facts_of,
    known_volume,
    note,
    redraw,
    set_spacing,
    volume_of,
)

pytestmark = pytest.mark.gui


@pytest.fixture
def model() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def scan(model) -> Image:
    pixels = np.random.default_rng(0).random((5, 32, 48), np.float32)
    volume = OCTVolume(
        pixels,
        spacing=Spacing.of((120.0, 4.0, 10.0), Origin.FILE),
        laterality="OS",
        device="Spectralis",
        display_gamma=0.25,
    )
    return add_scan(model, volume, "eye")


def test_the_volume_of_a_reader_is_kept(scan):
    volume = facts_of(scan)["volume"]
    assert volume_of(scan) is volume
    assert volume.data is scan.data


def test_replaced_pixels_are_the_input_and_keep_eye_device_and_spacing(scan):
    old = volume_of(scan)
    scan.data = 1 - scan.data
    assert known_volume(scan) is None
    new = volume_of(scan)
    assert new.data is scan.data
    assert volume_of(scan) is new
    for fact in ("laterality", "device", "spacing", "display_gamma"):
        assert getattr(new, fact) == getattr(old, fact)
    assert "changed in napari" in new.notes[-1]


def test_raw_values_converted_to_8_bit_lose_their_display_exponent(scan):
    scan.data = (255 * scan.data).astype(np.uint8)
    assert volume_of(scan).display_gamma == 1


@pytest.mark.parametrize(
    ("axis", "spacing"), [(0, (None, 4, 10)), (1, (None, 120, 10))]
)
def test_a_projection_has_its_own_pixels_and_spacing(model, scan, axis, spacing):
    model.layers.selection.active = scan
    _project(model.layers, axis=axis, mode="mean")
    projection = model.layers[-1]
    assert projection.ndim == 2
    volume = volume_of(projection)
    assert (volume.data[0] == projection.data).all()
    assert tuple(volume.spacing) == pytest.approx(spacing, nan_ok=True)
    assert volume.laterality == "OS"
    set_spacing(model, scan, Spacing.of((100.0, 3.0, 9.0), Origin.USER))
    assert tuple(volume_of(projection).spacing) == tuple(volume.spacing)


def test_a_duplicate_of_a_scan_has_a_volume_of_its_own(model, scan):
    model.layers.selection.active = scan
    _duplicate_layer(model.layers)
    copy = next(layer for layer in model.layers if layer is not scan)
    assert volume_of(copy).data is copy.data
    assert volume_of(scan).data is scan.data
    assert volume_of(copy).spacing == volume_of(scan).spacing


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((16, 20), np.uint8),
        np.zeros((16, 20, 3), np.uint8),
        np.zeros((4, 16, 20), np.int64),
    ],
    ids=["one B-scan", "colours", "other type"],
)
def test_an_edited_spacing_stays_where_the_volume_is_a_conversion(model, pixels):
    layer = model.add_image(pixels)
    volume = volume_of(layer)
    assert volume_of(layer) is volume
    spacing = Spacing.of((None, 4.0, 10.0), Origin.USER)
    set_spacing(model, layer, spacing)
    assert volume_of(layer).spacing == spacing


def test_facts_are_not_shared_with_a_copy_of_the_metadata():
    first = Image(np.zeros((3, 4, 5)), metadata={"octseg": {"scan": "eye"}})
    copy = Image(np.zeros((3, 4, 5)), metadata=first.metadata)
    note(first, edited=True)
    assert facts_of(first) == {"scan": "eye", "edited": True}
    assert facts_of(copy) == {"scan": "eye"}


def test_a_redraw_is_told_to_what_draws_the_layer_and_to_no_list(model):
    layer = model.add_labels(np.zeros((4, 5), np.uint8))
    drawn, listed = [], []
    layer.events.set_data.connect(drawn.append)
    model.layers.events.connect(listed.append)
    layer.data[1, 2] = 1
    redraw(layer)
    assert layer._slice.image.raw[1, 2] == 1
    assert len(drawn) == 1
    assert not listed
    layer.refresh()
    assert listed
