from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError
from napari_octseg.labels import IGNORE
from tests.editing.conftest import DEPTH, WIDTH, flat_heights, flat_labels

if TYPE_CHECKING:
    from napari_octseg.editing.grading import Grading

IRF = 4


def paint(grading: Grading, rows: slice, columns: slice, value: int) -> None:
    labels = grading.labels[1, rows, columns]
    edit = grading.begin("brush")
    edit.set_labels(
        1, rows.start, columns.start, np.full(labels.shape, value, np.uint8)
    )
    edit.commit()


def test_labels_follow_a_boundary_at_once_and_only_in_its_columns(
    grading: Grading,
) -> None:
    heights = flat_heights(4)
    heights[1] = 13.2
    edit = grading.begin("knots")
    edit.set_heights(1, 6, heights)
    expected = flat_labels()
    expected[11:14, 6:10] = 1
    assert np.array_equal(grading.labels[1], expected)
    assert np.array_equal(grading.labels[0], flat_labels())
    edit.commit()
    assert (grading.origins[1] == 1).sum() == 4
    assert grading.states.tolist() == [1, ReviewState.CORRECTED, 1]


def test_a_drag_starts_anew_at_every_move(grading: Grading) -> None:
    edit = grading.begin("magnet")
    for row in (20.0, 3.0, 12.0):
        edit.reset()
        heights = flat_heights(3)
        heights[1] = row
        edit.set_heights(1, 2, heights)
    edit.commit()
    assert (grading.heights[1, 1, 2:5] == 12).all()
    assert grading.undo() == "magnet"
    assert np.array_equal(grading.heights[:, 1], flat_heights())
    assert np.array_equal(grading.labels[1], flat_labels())


def test_a_drag_tells_only_of_what_it_changes(grading: Grading) -> None:
    told: list[frozenset[str]] = []
    grading.changed.connect(lambda change: told.append(change.targets))
    edit = grading.begin("magnet")
    for row in (20.0, 3.0):
        edit.reset()
        heights = flat_heights(3)
        heights[1] = row
        edit.set_heights(1, 2, heights)
    assert told == [frozenset({"labels", "heights"})] * 3
    edit.reset()
    edit.reset()
    assert len(told) == 4


def test_a_cancelled_edit_leaves_no_trace(grading: Grading) -> None:
    edit = grading.begin("pen")
    edit.set_heights(1, 0, flat_heights() + 2)
    edit.cancel()
    assert not edit.commit()
    assert np.array_equal(grading.labels[1], flat_labels())
    assert grading.journal.undo_tool == "tiny-net 1"


def test_boundaries_never_cross(grading: Grading) -> None:
    heights = flat_heights()
    heights[1] = 30
    edit = grading.begin("pen")
    edit.set_heights(1, 0, heights)
    edit.commit()
    assert (np.diff(grading.heights[:, 1], axis=0) >= 0).all()


def test_painting_a_layer_moves_its_boundary(grading: Grading) -> None:
    paint(grading, slice(11, 14), slice(3, 5), 1)
    assert (grading.heights[1, 1, 3:5] == 13.5).all()
    assert (grading.heights[1, 1, 5:] == 10.5).all()


def test_a_finding_hides_layers_and_its_eraser_shows_them_again(
    grading: Grading,
) -> None:
    paint(grading, slice(8, 20), slice(3, 9), IRF)
    assert (grading.labels[1, 8:20, 3:9] == IRF).all()
    assert np.array_equal(grading.heights[:, 1], flat_heights())
    paint(grading, slice(8, 20), slice(3, 9), 0)
    assert np.array_equal(grading.labels[1], flat_labels())


def test_columns_that_cannot_be_seen_have_neither_boundaries_nor_classes(
    grading: Grading,
) -> None:
    edit = grading.begin("hide")
    edit.hide_columns(1, 4, 6)
    edit.commit()
    assert (grading.labels[1, :, 4:7] == IGNORE).all()
    assert np.isnan(grading.heights[:, 1, 4:7]).all()
    assert np.isfinite(grading.heights[:, 1, 7:]).all()
    # Drawing there again makes them seen.
    again = grading.begin("pen")
    again.set_heights(1, 4, flat_heights(3))
    again.commit()
    assert np.array_equal(grading.labels[1], flat_labels())


def test_a_locked_class_is_neither_taken_nor_given(grading: Grading) -> None:
    grading.locked_classes = {2}
    paint(grading, slice(0, DEPTH), slice(0, WIDTH), IRF)
    assert np.array_equal(grading.labels[1] == 2, flat_labels() == 2)
    grading.undo()
    paint(grading, slice(0, 4), slice(0, 4), 2)
    assert np.array_equal(grading.labels[1], flat_labels())


def test_boundaries_of_a_locked_layer_stay_and_hold_the_others_off(
    grading: Grading,
) -> None:
    grading.locked_classes = {2}
    heights = flat_heights()
    heights[0], heights[1], heights[3] = 14, 12, 13
    edit = grading.begin("pen")
    edit.set_heights(1, 0, heights)
    edit.commit()
    expected = flat_heights()
    expected[0] = 10.5
    expected[3] = 16.5
    assert np.array_equal(grading.heights[:, 1], expected)


def test_no_model_and_no_hiding_takes_a_locked_class(grading: Grading) -> None:
    grading.locked_classes = {2}
    run = grading.begin("net 1", origin="net 1")
    heights = flat_heights() + np.float32([[2], [2], [-2], [2]])
    run.set_prediction(1, boundaries_to_labels(heights[:, None], DEPTH)[0], heights)
    run.commit()
    expected = flat_heights() + np.float32([[2], [0], [0], [2]])
    assert np.array_equal(grading.heights[:, 1], expected)
    assert np.array_equal(grading.predicted[:, 1], heights)
    assert np.array_equal(
        grading.labels[1], boundaries_to_labels(expected[:, None], DEPTH)[0]
    )
    edit = grading.begin("hide")
    edit.hide_columns(1, 4, 6)
    edit.commit()
    assert np.array_equal(grading.labels[1] == 2, flat_labels() == 2)
    assert np.isnan(grading.heights[[0, 3], 1, 4:7]).all()
    assert np.array_equal(grading.heights[1:3, 1], expected[1:3])


def test_pixels_that_are_painted_back_take_their_boundary_along(
    grading: Grading,
) -> None:
    edit = grading.begin("brush")
    for value in (1, 2):
        edit.set_labels(1, 11, 3, np.full((3, 2), value, np.uint8))
    assert np.array_equal(grading.labels[1], flat_labels())
    assert np.array_equal(grading.heights[:, 1], flat_heights())
    edit.cancel()


def test_a_boundary_drawn_in_an_edit_stays_sub_pixel_where_pixels_follow(
    grading: Grading,
) -> None:
    edit = grading.begin("repair order", origin="repaired")
    edit.set_heights(1, 0, flat_heights() + np.float32(1.2))
    edit.set_labels(1, 8, 3, np.full((2, 2), IRF, np.uint8))
    edit.commit()
    assert np.array_equal(grading.heights[:, 1], flat_heights() + np.float32(1.2))


@pytest.mark.parametrize("state", [ReviewState.REVIEWED, ReviewState.EXCLUDED])
def test_a_finished_bscan_is_locked(grading: Grading, state: ReviewState) -> None:
    grading.set_state(1, state)
    edit = grading.begin("pen")
    with pytest.raises(EditError, match=f"B-scan 1 is {state.name.lower()}"):
        edit.set_heights(1, 0, flat_heights() + 1)
    assert not edit.commit()
    # A stroke that napari has painted already is taken back.
    painted = grading.labels[1]
    painted[:3] = IRF
    with pytest.raises(EditError, match="locked"):
        grading.begin("brush").adopt_stroke(1, flat_labels())
    assert np.array_equal(grading.labels[1], flat_labels())


def test_a_run_is_one_edit_however_many_batches_it_came_in(grading: Grading) -> None:
    run = grading.begin("other-net 2", origin="other-net 2")
    for bscan in (1, 0, 2):
        labels = boundaries_to_labels(flat_heights()[:, None] + 2, DEPTH)[0]
        run.set_prediction(bscan, labels, flat_heights() + 2)
        run.commit()
    code = grading.origin_names.index("other-net 2")
    assert (grading.origins == code).all()
    assert np.array_equal(grading.predicted, grading.heights)
    assert grading.undo() == "other-net 2"
    assert np.array_equal(grading.labels[2], flat_labels())
    assert grading.undo() == "tiny-net 1"
    assert not grading.labels.any()
    assert grading.undo() is None
