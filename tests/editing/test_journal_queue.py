"""Edits on their way into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.editing.journal_queue import JournalQueue
from napari_octseg.editing.patch import Patch
from napari_octseg.errors import EditError, JournalError
from tests.editing.edit_loop import open_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_octseg.editing.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = open_journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def dot(bscan: int = 0) -> Patch:
    return Patch("labels", bscan, (1, 1), *np.array([[[0]], [[1]]], np.uint8))


def test_edits_and_facts_wait_in_order_for_a_full_disk(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **named: object) -> int:
        raise JournalError("The disk is full")

    queue = JournalQueue(journal, "anna")
    queue.note("origin_names", ["nobody", "anna"])
    with monkeypatch.context() as patched:
        patched.setattr(journal, "write", full)
        for tool in ("pen", "brush"):
            with pytest.raises(JournalError, match="full"):
                queue.add(tool, [dot()])
    assert len(queue) == 2
    number = queue.add("knots", [dot()])
    assert len(queue) == 0
    edits = journal.edits()
    assert [one.tool for one in edits] == ["pen", "brush", "knots"]
    assert edits[-1].id == number
    assert {one.grader for one in edits} == {"anna"}
    assert journal.kept("origin_names") == ["nobody", "anna"]


def test_an_edit_that_no_journal_takes_does_not_hold_up_the_next(
    journal: Journal,
) -> None:
    queue = JournalQueue(journal, "anna")
    with pytest.raises(EditError):
        queue.add("pen", [dot(bscan=999)])
    assert queue.add("brush", [dot()]) is not None
    assert journal.undo_tool == "brush"
