from __future__ import annotations

import numpy as np

from napari_octseg.editing.likeness import strength_at, surroundings, unlike_clicks


def stack(*levels: float, height: int = 40, width: int = 12) -> np.ndarray:
    column = np.repeat(np.array(levels, np.float32), height)
    return np.repeat(column[:, None], width, axis=1)


def test_windows_lie_above_and_below_each_row() -> None:
    around = surroundings(stack(0.0, 1.0))
    assert around.shape == (6, 12, 80)
    assert np.allclose(around[:3, :, 40], 0, atol=1e-4)
    assert np.allclose(around[3:, :, 40], 1, atol=1e-4)
    assert np.allclose(around[2, :, 43], 0.5, atol=1e-4)


def test_brightness_is_a_share_of_the_range() -> None:
    image = stack(0.0, 1.0, 0.5)
    assert np.allclose(surroundings(image), surroundings(900 * image + 70), atol=1e-3)
    assert np.isfinite(surroundings(stack(3.0))).all()


def test_gaps_are_no_hole_in_what_is_around() -> None:
    image = stack(0.0, 1.0)
    image[:5] = np.nan
    assert np.isfinite(surroundings(image)).all()


def test_places_like_the_clicks_are_told_from_others() -> None:
    # Two edges with dark above bright: 0 to 0.5 and 0.5 to 1.
    around = surroundings(stack(0.0, 0.5, 1.0))
    unlike = unlike_clicks(around, slice(0, 120), 40, 40)
    assert unlike.shape == (12, 120)
    assert unlike[:, 40].max() < 1e-6
    assert unlike[:, 80].min() > 0.9
    part = unlike_clicks(around, slice(30, 90), 40, 40)
    assert np.array_equal(part, unlike[:, 30:90])


def test_between_two_clicks_the_look_may_change_from_one_to_the_other() -> None:
    image = stack(0.0, 1.0, width=101)
    image *= np.linspace(1, 0.4, 101, dtype=np.float32)
    around = surroundings(image)
    assert unlike_clicks(around, slice(0, 80), 40, 40)[:, 40].max() < 0.1
    from_one_click = unlike_clicks(around, slice(0, 80), 40, None)[:, 40]
    assert from_one_click[0] < 1e-6
    assert from_one_click[-1] > 0.9


def test_a_click_beside_the_edge_still_knows_its_strength() -> None:
    cost = np.ones((20, 30), np.float32)
    cost[:, 14] = 0.3
    assert np.isclose(strength_at(cost, 10, 16), 0.3)
    assert strength_at(cost, 10, 20) == 1
    assert np.isclose(strength_at(cost, 0, 14), 0.3)
