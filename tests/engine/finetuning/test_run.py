"""Fine-tunings in processes of their own: real workers, killed, stopped and resumed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from napari_octseg.bundles.registry import user_models_dir
from napari_octseg.engine.finetuning import launch, run_folder
from napari_octseg.engine.finetuning import run as run_module
from napari_octseg.engine.finetuning import worker as worker_module
from napari_octseg.engine.finetuning.job import Job
from napari_octseg.engine.finetuning.run import (
    Run,
    iter_follow,
    list_runs,
    resume_run,
    start_job,
)
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import TaskError, WriteError

pytestmark = pytest.mark.usefixtures("runs")


def until(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def last_step(run: Run) -> int:
    events, _ = run.events()
    return max((e.done for e in events if e.phase == "training"), default=0)


STARTER = """
import pickle, sys
from pathlib import Path
from napari_octseg.engine.finetuning.run import start_job
job, recipe, folder = pickle.load(open(sys.argv[1], "rb"))
print(start_job(job, recipe, folder).status.is_alive)
"""


def test_a_run_outlives_its_starter_and_is_found_again(
    from_parent: Recipe, data: Path, runs: Path, tmp_path: Path
) -> None:
    import pickle

    order = tmp_path / "order.pickle"
    folder = run_folder.new_run_folder("parent")
    job = Job("parent", data, device="cpu", precision="32-true")
    order.write_bytes(pickle.dumps((job, from_parent, folder)))
    done = subprocess.run(
        [sys.executable, "-c", STARTER, str(order)], capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr
    (run,) = list_runs()
    assert run == Run(folder)
    seen: list[Progress] = []
    task = iter_follow(run)
    while True:
        try:
            seen.append(next(task))
        except StopIteration as end:
            candidate = end.value
            break
    assert run.status.phase == "finished", run.log()
    assert not run.status.is_alive
    # A random parent learns the stripes for sure.
    assert candidate.comparison.verdict == "better"
    assert run.status.message == candidate.comparison.text
    assert max(step.values.get("dice", 0) for step in seen) > 0.5
    events, place = run.events()
    phases = list(dict.fromkeys(event.phase for event in events))
    assert phases == ["preparing", "training", "measuring", "finished"]
    assert run.events(place) == ([], place)
    with pytest.raises(TaskError, match="is finished"):
        resume_run(run)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_killed_worker_is_told_and_resumed_after_its_last_validation(
    from_parent: Recipe, data: Path, runs: Path
) -> None:
    recipe = from_parent.model_copy(update={"n_steps": 400})
    job = Job("parent", data, device="cpu", precision="32-true")
    run = start_job(job, recipe, runs / "killed")
    until(lambda: last_step(run) > 20 or run.status.has_ended)
    pid = run.status.pid
    assert pid is not None, run.log()
    assert pid != os.getpid()
    os.kill(pid, signal.SIGKILL)
    until(lambda: run.status.has_crashed)
    with pytest.raises(TaskError, match="resume it"):
        outcome(iter_follow(run))
    _, place = run.events()
    resume_run(run)
    until(lambda: run.status.pid != pid)
    candidate = outcome(iter_follow(run))
    assert candidate is not None, run.log()
    later, _ = run.events(place)
    steps = [event.done for event in later if event.phase == "training"]
    assert steps[0] > 20
    assert steps[0] % 20 == 1
    assert steps[-1] == 400


STUCK = """
import ctypes, sys, time
from pathlib import Path
from napari_octseg.engine.finetuning import launch, worker
from napari_octseg.engine.progress import Progress

def stuck(job, folder):
    {first}
    yield Progress(1, 100, "step 1")
    {wait}

def measured(job, folder, stopped):
    (folder / "measured").write_text(str(stopped))
    yield Progress(0, 1, "measuring")
    time.sleep(60)

launch.worker_command = lambda f: [sys.executable, __file__, str(f)]
worker._training, worker._measuring = stuck, measured
sys.exit(worker.main(sys.argv[1:]))
"""
BEST = '(folder / "best.pt").write_bytes(b"best")'
# The second one does not even let another thread of its process run.
WAITS = ["time.sleep(60)", "ctypes.PyDLL(None).sleep(60)"]


@pytest.fixture
def stuck_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path
) -> Callable[..., Run]:
    def start(first: str, wait: str) -> Run:
        script = tmp_path / "stuck.py"
        script.write_text(STUCK.format(first=first, wait=wait))
        monkeypatch.setattr(
            launch, "worker_command", lambda f: [sys.executable, str(script), str(f)]
        )
        run = start_job(Job("parent", data), recipe, tmp_path / "runs" / "stuck")
        until(lambda: last_step(run) == 1)
        return run

    return start


def is_gone(pid: int | None) -> bool:
    assert pid is not None
    launch.reap()
    return not psutil.pid_exists(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="the C library is called otherwise")
@pytest.mark.parametrize("wait", WAITS)
def test_a_stuck_step_is_cancelled_and_the_best_so_far_is_measured(
    stuck_run: Callable[..., Run], wait: str
) -> None:
    run = stuck_run(BEST, wait)
    first = run.status.pid
    run.cancel()
    until(lambda: is_gone(first), 10)
    until(lambda: (run.folder / "measured").is_file())
    assert (run.folder / "measured").read_text() == "True"
    until(lambda: run.status.pid not in (None, first))
    until(lambda: run.status.phase == "measuring")
    assert run.status.stopped_early
    # The measuring is cancelled in the same way; then there is nothing left to do.
    second = run.status.pid
    run.cancel()
    until(lambda: is_gone(second), 10)
    until(lambda: run.status.phase == "cancelled")
    assert outcome(iter_follow(run)) is None
    assert run.status.can_resume


def test_a_cancel_takes_less_than_a_second_by_design() -> None:
    by_itself = worker_module.LOOK_S + worker_module.OBEY_S
    assert by_itself < run_module.PATIENCE_S < 1


def test_without_any_weights_a_cancelled_run_is_just_over(
    stuck_run: Callable[..., Run],
) -> None:
    run = stuck_run("pass", "time.sleep(60)")
    pid = run.status.pid
    run.cancel()
    until(lambda: is_gone(pid), 10)
    assert outcome(iter_follow(run)) is None
    assert not (run.folder / "measured").exists()


SLOW = """
import sys, time
from pathlib import Path
from napari_octseg.engine.finetuning import launch, worker
from napari_octseg.engine.progress import Progress

def training(job, folder):
    (folder / "trained").touch()
    yield Progress(1, 100, "step 1")
    time.sleep(60)

time.sleep({seconds})
worker._training = training
sys.exit(worker.main(sys.argv[1:]))
"""


# It says who it is long after the cancel has lost its patience, or shortly before.
@pytest.mark.parametrize("seconds", [4, 0.2])
def test_a_cancel_is_obeyed_though_the_worker_is_loading_still(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recipe: Recipe,
    data: Path,
    seconds: float,
) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW.format(seconds=seconds))
    monkeypatch.setattr(
        launch, "worker_command", lambda f: [sys.executable, str(script), str(f)]
    )
    run = start_job(Job("parent", data), recipe, tmp_path / "runs" / "slow")
    pid = int((run.folder / run_folder.PID).read_text())
    assert run.status.pid is None
    run.cancel()
    until(lambda: is_gone(pid), 10)
    until(lambda: run.status.phase == "cancelled", 10)
    assert not (run.folder / "trained").exists()
    assert not run.is_stopping
    assert run.status.can_resume


def test_whoever_stops_watching_leaves_the_run_alone(
    stuck_run: Callable[..., Run],
) -> None:
    run = stuck_run("pass", "time.sleep(60)")
    task = iter_follow(run)
    assert [next(task).message for _ in range(3)][-1] == "step 1"
    task.close()
    assert run.status.is_alive
    with pytest.raises(TaskError, match="is running"):
        resume_run(run)
    pid = run.status.pid
    run.cancel()
    until(lambda: is_gone(pid), 10)


FOLDERS = """
import sys
from pathlib import Path
from napari_octseg.bundles.registry import user_models_dir
from napari_octseg.engine.finetuning.run_folder import runs_dir
Path(sys.argv[1], "seen").write_text(f"{user_models_dir()}\\n{runs_dir()}")
"""


def test_a_worker_finds_folders_that_are_named_from_where_its_starter_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe
) -> None:
    script = tmp_path / "folders.py"
    script.write_text(FOLDERS)
    monkeypatch.setattr(
        launch, "worker_command", lambda f: [sys.executable, str(script), str(f)]
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", "my models")
    monkeypatch.setenv(run_folder.RUNS_VARIABLE, "my runs")
    assert user_models_dir() == tmp_path / "my models"
    run = start_job(Job("parent", tmp_path), recipe, run_folder.runs_dir() / "one")
    until((run.folder / "seen").is_file)
    until(lambda: "\n" in (run.folder / "seen").read_text())
    seen = (run.folder / "seen").read_text().splitlines()
    assert seen == [str(tmp_path / "my models"), str(tmp_path / "my runs")]
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", "~/models")
    assert user_models_dir() == Path.home() / "models"


def test_a_run_never_begins_in_a_folder_that_holds_something(
    tmp_path: Path, recipe: Recipe
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(WriteError, match="not empty"):
        start_job(Job("parent", tmp_path), recipe, tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_full_disk_at_the_start_is_told_and_leaves_nothing(
    tmp_path: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_module, "write_job", full)
    with pytest.raises(WriteError, match="is full"):
        start_job(Job("parent", tmp_path), recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
