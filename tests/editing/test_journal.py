"""A journal says what a list of copies of all arrays would say, also when reopened."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from napari_octseg.editing import checkpoints
from napari_octseg.editing.journal import Journal
from napari_octseg.editing.patch import TARGETS, Patch
from napari_octseg.errors import EditError
from tests.editing.edit_loop import (
    KINDS,
    SHAPE,
    Box,
    PlainModel,
    Step,
    Window,
    open_journal,
    replayed,
    same,
    start_arrays,
)

SHARES = st.floats(0, 1, exclude_max=True)
BOXES = st.builds(
    Box,
    st.sampled_from(TARGETS),
    st.integers(0, SHAPE[0] - 1),
    st.tuples(SHARES, SHARES),
    st.tuples(SHARES, SHARES),
    st.integers(0, 4),
)
STEPS = st.builds(
    Step, st.sampled_from(KINDS), st.lists(BOXES, min_size=1, max_size=4).map(tuple)
)


class JournalAndModel(RuleBasedStateMachine):
    """A window and the plain model take the same steps."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(checkpoints, "_MANY_PATCHES", 2)
        self.model = PlainModel()
        self.window = self.open()

    def open(self) -> Window:
        journal = open_journal(self.folder / "journal.sqlite")
        # What is tested here does not hang on the disk: no need to wait for it.
        journal._connection.execute("PRAGMA synchronous = OFF")
        return Window(journal, replayed(journal))

    @rule(step=STEPS)
    def step(self, step: Step) -> None:
        self.window.take(step)
        self.model = self.model.after(step)

    @rule()
    def undo(self) -> None:
        self.step(Step("undo"))

    @rule()
    def reopen(self) -> None:
        self.window.journal.close()
        self.window = self.open()
        self.model.under_way = 0

    @invariant()
    def the_window_shows_what_the_model_says(self) -> None:
        assert same(self.window.arrays, self.model.copies[self.model.now])

    @invariant()
    def a_new_window_would_show_it_too(self) -> None:
        assert self.model.agrees_with(self.window.journal)

    @invariant()
    def the_next_undo_and_redo_are_named(self) -> None:
        model, journal = self.model, self.window.journal
        tools = [None, *model.tools, None]
        assert journal.undo_tool == tools[model.now]
        assert journal.redo_tool == tools[model.now + 1]

    def teardown(self) -> None:
        self.window.journal.close()
        self.patch.undo()
        shutil.rmtree(self.folder)


JournalAndModel.TestCase.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None
)
TestJournalAndModel = JournalAndModel.TestCase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = open_journal(path)
    yield opened
    opened.close()


def dab(bscan: int = 0, value: int = 1, *, before: int = 0) -> Patch:
    """Two rows and three columns of labels."""
    old = np.full((2, 3), before, np.uint8)
    return Patch("labels", bscan, (4, 2), old, np.full_like(old, value))


def test_edits_survive_closing(path: Path) -> None:
    journal = open_journal(path)
    first = journal.write("brush", "Ada", [dab()])
    journal.write("fill", "Bob", [dab(1), dab(2)])
    journal.undo()
    journal.close()

    again = open_journal(path)
    records = again.edits()
    expected = start_arrays()
    dab().apply(expected)
    assert same(replayed(again), expected)
    assert [(r.tool, r.grader, r.bscans, r.state) for r in records] == [
        ("brush", "Ada", (0,), "done"),
        ("fill", "Bob", (1, 2), "undone"),
    ]
    assert records[0].id == first < records[1].id
    assert 0 <= records[1].time - records[0].time < 600
    assert (again.undo_tool, again.redo_tool) == ("brush", "fill")
    again.close()


def test_undo_gives_the_patches_newest_first_and_redo_oldest_first(
    journal: Journal,
) -> None:
    journal.write("brush", "Ada", [dab(0, 1), dab(0, 2, before=1)])
    undone, redone = journal.undo(), journal.redo()
    assert undone is not None and redone is not None
    assert [int(p.after[0, 0]) for p in undone] == [2, 1]
    assert [int(p.after[0, 0]) for p in redone] == [1, 2]
    assert [p.start for p in redone] == [(4, 2), (4, 2)]


def test_with_nothing_to_undo_nothing_happens(journal: Journal) -> None:
    assert journal.undo() is None
    assert journal.redo() is None
    assert journal.undo_tool is None
    assert journal.redo_tool is None
    assert journal.edits() == []
    assert same(replayed(journal), start_arrays())


def test_an_edit_after_undo_drops_what_was_undone_but_not_its_record(
    journal: Journal,
) -> None:
    for tool in ("a", "b", "c"):
        journal.write(tool, "Ada", [dab()])
    journal.undo()
    journal.undo()
    journal.write("d", "Ada", [dab(1)])
    assert journal.redo() is None
    states = [(r.tool, r.state) for r in journal.edits()]
    assert states == [("a", "done"), ("b", "dropped"), ("c", "dropped"), ("d", "done")]


def test_a_run_under_way_is_one_edit(journal: Journal) -> None:
    run = journal.write("duke-unet", "Ada", [dab(0)])
    assert journal.write("duke-unet", "Ada", [dab(2)], edit=run) == run
    assert journal.write("duke-unet", "Ada", [dab(1)], edit=run) == run
    assert [r.bscans for r in journal.edits()] == [(0, 1, 2)]
    undone = journal.undo()
    assert undone is not None
    assert [p.bscan for p in undone] == [1, 2, 0]
    assert same(replayed(journal), start_arrays())


def test_a_run_goes_on_as_a_new_edit_after_another_one_or_an_undo(
    journal: Journal,
) -> None:
    run = journal.write("duke-unet", "Ada", [dab(0)])
    stroke = journal.write("brush", "Ada", [dab(0, 2, before=1)])
    rest = journal.write("duke-unet", "Ada", [dab(1)], edit=run)
    assert len({run, stroke, rest}) == 3
    journal.undo()
    assert journal.write("duke-unet", "Ada", [dab(2)], edit=rest) not in (run, rest)
    assert [r.state for r in journal.edits()] == ["done", "done", "dropped", "done"]


def test_a_checkpoint_is_used_and_never_lies(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MANY_PATCHES", 2)
    arrays = start_arrays()
    for value in (1, 2, 3):
        patch = dab(0, value, before=value - 1)
        patch.apply(arrays)
        journal.write("brush", "Ada", [patch])
    journal.checkpoint(arrays)
    # What the checkpoint holds is taken as it is, so the edits before it are not.
    journal._connection.execute("DELETE FROM patches WHERE id = 1")
    assert same(replayed(journal), arrays)
    for patch in journal.undo() or ():
        patch.revert(arrays)
    assert arrays["labels"][0, 4, 2] == 2
    assert same(replayed(journal), arrays)


def test_facts_and_seconds_are_kept(path: Path) -> None:
    journal = open_journal(path)
    journal.keep("origin_names", ["nobody", "human"])
    journal.keep("origin_names", ["nobody", "human", "duke-unet 2"])
    journal.keep("nothing", None)
    journal.add_seconds(2, "Ada", 1.5)
    journal.add_seconds(2, "Ada", 2.0)
    journal.add_seconds(2, "Bob", 4.0)
    journal.add_seconds(0, "Ada", 0.25)
    journal.close()
    again = open_journal(path)
    assert again.kept("origin_names") == ["nobody", "human", "duke-unet 2"]
    assert again.kept("nothing") is None
    assert again.kept("never") is None
    assert again.seconds() == {0: 0.25, 2: 7.5}
    again.close()


def test_a_scan_without_layers_has_pixels_and_no_heights(tmp_path: Path) -> None:
    from napari_octseg.labels import LabelSet

    fluid = LabelSet.of("background", "IRF")
    journal = Journal.open(
        tmp_path / "j.sqlite", scan="s", label_set=fluid, layers=(), shape=SHAPE
    )
    journal.write("brush", "Ada", [dab()])
    height = np.zeros((1, 1), np.float32)
    with pytest.raises(EditError):
        journal.write("knots", "Ada", [Patch("heights", 0, (0, 0), height, height)])
    assert len(journal.edits()) == 1
    journal.close()


@pytest.mark.parametrize(
    "patch",
    [
        dab(SHAPE[0]),
        Patch("labels", 0, (11, 0), *np.zeros((2, 2, 1), np.uint8)),
        Patch("labels", 0, (0,), *np.zeros((2, 5), np.uint8)),
        Patch("heights", 0, (3, 0), *np.zeros((2, 1, 1), np.float32)),
        Patch("origins", 0, (8,), *np.zeros((2, 3), np.uint8)),
        Patch("states", 0, (), *np.zeros((2, 2), np.uint8)),
    ],
    ids=["no such B-scan", "row", "axes", "boundary", "column", "states"],
)
def test_what_could_not_be_replayed_is_refused_as_a_whole(
    journal: Journal, patch: Patch
) -> None:
    with pytest.raises(EditError) as told:
        journal.write("brush", "Ada", [dab(), patch])
    assert told.value.allowed
    assert journal.edits() == []


def test_an_edit_needs_a_change(journal: Journal) -> None:
    with pytest.raises(EditError, match="nothing"):
        journal.write("brush", "Ada", [])
