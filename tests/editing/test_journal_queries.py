"""Which edits changed a B-scan, and which were made by a tool."""

from __future__ import annotations

import numpy as np

from napari_octseg.editing.review import ReviewState
from tests.editing.conftest import flat_heights


def draw(grading, bscan, by):
    edit = grading.begin("pen")
    edit.set_heights(bscan, 0, flat_heights() + np.float32(by))
    edit.commit()


def test_edits_can_be_asked_by_bscan_and_by_tool(open_grading):
    grading = open_grading()
    draw(grading, 0, 0)
    draw(grading, 2, 0)
    grading.set_state(2, ReviewState.REVIEWED, tool="accept as is")
    grading.set_state(0, ReviewState.REVIEWED)
    journal = grading.journal
    everything = journal.edits()
    assert [edit.tool for edit in everything] == [
        "pen",
        "pen",
        "accept as is",
        "reviewed",
    ]
    assert journal.edits(bscan=2) == everything[1:3]
    assert journal.edits(bscan=1) == []
    assert journal.edits(tools=["reviewed", "accept as is"]) == everything[2:]
    assert journal.edits(bscan=0, tools=["pen"]) == everything[:1]
    grading.undo()
    assert journal.edits(bscan=0)[-1].state == "undone"
