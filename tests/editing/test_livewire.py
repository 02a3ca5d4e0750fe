"""Live-wire and snapping, on drawn edges, phantoms with exact truth and real scans."""

from __future__ import annotations

import math
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.boundaries import boundary_names, labels_to_boundaries
from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.editing.likeness import surroundings
from napari_octseg.editing.livewire import live_wire, snap
from napari_octseg.errors import EditError
from napari_octseg.phantom import Phantom, PhantomSettings, make_phantom

DEPTH, WIDTH = 60, 80


def edge_image(
    height: np.ndarray, depth: int = DEPTH, below: float = 0.8
) -> np.ndarray:
    """Dark above a boundary, bright below; pixels it cuts are grey in proportion."""
    rows = np.arange(depth)[:, None]
    share = np.clip(rows + 0.5 - height, 0, 1)
    return (0.1 + (below - 0.1) * share).astype(np.float32)


def wave(width: int = WIDTH, middle: float = 30.3, size: float = 8.0) -> np.ndarray:
    return (middle + size * np.sin(np.arange(width) / 12)).astype(np.float32)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(shape=(1, 496, 768), seed=3))


def wire_error(image: np.ndarray, truth: np.ndarray, name: str, n_clicks: int) -> float:
    """Mean error of a live-wire between clicks on the truth, px."""
    seen = np.flatnonzero(np.isfinite(truth))
    columns = seen[np.linspace(0, len(seen) - 1, n_clicks).astype(int)]
    first, path = live_wire(
        boundary_cost(image, polarity=polarity_of(name)),
        [(float(truth[c]), float(c)) for c in columns],
        around=surroundings(image),
    )
    assert first == columns[0]
    return float(np.nanmean(np.abs(path - truth[first : first + len(path)])))


def test_it_follows_an_edge_to_a_fraction_of_a_pixel() -> None:
    truth = wave()
    cost = boundary_cost(edge_image(truth), polarity=1)
    first, path = live_wire(cost, [(truth[0], 0), (truth[-1], WIDTH - 1)])
    assert first == 0
    assert path.dtype == np.float32
    assert np.abs(path - truth).mean() < 0.15
    assert np.abs(path - truth).max() < 0.5


@pytest.mark.parametrize(
    ("name", "limit"), [("ILM", 0.6), ("ELM/EZ", 0.6), ("BM", 0.6)]
)
def test_outer_boundaries_of_a_phantom_take_five_clicks(
    phantom: Phantom, name: str, limit: float
) -> None:
    image = phantom.volume.data[0].astype(np.float32)
    truth = phantom.boundaries[name][0]
    assert wire_error(image, truth, name, 5) < limit


def test_inner_boundaries_of_a_phantom_need_not_much_more(phantom: Phantom) -> None:
    image = phantom.volume.data[0].astype(np.float32)
    names = ("RNFL/GCL", "GCL/IPL", "IPL/INL", "INL/OPL", "OPL/ONL", "EZ/OS", "EZ/RPE")
    errors = {n: wire_error(image, phantom.boundaries[n][0], n, 5) for n in names}
    # GCL and IPL differ by a tenth of their brightness.
    assert max(errors.values()) < 4, errors
    assert np.median([*errors.values()]) < 1.3, errors


def test_real_boundaries_take_five_clicks(shared_data: Path) -> None:
    folder = shared_data / "nr206_sample"
    names = boundary_names(["RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "OS", "RPE"])
    errors: dict[str, list[float]] = {}
    for file in sorted((folder / "images").glob("*.png")):
        picture = np.asarray(iio.imread(file))
        image = (picture if picture.ndim == 2 else picture[..., 0]).astype(np.float32)
        labels = np.asarray(iio.imread(folder / "labels" / file.name))
        heights = labels_to_boundaries(labels[None], range(1, 9))[:, 0]
        for name, truth in zip(names, heights, strict=True):
            # How the two photoreceptor bands are told apart in these labels is unsure.
            if name not in ("EZ/OS", "EZ/RPE"):
                errors.setdefault(name, []).append(wire_error(image, truth, name, 5))
    mean = {name: float(np.mean(each)) for name, each in errors.items()}
    assert max(mean[name] for name in ("ILM", "ELM/EZ", "BM")) < 1, mean
    assert max(mean.values()) < 2, mean


def test_learning_from_the_clicks_keeps_it_off_a_stronger_edge() -> None:
    weak, strong = wave(size=3.0), wave(middle=42.0, size=3.0)
    image = edge_image(weak, below=0.3)
    image += edge_image(strong, below=0.9) - 0.1
    clicks = [(float(weak[0]), 0.0), (float(weak[-1]), WIDTH - 1.0)]
    cost = boundary_cost(image, polarity=1)
    _, path = live_wire(cost, clicks, around=surroundings(image))
    assert np.abs(path - weak).max() < 1


costs = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random((DEPTH, WIDTH), np.float32)
)
click_lists = st.lists(
    st.tuples(st.floats(-0.5, DEPTH - 0.5), st.floats(-0.5, WIDTH - 0.5)),
    min_size=2,
    max_size=6,
    unique_by=lambda click: round(click[1]),
)


@settings(max_examples=60, deadline=None)
@given(costs, click_lists)
def test_it_passes_exactly_through_the_clicks_in_any_order(
    cost: np.ndarray, clicks: list[tuple[float, float]]
) -> None:
    columns = [min(max(round(c), 0), WIDTH - 1) for _, c in clicks]
    if len(set(columns)) < len(columns):
        return
    first, path = live_wire(cost, clicks)
    assert (first, len(path)) == (min(columns), max(columns) - min(columns) + 1)
    for (row, _), column in zip(clicks, columns, strict=True):
        assert path[column - first] == np.float32(row)
    assert np.isfinite(path).all()
    assert path.min() >= -0.5
    assert path.max() <= DEPTH - 0.5
    again = live_wire(cost, clicks[::-1])
    assert again[0] == first
    assert np.array_equal(again[1], path)


@settings(max_examples=60, deadline=None)
@given(costs, st.integers(0, 2**32 - 1))
def test_it_never_leaves_its_band(cost: np.ndarray, seed: int) -> None:
    random = np.random.default_rng(seed)
    upper = random.uniform(0, DEPTH - 5, WIDTH).astype(np.float32)
    lower = upper + random.uniform(0, 6, WIDTH).astype(np.float32)
    upper[random.random(WIDTH) < 0.3] = np.nan
    lower[random.random(WIDTH) < 0.3] = np.nan
    columns = random.choice(WIDTH, 3, replace=False)
    clicks = []
    for column in columns:
        low = np.nan_to_num(upper[column], nan=0)
        high = np.fmin(lower[column], DEPTH - 1)
        clicks.append((float(random.uniform(low, high)), float(column)))
    first, path = live_wire(cost, clicks, band=(upper, lower))
    inside = slice(first, first + len(path))
    assert not (path < upper[inside]).any()
    assert not (path > lower[inside]).any()


def test_a_band_is_narrow_enough_to_choose_between_two_edges() -> None:
    upper, lower = wave(middle=20.0, size=2.0), wave(middle=40.0, size=2.0)
    image = edge_image(upper, below=0.5) + edge_image(lower, below=0.5)
    cost = boundary_cost(image, polarity=1)
    between = np.full(WIDTH, 30, np.float32)
    clicks = [(float(lower[0]), 0.0), (float(lower[-1]), WIDTH - 1.0)]
    _, path = live_wire(cost, clicks, band=(between, None))
    assert np.abs(path - lower).max() < 0.6


def test_steep_boundaries_are_followed() -> None:
    columns = np.arange(80)
    truth = (45 + 30 * np.tanh((columns - 40) / 11)).astype(np.float32)
    assert np.diff(truth).max() > 2.7
    image = edge_image(truth, depth=90)
    cost = boundary_cost(image, polarity=1)
    _, path = live_wire(cost, [(truth[0], 0), (truth[-1], 79)])
    assert np.abs(path - truth).mean() < 0.5
    assert np.abs(path - truth).max() < 2


def test_clicks_that_ask_for_more_than_the_largest_step_are_met() -> None:
    cost = np.ones((DEPTH, WIDTH), np.float32)
    _, path = live_wire(cost, [(2.0, 10.0), (57.0, 13.0)], max_step=1)
    assert path[[0, -1]].tolist() == [2, 57]
    assert (np.diff(path) > 0).all()


def test_nothing_to_go_by_gives_nearly_a_straight_line() -> None:
    _, path = live_wire(np.ones((DEPTH, WIDTH), np.float32), [(10, 0), (10, 79)])
    assert np.allclose(path, 10, atol=0.6)


def test_cost_that_is_not_a_number_counts_as_no_edge() -> None:
    truth = wave(size=2.0)
    cost = boundary_cost(edge_image(truth), polarity=1)
    cost[:, 30:34] = np.nan
    _, path = live_wire(cost, [(truth[0], 0), (truth[-1], WIDTH - 1)])
    assert np.abs(path - truth).max() < 1.5


@pytest.mark.parametrize("clicks", [[], [(5, 5)], [(5, 5), (9, 5.2)]])
def test_one_column_is_not_enough(clicks: list[tuple[float, float]]) -> None:
    with pytest.raises(EditError, match="two clicks in different columns"):
        live_wire(np.ones((DEPTH, WIDTH), np.float32), clicks)


def test_a_second_click_in_a_column_replaces_the_first() -> None:
    cost = np.ones((DEPTH, WIDTH), np.float32)
    _, path = live_wire(cost, [(5, 5), (9, 20), (11, 20)])
    assert path[-1] == 11


@pytest.mark.parametrize("click", [(-3, 4), (5, WIDTH), (math.nan, 4)])
def test_clicks_outside_the_scan_are_refused(click: tuple[float, float]) -> None:
    with pytest.raises(EditError, match="inside the B-scan"):
        live_wire(np.ones((DEPTH, WIDTH), np.float32), [(5, 5), click])


def test_a_click_beyond_a_neighbour_says_so() -> None:
    cost = np.ones((DEPTH, WIDTH), np.float32)
    neighbour = np.full(WIDTH, 20, np.float32)
    with pytest.raises(EditError, match="above the boundary at row 20"):
        live_wire(cost, [(25, 5), (15, 50)], band=(neighbour, None))
    with pytest.raises(EditError, match="below the boundary at row 20"):
        live_wire(cost, [(25, 5), (15, 50)], band=(None, neighbour))
    with pytest.raises(EditError, match="80 columns"):
        live_wire(cost, [(25, 5), (15, 50)], band=(neighbour[1:], None))


@settings(max_examples=60, deadline=None)
@given(costs, st.integers(0, 2**32 - 1), st.integers(0, 6), st.floats(0, 5))
def test_snapping_never_leaves_its_reach_and_keeps_gaps(
    cost: np.ndarray, seed: int, reach: int, stiffness: float
) -> None:
    random = np.random.default_rng(seed)
    curve = random.uniform(-2, DEPTH + 2, WIDTH).astype(np.float32)
    curve[random.random(WIDTH) < 0.2] = np.nan
    before = curve.copy()
    snapped = snap(curve, cost, reach=reach, stiffness=stiffness)
    assert np.array_equal(curve, before, equal_nan=True)
    assert np.array_equal(np.isnan(snapped), np.isnan(curve))
    assert np.nanmax(np.abs(snapped - curve), initial=0) <= reach + 1e-4


def test_snapping_finds_the_edge_beside_it() -> None:
    truth = wave()
    cost = boundary_cost(edge_image(truth), polarity=1)
    snapped = snap(truth + np.float32(2.2), cost, reach=4, stiffness=0.2)
    assert np.abs(snapped - truth).mean() < 0.2
    near = snap(truth + np.float32(6), cost, reach=1, stiffness=0.2)
    assert np.abs(near - truth - 5).max() < 0.01 or near.min() >= 20


def test_snapping_leaves_a_curve_where_there_is_no_edge() -> None:
    curve = wave()
    flat = np.ones((DEPTH, WIDTH), np.float32)
    assert np.allclose(snap(curve, flat, reach=5, stiffness=0.5), curve, atol=1e-5)


def test_stiffness_keeps_the_shape_of_a_curve() -> None:
    truth = wave()
    spike = truth.copy()
    spike[40:43] += 4  # a speckle that looks like the edge
    cost = boundary_cost(edge_image(spike), polarity=1)
    soft, stiff = (snap(truth, cost, reach=6, stiffness=s) for s in (0.0, 3.0))
    assert np.abs(stiff - truth).max() < np.abs(soft - truth).max()
    assert np.abs(stiff - truth).max() < 0.6


def test_snapping_refuses_what_does_not_fit() -> None:
    cost = np.ones((DEPTH, WIDTH), np.float32)
    with pytest.raises(EditError, match="80 columns"):
        snap(wave(10), cost, reach=2, stiffness=0.5)
    for reach, stiffness in ((-1, 0.5), (2, -1.0), (2, math.inf)):
        with pytest.raises(EditError, match="0 or more"):
            snap(wave(), cost, reach=reach, stiffness=stiffness)
