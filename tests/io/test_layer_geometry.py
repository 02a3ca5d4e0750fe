from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.io.layer_geometry import AXIS_LABELS, scale_and_units
from napari_octseg.io.napari_hooks import volume_layers
from napari_octseg.volume import OCTVolume

PIXELS = np.zeros((3, 8, 9), np.uint8)


@pytest.mark.parametrize(
    ("spacing", "scale", "units"),
    [
        ((120.0, 4.0, 10.0), (120, 4, 10), ("um", "um", "um")),
        ((None, 4.0, 10.0), (1, 4, 10), ("pixel", "um", "um")),
        ((120.0, None, 10.0), (1, 1, 1), ("pixel", "pixel", "pixel")),
        ((None, None, None), (1, 1, 1), ("pixel", "pixel", "pixel")),
    ],
)
def test_a_bscan_is_in_um_only_if_both_of_its_axes_are_known(spacing, scale, units):
    volume = OCTVolume(PIXELS, spacing_um=spacing)
    assert scale_and_units(volume) == (scale, units)
    assert scale_and_units(volume, 2) == (scale[1:], units[1:])
    [(_, attributes, _)] = volume_layers(volume, "eye")
    assert (attributes["scale"], attributes["units"]) == (scale, units)
    assert attributes["axis_labels"] == AXIS_LABELS
