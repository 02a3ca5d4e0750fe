"""Vessel models in the window: whole volumes, en-face pictures, and refusals."""

from __future__ import annotations

import re
from dataclasses import replace

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt

from napari_octseg.io import read_volume
from napari_octseg.phantom import PhantomSettings, make_phantom
from napari_octseg.volume import ScanPattern
from napari_octseg.widgets._layers import (
    add_scan,
    facts_of,
    seen_from_the_front,
    volume_of,
)
from napari_octseg.widgets.segment import SegmentWidget

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
VESSEL = {"classes": ("background", "vessel"), "layers": (), "plane": "enface"}


@pytest.fixture(scope="module")
def eye():
    """A volume that came with its layers."""
    made = make_phantom(PhantomSettings(shape=(16, 64, 48), seed=2))
    return replace(made.volume, boundaries=made.boundaries)


@pytest.fixture
def segment(viewer, models, tiny_bundle) -> SegmentWidget:
    """The panel, with a model of vessels chosen."""
    tiny_bundle("vessels", title="Vessels", projection="combined", **VESSEL)
    tiny_bundle("octa", title="OCTA vessels", **VESSEL)
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    widget.model_picker.choose("vessels")
    return widget


def run(qtbot, segment) -> None:
    qtbot.mouseClick(segment.run_button, LEFT)
    assert segment.is_busy
    qtbot.waitUntil(lambda: not segment.is_busy, timeout=60_000)
    assert segment.error is None


def test_a_vessel_map_is_shown_linked_with_the_bscans(
    qtbot, viewer, segment, eye, tmp_path, monkeypatch
):
    scan = add_scan(viewer, eye, "eye")
    assert not segment.range_picker.isVisible()
    run(qtbot, segment)
    view = segment.vessel_view
    made = view.vessel_map
    assert made is segment.result
    assert view.isVisible()
    assert "Vessels of 16 B-scans" in segment.status.text()
    assert "layers from the file" in segment.status.text()
    # With them it is faster than it will be: no speed to remember.
    assert "not measured yet" in segment.card_view.text.text()
    assert not segment.second_model.isVisible()
    assert "Research use only" in view.caption.text()
    # A click goes to the B-scan there.
    place = view.picture.place()
    segment.scroll_area.ensureWidgetVisible(view.picture)
    for share, index in ((0.99, 15), (0.0, 0), (0.55, 8)):
        row = place.top() + share * place.height()
        qtbot.mouseClick(view.picture, LEFT, pos=QPoint(20, round(row)))
        assert viewer.dims.current_step[0] == index
    # Vessels are marked where the B-scan meets them.
    qtbot.mouseClick(view.strip_switch, LEFT, pos=QPoint(8, 8))
    strip = viewer.layers[-1]
    assert (strip.data[:, 0] == (made.grid_labels == 1)).all()
    # They are saved with the picture that they lie on.
    view.saver.save(view.saver._layer, tmp_path / "map.tif")
    qtbot.waitUntil(view.saver.button.isEnabled, timeout=10_000)
    assert (tifffile.imread(tmp_path / "map.tif") == made.labels).all()
    picture = tifffile.imread(tmp_path / "map_projection.tif")
    assert np.allclose(picture, made.volume.bscan(0))
    # Another scan has no map; the first still has.
    few = replace(eye, data=eye.data[:3], boundaries=None, positions=None)
    other = add_scan(viewer, few, "other")
    assert not view.isVisible()
    viewer.layers.selection.active = scan
    assert view.isVisible()
    viewer.layers.remove(scan)
    assert not view.isVisible()
    assert list(viewer.layers) == [other]


def test_the_map_opens_as_layers_in_a_new_window(qtbot, viewer, segment, eye):
    import napari

    add_scan(viewer, eye, "eye")
    run(qtbot, segment)
    opened = []
    before = set(napari.Viewer._instances)
    qtbot.mouseClick(segment.vessel_view.window_button, LEFT)
    opened = [v for v in napari.Viewer._instances if v not in before]
    assert len(opened) == 1
    picture, labels = opened[0].layers
    assert (labels.data == segment.result.labels).all()
    assert facts_of(labels)["label_set"].names == ("background", "vessel")
    assert tuple(picture.scale) == pytest.approx(segment.result.spacing_um)
    opened[0].close()


@pytest.mark.parametrize(
    ("pattern", "n_bscans", "reason"),
    [
        (ScanPattern.RASTER, 5, "at least 16 B-scans, this one has 5 B-scans"),
        (ScanPattern.RASTER, 1, "this one has one B-scan"),
        (ScanPattern.RADIAL, 16, "radial scan"),
    ],
)
def test_wrong_input_is_refused_before_anything_runs(
    viewer, segment, eye, pattern, n_bscans, reason
):
    pixels = eye.data[:n_bscans]
    options = {"boundaries": None, "positions": None, "scan_pattern": pattern}
    add_scan(viewer, replace(eye, data=pixels, **options))
    assert not segment.run_button.isEnabled()
    assert reason in segment.status.text()
    segment.model_picker.choose("tiny-net")
    assert segment.run_button.isEnabled()
    assert segment.status.text() == ""


def test_a_model_of_octa_refuses_a_volume_and_takes_an_enface_picture(
    qtbot, viewer, segment, eye
):
    segment.model_picker.choose("octa")
    add_scan(viewer, eye, "eye")
    assert "not projections" in segment.status.text()
    assert not segment.enface_box.isVisible()
    colour = np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8)
    picture = viewer.add_image(colour, name="photo", rgb=True)
    assert not segment.run_button.isEnabled()
    assert "say so above" in segment.status.text()
    box = segment.enface_box
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    card = segment.card_view.text
    assert "not measured yet" in card.text()
    run(qtbot, segment)
    labels = viewer.layers[-1]
    assert labels.data.shape == (40, 56)
    assert facts_of(labels)["model"] == "octa"
    assert "One picture" in segment.status.text()
    assert segment.labels_view.title() == "Labels on this picture"
    assert "B-scan" not in segment.labels_view.caption.text()
    assert re.search(r"Speed here:</b> [\d.e+]+ pictures per second on", card.text())
    # What is seen from the front is nothing for a model of B-scans.
    segment.model_picker.choose("tiny-net")
    assert "is for B-scans" in segment.status.text()
    viewer.layers.selection.active = picture
    qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
    assert segment.run_button.isEnabled()


@pytest.mark.parametrize("opened_by", ["us", "napari"])
def test_of_a_photograph_green_is_seen_whoever_opened_it(viewer, tmp_path, opened_by):
    colour = np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8)
    path = tmp_path / "photo.png"
    iio.imwrite(path, colour)
    if opened_by == "us":
        layer = add_scan(viewer, read_volume(path), "photo")
    else:
        layer = viewer.add_image(colour, name="photo", rgb=True)
    seen = seen_from_the_front(layer, volume_of(layer))
    np.testing.assert_array_equal(seen, colour[..., 1])


def test_of_changed_pixels_the_file_is_not_asked(viewer, tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (40, 56, 3), np.uint8)
    iio.imwrite(tmp_path / "photo.png", colour)
    layer = add_scan(viewer, read_volume(tmp_path / "photo.png"), "photo")
    layer.data = np.zeros_like(layer.data)
    assert not seen_from_the_front(layer, volume_of(layer)).any()
