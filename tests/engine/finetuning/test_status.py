"""Whether a worker lives is seen from its lock, not from a number in a file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from napari_octseg.engine.finetuning import run as run_module
from napari_octseg.engine.finetuning import run_folder, status
from napari_octseg.engine.finetuning.candidates import discard_run
from napari_octseg.engine.finetuning.lock import is_held, take_lock
from napari_octseg.engine.finetuning.run import (
    Run,
    find_run,
    iter_follow,
    list_runs,
    settle,
)
from napari_octseg.engine.finetuning.status import (
    StatusFile,
    read_status,
    write_end,
    write_launched,
)
from napari_octseg.engine.progress import outcome
from napari_octseg.errors import ReadError, TaskError


@pytest.fixture
def run(runs: Path) -> Path:
    folder = runs / "one"
    folder.mkdir(parents=True)
    write_launched(folder, "preparing", stopped_early=False)
    return folder


def test_a_worker_that_was_asked_for_counts_as_alive_for_a_while(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_status(run).is_alive
    late = time.time() + 1000
    monkeypatch.setattr(time, "time", lambda: late)
    assert read_status(run).has_crashed


def test_a_worker_that_dies_before_it_takes_its_lock_is_missed_at_once(
    run: Path,
) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (run / run_folder.PID).write_text(str(child.pid))
    assert read_status(run).is_alive
    child.kill()
    psutil.wait_procs([psutil.Process(child.pid)], timeout=10)
    assert read_status(run).has_crashed
    child.communicate()
    assert read_status(run).has_crashed
    write_launched(run, "preparing", stopped_early=False)
    assert read_status(run).is_alive, "another one is on its way"


def test_a_process_that_has_the_number_of_a_dead_worker_is_not_taken_for_it(
    run: Path,
) -> None:
    lock = take_lock(run / run_folder.LOCK)
    assert lock is not None
    StatusFile(run).say("training", "step 1")
    assert read_status(run).pid == os.getpid()
    assert read_status(run).is_alive
    lock.release()  # as the system does when a process dies; this one is still there
    assert read_status(run).has_crashed
    assert read_status(run).can_resume


def test_looking_does_not_take_the_lock(run: Path) -> None:
    path = run / run_folder.LOCK
    assert not is_held(path)
    lock = take_lock(path)
    assert [is_held(path) for _ in range(3)] == [True] * 3
    assert lock is not None
    lock.release()
    assert not is_held(path)
    assert take_lock(path, 0.1) is not None


def test_a_worker_that_ends_while_one_looks_has_not_crashed(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StatusFile(run)
    file.say("measuring", "nearly done")

    def ends_now(path: Path) -> bool:
        file.say("finished", "done")
        return False

    monkeypatch.setattr(status, "is_held", ends_now)
    assert read_status(run).phase == "finished"


def test_a_run_without_worker_is_cancelled_at_once(
    planned: Callable[..., Path],
) -> None:
    folder = planned()
    StatusFile(folder).say("training", "step 1")
    run = Run(folder)
    assert run.status.has_crashed
    run.cancel()
    assert run.status.phase == "cancelled"
    assert run.status.can_resume


def test_damaged_and_foreign_folders_are_left_out_of_the_list(
    planned: Callable[..., Path], runs: Path
) -> None:
    good = planned("good")
    (runs / "notes").mkdir()
    for name, text in (("torn", "{"), ("newer", '{"phase": "training", "x": 1}')):
        (runs / name).mkdir()
        (runs / name / run_folder.STATUS).write_text(text)
        with pytest.raises(ReadError):
            read_status(runs / name)
    assert list_runs() == [Run(good)]


def test_trouble_comes_back_from_the_file(run: Path) -> None:
    trouble = status.Trouble("got", "allowed", "todo")
    StatusFile(run).say("failed", "it failed", trouble=trouble)
    found = read_status(run)
    assert found.trouble == trouble
    assert not found.is_alive
    assert replace(found, phase="training").has_crashed


def test_a_run_that_has_ended_can_be_resumed_while_its_worker_is_leaving(
    run: Path,
) -> None:
    lock = take_lock(run / run_folder.LOCK)
    assert lock is not None
    StatusFile(run).say("cancelled", "cancelled")
    assert not read_status(run).is_alive
    assert read_status(run).can_resume
    lock.release()


def test_runs_elsewhere_are_listed_until_they_are_gone(
    planned: Callable[..., Path], tmp_path: Path, runs: Path
) -> None:
    near = planned("near")
    far = tmp_path / "other disk" / "far"
    far.parent.mkdir()
    planned("moved").rename(far)
    run_folder.remember(near)
    assert list_runs() == [Run(near)]
    run_folder.remember(far)
    assert set(list_runs()) == {Run(near), Run(far)}
    assert find_run("far") == Run(far)
    (far.parent).rename(tmp_path / "unplugged")
    assert list_runs() == [Run(near)]
    (tmp_path / "unplugged").rename(far.parent)
    write_end(far, "cancelled", "cancelled")
    discard_run(far)
    assert list_runs() == [Run(near)]
    assert not list(runs.glob(".*/*"))


def test_a_run_elsewhere_that_was_removed_by_hand_is_forgotten(
    planned: Callable[..., Path], tmp_path: Path, runs: Path
) -> None:
    far = planned("moved").rename(tmp_path / "far")
    run_folder.remember(far)
    assert len(list(runs.glob(".*/*"))) == 1
    shutil.rmtree(far)
    assert list_runs() == []
    assert not list(runs.glob(".*/*"))


def test_a_stopped_worker_is_no_crash_until_somebody_has_seen_to_the_rest(
    planned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "STOPPING_S", 1000.0)
    folder = planned()
    StatusFile(folder).say("training", "step 1")
    (folder / run_folder.CANCEL).touch()
    assert read_status(folder).has_crashed
    watching = iter_follow(Run(folder))
    assert [next(watching).done for _ in range(3)] == [0, 0, 0]
    settle(folder, "training")
    assert outcome(watching) is None
    # Whoever had asked for it died before that: it is a crash after all.
    StatusFile(folder).say("training", "step 2")
    (folder / run_folder.CANCEL).touch()
    monkeypatch.setattr(run_module, "STOPPING_S", 0.0)
    with pytest.raises(TaskError, match="without a word"):
        outcome(iter_follow(Run(folder)))
