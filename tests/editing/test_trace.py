"""One click traces a whole boundary, or as much of it as is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.editing.likeness import surroundings
from napari_octseg.editing.trace import retrace, trace
from napari_octseg.errors import EditError

DEPTH, WIDTH = 80, 120
COLUMN = np.arange(WIDTH)
UPPER = (25 + 6 * np.sin(COLUMN / 20)).astype(np.float32)
LOWER = (50 + 4 * np.cos(COLUMN / 25)).astype(np.float32)


def two_edges() -> NDArray[np.float32]:
    """Dark, grey below the upper boundary, bright below the lower one."""
    rows = np.arange(DEPTH)[:, None]
    image = np.where(rows >= UPPER, 0.5, 0.1) + np.where(rows >= LOWER, 0.4, 0)
    grain = np.random.default_rng(0).normal(0, 0.05, (DEPTH, WIDTH))
    return (image + grain).astype(np.float32)


@pytest.mark.parametrize("column", [0, 30, WIDTH - 1])
@pytest.mark.parametrize("true", [UPPER, LOWER], ids=["upper", "lower"])
def test_one_click_finds_the_boundary_that_was_clicked(
    column: int, true: NDArray[np.float32]
) -> None:
    image = two_edges()
    cost = boundary_cost(image, polarity=1)
    click = (float(true[column]) + 0.4, float(column))
    traced = trace(cost, click, around=surroundings(image))
    assert traced.shape == (WIDTH,)
    assert traced.dtype == np.float32
    assert traced[column] == np.float32(click[0])
    assert np.abs(traced - true).mean() < 0.6


def test_other_boundaries_hold_it() -> None:
    cost = boundary_cost(two_edges(), polarity=1)
    roof = np.full(WIDTH, 40, np.float32)
    roof[60:70] = np.nan
    floor = np.full(WIDTH, 48, np.float32)
    traced = trace(cost, (44.0, 10.0), band=(roof, floor))
    held = np.isfinite(roof)
    assert (traced[held] >= roof[held]).all()
    assert (traced <= floor).all()
    assert (traced < LOWER).any(), "without the band it would be on the edge"


def test_a_click_outside_is_refused() -> None:
    with pytest.raises(EditError, match="row 99"):
        trace(np.zeros((DEPTH, WIDTH), np.float32), (99.0, 5.0))


def test_it_ends_where_it_meets_the_boundary_that_is_there() -> None:
    curve = np.full(WIDTH, 30, np.float32)
    bump = np.zeros(WIDTH, np.float32)
    bump[40:60] = 5
    bump[90:100] = 7  # wrong elsewhere too: not what the click was for
    first, part = retrace(curve, curve + bump, 50)
    assert first == 39
    assert len(part) == 22
    assert (part[1:-1] == 35).all()
    everywhere, whole = retrace(np.full(WIDTH, np.nan, np.float32), curve, 50)
    assert everywhere == 0
    assert (whole == curve).all()


def test_the_rpe_begins_where_the_ellipsoid_zone_ends_without_outer_segments() -> None:
    assert polarity_of("EZ/RPE", among=("ELM/EZ", "EZ/RPE", "BM")) == -1
    assert polarity_of("EZ/RPE", among=("EZ/OS", "EZ/RPE", "BM")) == 1
    assert polarity_of("EZ/RPE") == 1
