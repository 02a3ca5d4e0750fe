"""A fine-tuning in a process of its own: start it, watch it, stop it, resume it."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.candidates import Candidate, read_candidate
from napari_octseg.engine.finetuning.events import Event, read_events
from napari_octseg.engine.finetuning.failures import as_user_error
from napari_octseg.engine.finetuning.job import Job, job_of, read_job, write_job
from napari_octseg.engine.finetuning.launch import launch, reap
from napari_octseg.engine.finetuning.status import (
    RunStatus,
    read_status,
    write_end,
    write_launched,
)
from napari_octseg.engine.progress import Progress
from napari_octseg.errors import OctsegError, ReadError, TaskError

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_octseg.engine.finetuning.settings import FineTuneSettings
    from napari_octseg.engine.recipe import Recipe

POLL_S = 0.1
PATIENCE_S = 0.85
"""A worker that has not stopped by itself after this is killed."""
STOPPING_S = 10.0
"""So long a stopped worker may be gone before somebody has seen to the rest."""


@dataclass(frozen=True)
class Run:
    """A fine-tuning, known by its folder; it may have been started by anybody."""

    folder: Path

    @property
    def status(self) -> RunStatus:
        """What it is doing now.

        Raises
        ------
        ReadError
            If the folder holds no run (any more).
        """
        reap()
        return read_status(self.folder)

    @property
    def job(self) -> Job:
        """What it was started with.

        Raises
        ------
        ReadError
            If the folder holds no run (any more).
        """
        return read_job(self.folder)

    @property
    def can_resume(self) -> bool:
        """Whether `resume_run` makes sense: nobody is at it, and no candidate is whole.

        Raises
        ------
        ReadError
            If the folder holds no run (any more).
        """
        status = self.status
        if status.phase != "finished":
            return status.can_resume
        try:
            read_candidate(self.folder)
        except ReadError:
            return True
        return False

    def events(self, since: int = 0) -> tuple[list[Event], int]:
        """What it has done since an earlier call, and the `since` of the next one."""
        return read_events(self.folder / run_folder.EVENTS, since)

    def log(self, n_lines: int = 20) -> str:
        """The end of what the worker printed, for a report of a fault."""
        try:
            text = (self.folder / run_folder.LOG).read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-n_lines:])

    def cancel(self) -> None:
        """Stop what it is doing; returns at once.

        A training stops within a second, whatever step it is in, and its best weights
        so far are measured. If there are none, or they were being measured, nothing
        more happens: the run can be resumed or discarded.
        """
        status = self.status
        if not status.is_alive:
            if not status.has_ended:
                write_end(self.folder, "cancelled", "cancelled")
            return
        (self.folder / run_folder.CANCEL).touch()
        # A program that ends now waits for it: else nobody measures the best so far.
        threading.Thread(target=_make_sure, args=(self,)).start()

    @property
    def is_stopping(self) -> bool:
        """Whether a cancel is not obeyed yet, or what follows from it is not begun."""
        return (self.folder / run_folder.CANCEL).exists()


def start_run(settings: FineTuneSettings) -> Run:
    """Check that a fine-tuning is possible, and start it in a process of its own.

    Raises
    ------
    OctsegError
        What is wrong with model, data set or settings: before anything is started.
    WriteError
        If the run folder holds anything, or cannot be written.
    TaskError
        If no process can be started.
    """
    from napari_octseg.engine.finetuning.plan import plan_fine_tune

    plan = plan_fine_tune(settings)
    return start_job(job_of(settings, plan), plan.recipe, settings.run)


def start_job(job: Job, recipe: Recipe, folder: Path) -> Run:
    """Start a fine-tuning that is planned; raises as `start_run`."""
    folder = folder.expanduser().resolve()
    run_folder.make_run_folder(folder)
    try:
        write_job(job, recipe, folder)
        run_folder.remember(folder)
        return _launched(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise as_user_error(error, folder.parent) from error


def resume_run(run: Run) -> Run:
    """Go on with a run that crashed, failed or was cancelled, or is damaged.

    The training continues after its last validation. If it had come to its end, the
    candidate is measured; so it is again where it cannot be read any more.

    Raises
    ------
    TaskError
        If it is running, or has its candidate already.
    """
    if not run.can_resume:
        raise TaskError(
            f"The fine-tuning in {run.folder} "
            + ("is running" if run.status.is_alive else "is finished"),
            allowed="one that crashed, failed or was cancelled",
            todo="accept or discard its candidate, or start a new one",
        )
    (run.folder / run_folder.CANCEL).unlink(missing_ok=True)
    if run.status.phase != "finished":  # else what it was stopped at was the end
        (run.folder / run_folder.STOPPED).unlink(missing_ok=True)
    return _launched(run.folder)


def list_runs() -> list[Run]:
    """Runs in the user's folder and those that were begun elsewhere, newest first."""
    found: list[tuple[float, Run]] = []
    for folder in run_folder.known_folders():
        try:
            planned = read_job(folder).time
            read_status(folder)
        except ReadError:
            continue
        found.append((planned, Run(folder)))
    return [run for _, run in sorted(found, key=lambda one: one[0], reverse=True)]


def find_run(name: str) -> Run:
    """The run in a folder, or of that name among those that are listed.

    Raises
    ------
    ReadError
        If there is none.
    """
    for folder in (Path(name).expanduser(), run_folder.runs_dir() / name):
        if (folder / run_folder.STATUS).is_file():
            return Run(folder.resolve())
    listed = list_runs()
    for run in listed:
        if run.folder.name == name:
            return run
    raise ReadError(
        f"There is no fine-tuning {name!r}",
        allowed=", ".join(run.folder.name for run in listed) or "none: none began",
        todo="see them with: napari-octseg runs",
    )


def iter_follow(run: Run) -> Generator[Progress, None, Candidate | None]:
    """Watch a run from its beginning to its end; closing this leaves it alone.

    Yields
    ------
    Progress
        For each event, those of the past first; and ten times a second the last one
        again, without figures, so that whoever watches can react.

    Returns
    -------
    The candidate; None if the run was cancelled without one.

    Raises
    ------
    TaskError
        If it failed, or its worker died.
    """
    place = 0
    last = Progress(0, 1, "starting")
    seen_alive = time.monotonic()
    while True:
        # The status first: what had happened when it told the end is read after it.
        status = run.status
        events, place = run.events(place)
        for event in events:
            last = Progress(event.done, event.total, event.message)
            yield replace(last, values=event.values)
        now = time.monotonic()
        # Between a worker that was stopped and the one that measures there is a moment.
        if status.is_alive:
            seen_alive = now
        is_gone = not run.is_stopping or now - seen_alive > STOPPING_S
        if status.has_ended or (not status.is_alive and is_gone):
            break
        if not events:
            yield last
            time.sleep(POLL_S)
    if status.phase == "finished":
        return read_candidate(run.folder)
    if status.phase == "cancelled":
        return None
    raise _failure(run, status)


def _failure(run: Run, status: RunStatus) -> OctsegError:
    if status.trouble is not None:
        trouble = status.trouble
        return TaskError(trouble.got, allowed=trouble.allowed, todo=trouble.todo)
    return TaskError(
        f"The fine-tuning ended without a word while {status.phase}",
        todo="resume it, it goes on after the last validation; what it said last is "
        f"in {run.folder / run_folder.LOG}",
    )


def _launched(folder: Path) -> Run:
    write_launched(folder, "preparing", stopped_early=False)
    launch(folder)
    return Run(folder)


def _make_sure(run: Run) -> None:
    """Kill the worker if it does not stop by itself, then have the rest done."""
    try:
        before = run.status
        worker = _worker_of(run.folder, before)
        end = time.monotonic() + PATIENCE_S
        while (now := run.status).is_alive:
            if now.pid != before.pid or not run.is_stopping:
                return  # it has obeyed, or has just begun and will
            if time.monotonic() >= end:
                _kill(worker or _worker_of(run.folder, now))
            time.sleep(0.02)
        if not now.has_ended:
            settle(run.folder, before.phase)  # nobody is left who could
    except ReadError:
        return  # discarded meanwhile


def settle(folder: Path, phase: str) -> None:
    """After a cancelled worker: have the best so far measured, or say that is all.

    Parameters
    ----------
    folder
        Of the run; no worker is at it any more, or it is about to end.
    phase
        What the worker was doing when it was stopped.
    """
    (folder / run_folder.STOPPED).touch()
    is_measured = phase != "measuring" and (folder / run_folder.BEST).is_file()
    # The status first: without a request, a worker that is gone has crashed.
    if is_measured:
        write_launched(folder, "measuring", stopped_early=True)
    else:
        write_end(folder, "cancelled", "cancelled")
    (folder / run_folder.CANCEL).unlink(missing_ok=True)
    if is_measured:
        launch(folder)


def _worker_of(folder: Path, status: RunStatus) -> psutil.Process | None:
    """The process of a worker; None if its number is another process by now."""
    try:
        if status.pid is not None:
            worker = psutil.Process(status.pid)
            return worker if worker.create_time() == status.created else None
        # It is loading still: only whoever started it has said which it is.
        worker = psutil.Process(int((folder / run_folder.PID).read_text()))
        return worker if str(folder) in worker.cmdline() else None
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def _kill(worker: psutil.Process | None) -> None:
    if worker is None:
        return
    try:
        worker.kill()
        worker.wait(2)
    except (psutil.NoSuchProcess, psutil.TimeoutExpired):
        return
