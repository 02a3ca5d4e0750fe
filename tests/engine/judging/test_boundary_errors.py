import numpy as np
import pytest

from napari_octseg.engine.judging.boundary_errors import BoundaryError, BoundaryErrors


def test_errors_of_known_heights_over_two_bscans() -> None:
    errors = BoundaryErrors(2)
    true = np.array([[1, 2, np.nan, 4], [np.nan] * 4], np.float32)
    found = np.array([[2, np.nan, 3, 1], [1] * 4], np.float32)
    errors.add(found, true, axial_um=2.0)
    errors.add(np.full((2, 2), 9, np.float32), np.full((2, 2), 4, np.float32), 4.0)
    first, second = errors.in_px()
    # Differences +1, -3 and then +5, +5.
    assert first == BoundaryError(mae=3.5, p95=5.0, bias=2.0)
    assert second == BoundaryError(mae=5.0, p95=5.0, bias=5.0)
    in_um = errors.in_um()[0]  # +2, -6, +20, +20
    assert in_um is not None
    assert (in_um.mae, in_um.bias) == (12.0, 9.0)


def test_columns_without_a_found_boundary_lower_the_share_that_was_judged() -> None:
    errors = BoundaryErrors(4)
    true = np.zeros((4, 4), np.float32)
    found = true.copy()
    found[1, :3] = np.nan
    found[2] = np.nan  # found nowhere, so it cannot be wrong anywhere
    true[0, 2:], true[3] = np.nan, np.nan
    errors.add(found, true, 1.0)
    assert errors.judged() == [1.0, 0.25, 0.0, None]
    assert errors.in_px()[2:] == [None, None]
    errors.add(np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32), 1.0)
    assert errors.judged() == [1.0, 0.625, 0.5, 1.0]


def test_the_95th_percentile_forgives_one_column_in_twenty_one() -> None:
    errors = BoundaryErrors(1)
    found = np.zeros((1, 21), np.float32)
    found[0, 7] = 100
    errors.add(found, np.zeros((1, 21), np.float32), None)
    (error,) = errors.in_px()
    assert error is not None
    assert error.p95 == 0
    assert error.mae == pytest.approx(100 / 21)


def test_one_scan_of_unknown_spacing_forbids_um() -> None:
    errors = BoundaryErrors(1)
    heights = np.zeros((1, 3), np.float32)
    errors.add(heights, heights, 3.9)
    assert errors.in_um() == errors.in_px() == [BoundaryError(0, 0, 0)]
    errors.add(heights, heights, None)
    assert errors.in_um() == [None]


def test_a_boundary_that_nobody_has_has_no_error() -> None:
    errors = BoundaryErrors(1)
    errors.add(np.full((1, 3), np.nan, np.float32), np.zeros((1, 3), np.float32), 1.0)
    assert errors.in_px() == errors.in_um() == [None]
