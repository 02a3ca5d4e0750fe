from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from napari_octseg.editing import journal_queue
from napari_octseg.editing.grading import Change, Grading
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError, JournalError, LabelError
from napari_octseg.volume import OCTVolume
from tests.editing.conftest import (
    DEPTH,
    LABEL_SET,
    LAYERS,
    WIDTH,
    flat_heights,
    flat_labels,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def snapshot(grading: Grading) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in grading.arrays.items()}


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return all(
        np.array_equal(first[k], second[k], equal_nan=first[k].dtype.kind == "f")
        for k in first
    )


def test_everything_is_there_when_it_is_opened_again(
    grading: Grading, open_grading: Callable[[], Grading]
) -> None:
    edit = grading.begin("pen")
    edit.set_heights(2, 3, flat_heights(5) + 1.25)
    edit.commit()
    grading.set_state(0, ReviewState.REVIEWED)
    before, names = snapshot(grading), list(grading.origin_names)
    again = open_grading()
    assert again is not grading
    assert same(snapshot(again), before)
    assert again.origin_names == names
    assert again.undo() == "reviewed"
    assert again.undo() == "pen"
    assert again.redo() == "pen"
    assert again.redo() == "reviewed"
    assert same(snapshot(again), before)


def test_listeners_hear_what_changed(grading: Grading) -> None:
    heard: list[Change] = []
    grading.changed.connect(heard.append)
    edit = grading.begin("pen")
    edit.set_heights(2, 3, flat_heights(5) + 1)
    assert heard[-1] == Change((2,), frozenset({"labels", "heights"}))
    edit.commit()
    assert heard[-1].bscans == (2,)
    assert {"labels", "heights", "origins", "states", "journal"} <= heard[-1].targets
    grading.undo()
    assert heard[-1].bscans == (2,)
    assert "journal" in heard[-1].targets


def test_an_edit_that_could_not_be_written_is_written_with_the_next(
    grading: Grading,
    open_grading: Callable[[], Grading],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*args: object, **named: object) -> int:
        raise JournalError("The disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(grading.journal, "write", full)
        edit = grading.begin("pen")
        edit.set_heights(1, 0, flat_heights() + 1)
        with pytest.raises(JournalError, match="full"):
            edit.commit()
        assert grading.n_unwritten == 1
        with pytest.raises(JournalError, match="full"):
            grading.undo()
    assert (grading.heights[0, 1] == 6.5).all()  # still shown
    second = grading.begin("knots")
    second.set_heights(2, 0, flat_heights() + 1)
    second.commit()
    assert grading.n_unwritten == 0
    before = snapshot(grading)
    again = open_grading()
    assert same(snapshot(again), before)
    assert [again.undo(), again.undo()] == ["knots", "pen"]


def test_listeners_hear_of_an_edit_that_could_not_be_written(
    grading: Grading, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Change] = []
    grading.changed.connect(heard.append)

    def full(*args: object, **named: object) -> int:
        raise JournalError("The disk is full")

    monkeypatch.setattr(grading.journal, "write", full)
    edit = grading.begin("pen")
    edit.set_heights(1, 0, flat_heights() + 1)
    with pytest.raises(JournalError, match="full"):
        edit.commit()
    assert {"origins", "states", "journal"} <= heard[-1].targets
    with pytest.raises(JournalError, match="full"):
        grading.flush()
    monkeypatch.undo()
    grading.flush()
    assert grading.n_unwritten == 0
    assert grading.journal.undo_tool == "pen"


def test_nothing_else_changes_a_bscan_while_it_is_edited(grading: Grading) -> None:
    before = snapshot(grading)
    drag = grading.begin("magnet")
    drag.set_heights(1, 0, flat_heights() + 1)
    with pytest.raises(EditError, match="magnet is being used on B-scan 1"):
        grading.undo()
    with pytest.raises(EditError, match="being used"):
        grading.redo()
    with pytest.raises(EditError, match="being used"):
        grading.set_state(1, ReviewState.REVIEWED)
    run = grading.begin("net 1", origin="net 1")
    run.set_prediction(0, flat_labels(), flat_heights())
    with pytest.raises(EditError, match="being used"):
        run.set_prediction(1, flat_labels(), flat_heights())
    run.commit()
    drag.cancel()
    assert grading.undo() == "net 1"
    assert same(snapshot(grading), before)


def test_an_edit_that_was_forgotten_holds_nobody_up(grading: Grading) -> None:
    grading.begin("pen").set_heights(1, 0, flat_heights() + 1)
    assert grading.undo() == "tiny-net 1"


def test_a_checkpoint_holds_nothing_that_may_be_cancelled(
    grading: Grading,
    open_grading: Callable[[], Grading],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_queue, "_CHECKPOINT_EVERY", 25)
    for number in range(20):
        edit = grading.begin("pen")
        edit.set_heights(1, 0, flat_heights() + np.float32(0.01 * number))
        edit.commit()
    before = snapshot(grading)
    drag = grading.begin("magnet")
    drag.set_heights(1, 0, flat_heights() + 5)
    for number in range(10):
        edit = grading.begin("pen")
        edit.set_heights(0, 0, flat_heights() + np.float32(0.01 * number))
        edit.commit()
    drag.cancel()
    assert same({"h": grading.heights[:, 1]}, {"h": before["heights"][:, 1]})
    now = snapshot(grading)
    assert same(snapshot(open_grading()), now)


def test_what_is_being_drawn_when_it_is_closed_is_kept(
    grading: Grading, open_grading: Callable[[], Grading]
) -> None:
    drag = grading.begin("magnet")
    drag.set_heights(1, 0, flat_heights() + 1)
    again = open_grading()
    assert (again.heights[0, 1] == 6.5).all()
    assert again.undo() == "magnet"


def test_more_origins_than_can_be_told_apart_are_refused(grading: Grading) -> None:
    for number in range(256 - len(grading.origin_names)):
        grading.begin("import", origin=f"file {number}")
    assert grading.begin("import", origin="file 0")
    with pytest.raises(EditError, match="too many"):
        grading.begin("import", origin="one more")


def test_a_name_of_an_origin_is_kept_as_soon_as_it_can_be(
    grading: Grading,
    open_grading: Callable[[], Grading],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*args: object) -> None:
        raise JournalError("The disk is full")

    run = grading.begin("net 1", origin="net 1")
    run.set_prediction(0, flat_labels(), flat_heights())
    with monkeypatch.context() as patched:
        patched.setattr(grading.journal, "keep", full)
        with pytest.raises(JournalError, match="full"):
            run.commit()
    again = open_grading()
    assert again.journal.undo_tool == "net 1"
    assert {again.origin_names[code] for code in again.origins[0]} == {"net 1"}


def test_two_windows_cannot_edit_one_scan(
    grading: Grading, volume: OCTVolume, tmp_path: Path
) -> None:
    with pytest.raises(JournalError, match="open"):
        Grading.open(volume, LABEL_SET, LAYERS, path=tmp_path / "edits.sqlite")
    edit = grading.begin("pen")
    edit.set_heights(1, 0, flat_heights() + 1)
    assert edit.commit()


def test_a_grading_that_cannot_be_made_lets_go_of_its_journal(
    volume: OCTVolume, tmp_path: Path
) -> None:
    path = tmp_path / "edits.sqlite"
    with pytest.raises(LabelError, match="choroid"):
        Grading.open(volume, LABEL_SET, ("RNFL", "choroid"), path=path)
    path.unlink()
    Grading.open(volume, LABEL_SET, LAYERS, path=path).close()


def test_long_work_is_opened_from_checkpoints(
    grading: Grading,
    open_grading: Callable[[], Grading],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_queue, "_CHECKPOINT_EVERY", 20)
    for number in range(30):
        edit = grading.begin("pen")
        edit.set_heights(1, 0, flat_heights() + np.float32(0.01 * (number + 1)))
        edit.commit()
    before = snapshot(grading)
    again = open_grading()
    assert same(snapshot(again), before)
    for _ in range(30):
        assert again.undo() == "pen"
    assert np.array_equal(again.labels[1], flat_labels())


def test_a_bscan_that_is_not_there_is_refused(grading: Grading) -> None:
    with pytest.raises(EditError, match="0 to 2"):
        grading.begin("pen").set_heights(3, 0, flat_heights())


def test_a_label_set_without_layers_has_no_boundaries(
    volume: OCTVolume, tmp_path: Path
) -> None:
    grading = Grading.open(volume, LABEL_SET, path=tmp_path / "fluid.sqlite")
    assert grading.heights.shape == (0, 3, WIDTH)
    edit = grading.begin("brush")
    edit.set_labels(0, 2, 2, np.full((3, 3), 4, np.uint8))
    assert edit.commit()
    assert (grading.labels == 4).sum() == 9
    grading.close()


def test_a_single_bscan_is_graded_like_a_volume(tmp_path: Path) -> None:
    volume = OCTVolume(np.zeros((DEPTH, WIDTH), np.uint8))
    path = tmp_path / "one.sqlite"
    grading = Grading.open(volume, LABEL_SET, LAYERS, path=path)
    edit = grading.begin("pen")
    edit.set_heights(0, 0, flat_heights())
    edit.commit()
    assert np.array_equal(grading.labels, flat_labels()[None])
    grading.close()
    again = Grading.open(volume, LABEL_SET, LAYERS, path=path)
    assert np.array_equal(again.labels, flat_labels()[None])
    assert again.undo() == "pen"
    assert not again.labels.any()
    again.close()


class Afternoon(RuleBasedStateMachine):
    """Random edits, model runs, undo, redo and restarts, against a list of copies."""

    folder: Path
    count = 0

    def __init__(self) -> None:
        super().__init__()
        Afternoon.count += 1
        self.path = self.folder / f"{Afternoon.count}.sqlite"
        pixels = np.zeros((3, DEPTH, WIDTH), np.uint8)
        self.volume = OCTVolume(pixels)
        self.grading = self.open()
        self.past = [snapshot(self.grading)]
        self.future: list[dict[str, np.ndarray]] = []

    def open(self) -> Grading:
        return Grading.open(
            self.volume, LABEL_SET, LAYERS, path=self.path, grader="anna"
        )

    def keep(self, changed: bool) -> None:
        if changed:
            self.past.append(snapshot(self.grading))
            self.future.clear()

    @rule(bscan=st.integers(0, 2), shift=st.floats(-4, 4), first=st.integers(0, 9))
    def draw(self, bscan: int, shift: float, first: int) -> None:
        edit = self.grading.begin("pen")
        edit.set_heights(bscan, first, flat_heights(8) + np.float32(shift))
        self.keep(edit.commit())

    @rule(
        bscan=st.integers(0, 2),
        row=st.integers(0, DEPTH - 6),
        column=st.integers(0, WIDTH - 4),
        value=st.integers(0, 4),
    )
    def paint(self, bscan: int, row: int, column: int, value: int) -> None:
        before = self.grading.labels[bscan].copy()
        self.grading.labels[bscan, row : row + 6, column : column + 4] = value
        edit = self.grading.begin("brush")
        edit.adopt_stroke(bscan, before)
        self.keep(edit.commit())

    @rule(bscans=st.lists(st.integers(0, 2), min_size=1, unique=True))
    def run_model(self, bscans: list[int]) -> None:
        changed = False
        run = self.grading.begin("net 1", origin="net 1")
        for bscan in bscans:
            run.set_prediction(bscan, flat_labels(), flat_heights())
            changed = run.commit() or changed
        self.keep(changed)

    @rule(shift=st.floats(0.5, 4))
    def draw_while_a_model_runs(self, shift: float) -> None:
        run = self.grading.begin("net 2", origin="net 2")
        for bscan in (0, 1):
            run.set_prediction(bscan, flat_labels(), flat_heights())
            self.keep(run.commit())
            self.draw(bscan, shift, 3)

    @rule(bscan=st.integers(0, 2), shift=st.floats(-4, 4))
    def give_up(self, bscan: int, shift: float) -> None:
        edit = self.grading.begin("knots")
        edit.set_heights(bscan, 2, flat_heights(8) + np.float32(shift))
        with pytest.raises(EditError, match="knots"):
            self.grading.undo()
        edit.cancel()

    @rule(bscan=st.integers(0, 2), first=st.integers(0, 15))
    def hide(self, bscan: int, first: int) -> None:
        edit = self.grading.begin("hide")
        edit.hide_columns(bscan, first, first + 4)
        self.keep(edit.commit())

    @rule()
    def undo(self) -> None:
        undone = self.grading.undo()
        assert (undone is None) == (len(self.past) == 1)
        if undone is not None:
            self.future.append(self.past.pop())

    @precondition(lambda self: self.future)
    @rule()
    def redo(self) -> None:
        assert self.grading.redo() is not None
        self.past.append(self.future.pop())

    @rule()
    def restart(self) -> None:
        self.grading.close()
        self.grading = self.open()

    @invariant()
    def arrays_are_those_of_the_list(self) -> None:
        assert same(snapshot(self.grading), self.past[-1])

    def teardown(self) -> None:
        self.grading.close()


def test_an_afternoon_of_work_is_what_a_list_of_copies_says(tmp_path: Path) -> None:
    Afternoon.folder = tmp_path
    machine = Afternoon.TestCase
    machine.settings = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine().runTest()
