from __future__ import annotations

import pytest

from napari_octseg.engine.progress import Progress
from napari_octseg.widgets._progress_view import ProgressView, time_left

pytestmark = pytest.mark.gui


@pytest.mark.parametrize(
    ("n_done", "n_left", "elapsed", "text"),
    [
        (0, 9, 4.0, ""),
        (9, 0, 4.0, ""),
        (4, 2, 16.0, "8 s left"),
        (1, 60, 10.0, "10 min left"),
        (100, 1, 1.0, "less than 1 s left"),
    ],
)
def test_the_time_left_is_told_in_words(n_done, n_left, elapsed, text):
    assert time_left(n_done, n_left, elapsed) == text


def test_progress_shows_the_step_and_goes_away(qtbot):
    view = ProgressView()
    qtbot.addWidget(view)
    view.begin("Starting…")
    view.advance(Progress(0, 4, "loading"))
    view.advance(Progress(1, 4, "B-scan 1 of 4"))
    assert view.label.text().startswith("B-scan 1 of 4, ")
    assert (view.bar.value(), view.bar.maximum()) == (1, 4)
    view.end()
    assert view.isHidden()
