"""Square pixels from a raster scan, and back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.engine.projecting.isotropic import isotropic_grid


def test_the_finer_step_is_that_of_both_sides() -> None:
    grid = isotropic_grid((49, 512), (120.0, 12.0))
    assert grid.step_um == 12
    assert grid.size == (490, 512)
    coarse_columns = isotropic_grid((300, 30), (10.0, 40.0))
    assert coarse_columns.step_um == 10
    assert coarse_columns.size == (300, 120)


def test_no_side_is_longer_than_the_limit() -> None:
    grid = isotropic_grid((100, 1000), (60.0, 6.0), most_px=250)
    assert grid.size == (250, 250)
    assert grid.step_um == 24


@pytest.mark.parametrize("spacing", [(None, 12.0), (120.0, None), (None, None)])
def test_without_spacing_the_field_is_square_and_the_step_unknown(
    spacing: tuple[float | None, float | None],
) -> None:
    grid = isotropic_grid((49, 512), spacing)
    assert grid.size == (512, 512)
    assert grid.step_um is None


def test_there_and_back_a_smooth_image_stays() -> None:
    grid = isotropic_grid((40, 200), (50.0, 10.0))
    y, x = np.mgrid[0:1:40j, 0:1:200j]
    image = np.stack([np.sin(3 * x) + np.cos(4 * y), x * y]).astype(np.float32)
    wide = grid.expand(image)
    assert wide.shape == (2, 200, 200)
    assert np.abs(grid.reduce(wide) - image).max() < 0.02


def test_b_scans_stay_in_their_order() -> None:
    grid = isotropic_grid((20, 60), (30.0, 10.0))
    only_first = np.zeros((20, 60), bool)
    only_first[0, 40:] = True
    wide = grid.expand(only_first)
    assert wide[0, 50] == 1
    assert wide[-1].max() == wide[:, :30].max() == 0
