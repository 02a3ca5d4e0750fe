from __future__ import annotations

import pytest

from napari_octseg.measure.stack_geometry import stack_scale
from napari_octseg.volume import Origin, Spacing

SHAPE = (25, 496, 512)


def spacing(*values: float | None) -> Spacing:
    return Spacing.of(values, Origin.FILE)


def test_what_is_known_is_drawn_as_it_is():
    scale, note = stack_scale(spacing(240.0, 3.9, 11.5), SHAPE)
    assert scale == (240.0, 3.9, 11.5)
    assert note == ""


def test_an_unknown_distance_makes_the_field_square():
    scale, note = stack_scale(spacing(None, 3.9, 11.5), SHAPE)
    assert scale[1:] == (3.9, 11.5)
    assert scale[0] * 25 == pytest.approx(11.5 * 512)
    assert "distance of B-scans" in note
    assert "pixel" not in note


def test_unknown_pixels_are_wider_than_high():
    scale, note = stack_scale(Spacing(), SHAPE)
    assert scale[2] == 3 * scale[1]
    assert scale[0] * 25 == pytest.approx(scale[2] * 512)
    assert "pixel" in note
    assert "distance of B-scans" in note
    scale, _ = stack_scale(spacing(240.0, None, None), SHAPE)
    assert scale[0] == 240.0
    assert scale[2] * 512 == pytest.approx(240.0 * 25)
    assert stack_scale(spacing(None, 4.0, None), SHAPE)[0][1:] == (4.0, 12.0)
    assert stack_scale(spacing(None, None, 12.0), SHAPE)[0][1:] == (4.0, 12.0)


def test_one_bscan_is_drawn_thin_and_has_no_distance_to_miss():
    scale, note = stack_scale(spacing(None, 3.9, 11.5), (1, 496, 512))
    assert scale[0] == pytest.approx(0.02 * 11.5 * 512)
    assert note == ""
