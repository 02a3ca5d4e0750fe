"""Review states, and how much was changed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.editing.review import (
    ReviewState,
    after_edit,
    after_exclude_key,
    after_model,
    after_review_key,
    count_states,
    mean_edit_px,
    summary,
)
from napari_octseg.errors import EditError

UNSEEN, PREDICTED, CORRECTED, REVIEWED, EXCLUDED = ReviewState


def test_states_are_numbered_as_the_journal_keeps_them() -> None:
    assert [int(state) for state in ReviewState] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("state", [UNSEEN, PREDICTED, CORRECTED])
def test_an_edit_makes_a_bscan_corrected(state: ReviewState) -> None:
    assert after_edit(np.uint8(state)) is CORRECTED


def test_a_model_never_takes_the_mark_of_a_person() -> None:
    assert after_model(UNSEEN) is PREDICTED
    assert after_model(PREDICTED) is PREDICTED
    assert after_model(np.uint8(CORRECTED)) is CORRECTED


@pytest.mark.parametrize("state", [REVIEWED, EXCLUDED])
@pytest.mark.parametrize("change", [after_edit, after_model])
def test_a_finished_bscan_refuses_changes(state, change) -> None:
    with pytest.raises(EditError, match=state.name.lower()):
        change(state)
    assert not state.is_open


@pytest.mark.parametrize(
    ("edited", "predicted", "falls_to"),
    [(True, True, CORRECTED), (False, True, PREDICTED), (False, False, UNSEEN)],
)
@pytest.mark.parametrize(
    ("key", "there"), [(after_review_key, REVIEWED), (after_exclude_key, EXCLUDED)]
)
def test_a_second_press_takes_the_mark_back(
    key, there, edited, predicted, falls_to
) -> None:
    facts = {"edited": edited, "predicted": predicted}
    assert key(falls_to, **facts) is there
    assert key(there, **facts) is falls_to


def test_reviewed_and_excluded_do_not_turn_into_each_other() -> None:
    with pytest.raises(EditError, match="include it again"):
        after_review_key(EXCLUDED, edited=True, predicted=True)
    with pytest.raises(EditError, match="take back"):
        after_exclude_key(REVIEWED, edited=True, predicted=True)


def test_only_labels_of_a_person_are_by_hand() -> None:
    assert [s for s in ReviewState if s.by_hand] == [CORRECTED, REVIEWED]


def two_bscans():
    predicted = np.full((2, 3, 4), 10, np.float32)
    heights = predicted.copy()
    heights[0, 0] += (2, -2, 0, 0)  # 4 px over 8 places
    heights[1, 1, 0] = np.nan
    heights[1, 1, 1] += 7  # 7 px over 7 places
    predicted[:, 2] = np.nan
    return predicted, heights


def test_mean_edit_counts_what_both_have() -> None:
    assert np.allclose(mean_edit_px(*two_bscans()), [0.5, 1, np.nan], equal_nan=True)


def test_without_boundaries_there_is_no_edit_to_measure() -> None:
    nothing = np.empty((0, 3, 4), np.float32)
    assert np.isnan(mean_edit_px(nothing, nothing)).all()


def test_the_table_speaks_of_um_only_with_a_spacing() -> None:
    states = np.array([REVIEWED, CORRECTED, UNSEEN], np.uint8)
    facts = {"seconds": {0: 12.5}, "graders": {0: "Ada"}}
    rows = summary(states, *two_bscans(), axial_um=4.0, **facts)
    assert [row.bscan for row in rows] == [0, 1, 2]
    first = rows[0]
    assert (first.state, first.grader, first.seconds) == (REVIEWED, "Ada", 12.5)
    assert (first.edit_px, first.edit_um) == (0.5, 2.0)
    assert (rows[2].edit_px, rows[2].edit_um, rows[2].grader) == (None, None, "")
    unknown = summary(states, *two_bscans(), axial_um=None, **facts)
    assert [row.edit_um for row in unknown] == [None, None, None]
    assert unknown[0].edit_px == 0.5


def test_states_are_counted() -> None:
    counts = count_states(np.array([3, 3, 0], np.uint8))
    assert counts[REVIEWED] == 2
    assert counts[UNSEEN] == 1
    assert counts[EXCLUDED] == 0
