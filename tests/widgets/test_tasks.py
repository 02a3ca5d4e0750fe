from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from qtpy.QtWidgets import QLabel

from napari_octseg import widgets
from napari_octseg.engine.progress import Progress
from napari_octseg.errors import ReadError, TaskError
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive

pytestmark = pytest.mark.gui

_LAMBDA = re.compile(
    r"(task|running)\.(progressed|succeeded|failed|cancelled|ended)\.connect\(\s*lambda"
)


class Record:
    """What a task said, in order."""

    def __init__(self, task: RunningTask) -> None:
        self.said: list[object] = []
        self.results: list[object] = []
        task.progressed.connect(lambda p: self.said.append(p.done))
        task.succeeded.connect(self.results.append)
        task.succeeded.connect(lambda _: self.said.append("succeeded"))
        task.failed.connect(self.results.append)
        task.failed.connect(lambda _: self.said.append("failed"))
        task.cancelled.connect(lambda: self.said.append("cancelled"))
        task.ended.connect(lambda: self.said.append("ended"))


def run(qtbot, steps) -> Record:
    task = RunningTask(steps, "test")
    record = Record(task)
    with qtbot.waitSignal(task.ended, timeout=5000):
        task.start()
    return record


def test_a_task_tells_its_steps_its_result_and_its_end(qtbot):
    def steps():
        yield Progress(1, 2)
        yield Progress(2, 2)
        return "labels"

    record = run(qtbot, steps())
    assert record.said == [1, 2, "succeeded", "ended"]
    assert record.results == ["labels"]


def test_a_runtime_error_arrives_although_superqt_swallows_it(qtbot):
    def steps():
        yield Progress(0, 2)
        raise RuntimeError("CUDA out of memory")

    record = run(qtbot, steps())
    assert record.said == [0, "failed", "ended"]
    [error] = record.results
    assert isinstance(error, TaskError)
    assert "CUDA out of memory" in str(error)
    assert isinstance(error.__cause__, RuntimeError)


def test_an_error_of_ours_arrives_as_it_is(qtbot):
    wrong = ReadError("broken.tif is empty")

    def read() -> None:
        raise wrong

    record = run(qtbot, as_task(read, "reading"))
    assert record.results == [wrong]
    assert record.said[-1] == "ended"


def test_cancelling_runs_the_cleanup_of_the_task_before_it_ends(qtbot):
    said: list[str] = []

    def steps():
        try:
            while True:
                time.sleep(0.01)
                yield Progress(0, 1)
        finally:
            said.append("cleaned")

    task = RunningTask(steps(), "test")
    task.cancelled.connect(lambda: said.append("cancelled"))
    task.ended.connect(lambda: said.append("ended"))
    with qtbot.waitSignal(task.progressed, timeout=5000):
        task.start()
    with qtbot.waitSignal(task.ended, timeout=5000):
        task.cancel()
    assert said == ["cleaned", "cancelled", "ended"]


def test_a_task_runs_on_when_the_one_who_started_it_forgets_it(qtbot):
    said: list[str] = []

    def steps():
        yield Progress(0, 1)
        said.append("done")

    RunningTask(steps(), "test").start()
    qtbot.waitUntil(lambda: said == ["done"], timeout=5000)


class Teller(QLabel):
    """A widget that tells what reached it, also after Qt has deleted it."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def hear(self, *words: str) -> None:
        self.heard.append(" ".join(words))


def test_nothing_reaches_a_widget_that_was_deleted_before_the_end(qtbot):
    go = threading.Event()
    heard: list[str] = []
    kept, gone = Teller(heard), Teller(heard)

    def wait() -> str:
        assert go.wait(5)
        return "the result"

    task = RunningTask(as_task(wait, "waiting"), "test")
    for teller, name in ((kept, "kept"), (gone, "gone")):
        task.succeeded.connect(while_alive(teller.hear, name))
        task.ended.connect(while_alive(teller.hear, name, "ended"))
    task.start()
    with qtbot.waitSignal(gone.destroyed, timeout=5000):
        gone.deleteLater()
    with qtbot.waitSignal(task.ended, timeout=5000):
        go.set()
    assert heard == ["kept the result", "kept ended"]


def test_no_panel_connects_a_lambda_to_a_task():
    found = [
        path.name
        for path in sorted(Path(widgets.__file__).parent.glob("*.py"))
        if _LAMBDA.search(path.read_text("utf-8"))
    ]
    assert found == []
