"""What a run is doing, as its worker says it, and whether that worker is alive."""

from __future__ import annotations

import os
import platform
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psutil

from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.events import ENDS, PHASES, Phase
from napari_octseg.engine.finetuning.lock import is_held
from napari_octseg.errors import OctsegError, ReadError

if TYPE_CHECKING:
    from pathlib import Path

_START_S = 60.0
"""So long a worker may take until it holds its lock; loading Python takes a second."""


@dataclass(frozen=True)
class Trouble:
    """An error for people, as `OctsegError` has it."""

    got: str
    allowed: str = ""
    todo: str = ""

    @classmethod
    def of(cls, error: OctsegError) -> Trouble:
        """What an error says."""
        return cls(error.got, error.allowed, error.todo)


@dataclass(frozen=True)
class RunStatus:
    """State of a run.

    Attributes
    ----------
    phase, message
        What the worker does or did last.
    done, total
        Its progress in that.
    is_alive
        Whether a worker is at it now. If none is and the phase is not one of
        `events.ENDS`, it was killed or crashed, and the run can be resumed.
    pid, created
        The process of the worker and when it began; None until it has begun.
    host
        The computer it runs on.
    launched, heartbeat
        When the worker was asked for, and last said something; seconds since the epoch.
    stopped_early
        Whether the training was cancelled: the best weights until then count.
    trouble
        Why it failed.
    """

    phase: Phase
    message: str = ""
    done: int = 0
    total: int = 0
    is_alive: bool = False
    pid: int | None = None
    created: float | None = None
    host: str = ""
    launched: float = 0.0
    heartbeat: float = 0.0
    stopped_early: bool = False
    trouble: Trouble | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end, good or bad."""
        return self.phase in ENDS

    @property
    def has_crashed(self) -> bool:
        """Whether its worker is gone without having come to an end."""
        return not self.is_alive and not self.has_ended

    @property
    def can_resume(self) -> bool:
        """Whether there is something left to do; see `Run.can_resume`, too."""
        return not self.is_alive and self.phase != "finished"


def read_status(folder: Path) -> RunStatus:
    """State of the run in a folder.

    Raises
    ------
    ReadError
        If the folder holds no run.
    """
    status = _read(folder)
    while True:
        if status.has_ended:
            # Its worker may still be leaving the system; it does nothing any more.
            return status
        is_alive = is_held(folder / run_folder.LOCK)
        if not is_alive and status.pid is None:
            is_alive = _is_starting(folder, status)
        if is_alive:
            return replace(status, is_alive=True)
        # It looks like a crash, unless the worker came to its end just now.
        again = _read(folder)
        if again == status:
            return status
        status = again


def _is_starting(folder: Path, status: RunStatus) -> bool:
    """Whether a worker that was asked for may still come to its lock."""
    if time.time() - status.launched >= _START_S:
        return False
    try:
        worker = psutil.Process(int((folder / run_folder.PID).read_text()))
        is_zombie: bool = worker.status() == psutil.STATUS_ZOMBIE
        return not is_zombie
    except (FileNotFoundError, ValueError):
        return True  # the system is about to start it
    except psutil.NoSuchProcess:
        return False


def _read(folder: Path) -> RunStatus:
    """What the file says; whether the worker is alive it cannot say."""
    values = run_folder.read_json(folder / run_folder.STATUS)
    trouble = values.pop("trouble", None)
    try:
        status = RunStatus(**values, trouble=Trouble(**trouble) if trouble else None)
    except TypeError as error:
        raise ReadError(
            f"{folder / run_folder.STATUS} is of another version of the program",
            todo="remove the run folder",
        ) from error
    if status.phase not in PHASES:
        raise ReadError(f"The run phase {status.phase!r}", allowed=", ".join(PHASES))
    return status


def write_launched(folder: Path, phase: Phase, *, stopped_early: bool) -> None:
    """Say that a worker has been asked for, before there is one."""
    now = time.time()
    (folder / run_folder.PID).unlink(missing_ok=True)  # of the worker before
    _write(
        folder,
        RunStatus(
            phase, "starting", launched=now, heartbeat=now, stopped_early=stopped_early
        ),
    )


def write_end(folder: Path, phase: Phase, message: str) -> None:
    """Say how a run ended that has no worker any more."""
    _write(folder, replace(read_status(folder), phase=phase, message=message))


@dataclass
class StatusFile:
    """The status of a run in the hands of its worker, which may have two threads.

    Parameters
    ----------
    folder
        Of the run.
    """

    folder: Path
    status: RunStatus = field(init=False)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.status = replace(
            read_status(self.folder),
            pid=os.getpid(),
            created=psutil.Process().create_time(),
            host=platform.node(),
        )
        self.beat()

    def say(self, phase: Phase, message: str, **others: Any) -> None:
        """Tell a new phase at once."""
        with self.lock:
            self.status = replace(self.status, phase=phase, message=message, **others)
            self.beat()

    def note(self, message: str, done: int, total: int) -> None:
        """Tell progress with the next heartbeat."""
        with self.lock:
            self.status = replace(self.status, message=message, done=done, total=total)

    def beat(self) -> None:
        """Write the file with the time of now."""
        with self.lock:
            self.status = replace(self.status, heartbeat=time.time())
            _write(self.folder, self.status)


def _write(folder: Path, status: RunStatus) -> None:
    values = asdict(status)
    del values["is_alive"]  # nobody can write that down
    run_folder.write_json(folder / run_folder.STATUS, values)
