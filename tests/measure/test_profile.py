from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from PIL import Image

from napari_octseg.errors import WriteError
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.measure.opacity import opacity_of
from napari_octseg.measure.profile import iter_occupancy
from napari_octseg.measure.profile_picture import relief_quads, save_profile
from napari_octseg.measure.quantify import quantify

CLASSES = LabelSet.of("background", "H", "IRF", "SRF")


def occupancy_of(labels, n_classes=4):
    steps = iter_occupancy(labels, n_classes)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture
def labels() -> np.ndarray:
    """Six B-scans of tissue, a cyst in the first four, fluid in the last."""
    made = np.zeros((6, 40, 60), np.uint8)
    made[:, 10:34] = 1
    made[:4, 15:22, 20:40] = 2
    made[5, 28:34, 5:25] = 3
    return made


@given(arrays(np.uint8, (5, 4, 3)))
def test_the_height_is_the_number_of_bscans_with_the_class(labels):
    counts = occupancy_of(labels, 3)
    expected = np.stack([(labels == i).sum(axis=0) for i in range(3)])
    np.testing.assert_array_equal(counts, expected)


def test_pixels_that_nobody_graded_count_for_no_class():
    labels = np.full((3, 4, 5), IGNORE, np.uint8)
    assert not occupancy_of(labels).any()


def test_a_relief_stands_upright_and_is_closed_by_walls():
    counts = np.zeros((10, 20), np.uint16)
    counts[0:5, 15:20] = 7  # upper right
    quads = relief_quads(counts, 5)
    assert quads.shape == (5, 4, 3)  # a top and four walls
    x, y, z = (quads[..., i] for i in range(3))
    assert (x.min(), x.max()) == (15, 20)
    assert (y.min(), y.max()) == (5, 10)  # rows count from the bottom
    assert set(np.unique(z)) == {0, 7}
    assert (quads[0, :, 2] == 7).all()


def test_no_pixel_of_a_relief_lies_outside_the_bscan():
    counts = np.full((11, 23), 2, np.uint16)
    quads = relief_quads(counts, 4)
    assert quads[..., 0].max() == 23
    assert quads[..., 1].min() == 0
    assert quads[..., 1].max() == 11
    assert len(quads) == 3 * 6 + 2 * (3 + 6)
    assert len(relief_quads(np.zeros((11, 23), np.uint16), 4)) == 0


def test_opacities_are_those_published_and_synonyms_share_them():
    assert opacity_of("H") == (0.2, 0.1)
    assert opacity_of("FCE") == (1.0, 0.5)
    assert opacity_of("CNV") == opacity_of("CNVM") == (0.7, 0.5)
    assert opacity_of("RNFL") == opacity_of("something new")


def test_the_picture_shows_every_class_in_its_colour(labels, tmp_path):
    found = quantify(labels, CLASSES)
    path = tmp_path / "profile.png"
    save_profile(occupancy_of(labels), found, path, title="Eye")
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert picture.shape[0] > 900
    for one in found.classes:
        rgb = [int(one.label_class.colour[i : i + 2], 16) for i in (1, 3, 5)]
        # The patch in the legend is solid.
        assert (np.abs(picture - rgb).max(axis=-1) < 3).sum() > 300


@pytest.mark.parametrize("shape", [(3, 40, 60), (3, 200, 30), (3, 20, 300)])
def test_nothing_is_cut_off_at_the_rim(shape, tmp_path):
    labels = np.ones(shape, np.uint8)
    path = tmp_path / "profile.png"
    found = quantify(labels, CLASSES)
    save_profile(occupancy_of(labels), found, path, title="Eye " + "x" * 200)
    picture = np.asarray(Image.open(path).convert("RGB"))
    paper = picture[0, 0]
    for rim in (picture[:8], picture[-8:], picture[:, :8], picture[:, -8:]):
        assert (rim == paper).all()


def test_a_volume_without_findings_still_has_a_picture(tmp_path):
    nothing = np.zeros((2, 30, 30), np.uint8)
    path = tmp_path / "profile.png"
    found = quantify(nothing, CLASSES)
    save_profile(occupancy_of(nothing), found, path, title="Eye")
    assert path.stat().st_size > 1000


def test_a_folder_that_is_not_there_is_said(labels, tmp_path):
    found = quantify(labels, CLASSES)
    with pytest.raises(WriteError, match="no folder"):
        save_profile(
            occupancy_of(labels), found, tmp_path / "no" / "p.png", title="Eye"
        )
