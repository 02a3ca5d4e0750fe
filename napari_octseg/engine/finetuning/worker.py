"""The process that trains and measures: ``python -m … RUN``; see `launch`.

Nobody talks to it: it reads its run folder, writes there what it does, and looks there
whether it shall stop.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.events import EventLog
from napari_octseg.engine.finetuning.failures import as_user_error
from napari_octseg.engine.finetuning.job import read_job
from napari_octseg.engine.finetuning.lock import take_lock
from napari_octseg.engine.finetuning.run import settle
from napari_octseg.engine.finetuning.status import StatusFile, Trouble
from napari_octseg.engine.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from napari_octseg.engine.finetuning.events import Phase
    from napari_octseg.engine.finetuning.job import Job

logger = logging.getLogger(__name__)

LOOK_S = 0.1
BEAT_S = 1.0
OBEY_S = 0.5
"""A step that has not come to its end so long after a cancel is not waited for."""
_RESERVE = ".reserve"
_RESERVE_BYTES = 256 << 10


class Watch:
    """A thread that tells that the worker lives, and sees to it that it stops.

    Parameters
    ----------
    folder
        Of the run.
    status
        Is written once a second, as a sign of life.
    """

    def __init__(self, folder: Path, status: StatusFile) -> None:
        self._folder = folder
        self._status = status
        self._ended = threading.Event()
        self._obeyed = threading.Event()
        self._cancel = folder / run_folder.CANCEL
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody wants this to stop."""
        return self._cancel.exists()

    def obey(self) -> None:
        """The work has stopped: there is nothing to force, until the next cancel."""
        self._obeyed.set()
        (self._folder / run_folder.STOPPED).touch()
        self._cancel.unlink(missing_ok=True)

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        waited = 0.0
        while not self._ended.wait(LOOK_S):
            waited += LOOK_S
            if self.is_cancelled:
                self._obeyed.clear()
                if not self._obeyed.wait(OBEY_S) and self.is_cancelled:
                    self._leave()
            elif waited >= BEAT_S:
                waited = 0.0
                try:
                    self._status.beat()
                except OSError:
                    logger.exception("no sign of life could be written")

    def _leave(self) -> None:
        """End the process in the middle of a step; a new one does what is left."""
        # Nobody writes the status after this: the lock is never given back.
        self._status.lock.acquire()
        if self._ended.is_set() or not self.is_cancelled:
            self._status.lock.release()
            return
        settle(self._folder, self._status.status.phase)
        os._exit(0)


def work(folder: Path) -> None:
    """Do what is left of a run: train, then measure.

    Whatever goes wrong is said in its status.
    """
    status = StatusFile(folder)
    reserve = folder / _RESERVE
    watch = Watch(folder, status)
    try:
        # What is to be said about a full disk needs some room on it.
        reserve.write_bytes(b"\0" * _RESERVE_BYTES)
        log = EventLog(folder / run_folder.EVENTS)
        try:
            _work(folder, status, watch, log)
        finally:
            log.close()
    except Exception as error:
        logger.error("the fine-tuning failed", exc_info=error)
        reserve.unlink(missing_ok=True)
        told = as_user_error(error, folder)
        watch.end()
        status.say("failed", str(told), trouble=Trouble.of(told))
    else:
        watch.end()
    finally:
        reserve.unlink(missing_ok=True)


def _work(folder: Path, status: StatusFile, watch: Watch, log: EventLog) -> None:
    """Train unless that was stopped, measure, and say how it ended."""
    stopped = (folder / run_folder.STOPPED).exists()
    job = read_job(folder)
    teller = _Teller(status, watch, log)
    if watch.is_cancelled:
        # Somebody was quicker than Python, which takes seconds to load.
        watch.obey()
        if status.status.phase == "measuring":
            teller.end("cancelled", "cancelled while the candidate was measured")
            return
        stopped = True
    if not stopped:
        teller.phase("preparing", "reading the data")
        stopped = not teller.drain("training", _training(job, folder))
    if stopped and not (folder / run_folder.BEST).is_file():
        teller.end("cancelled", "cancelled before there were any weights to keep")
        return
    teller.phase("measuring", "measuring", stopped_early=stopped)
    if not teller.drain("measuring", _measuring(job, folder, stopped)):
        teller.end("cancelled", "cancelled while the candidate was measured")
        return
    from napari_octseg.engine.finetuning.candidates import read_candidate

    teller.end("finished", read_candidate(folder).comparison.text)


class _Teller:
    """Tells each step of a task, and stops it when somebody asks for that."""

    def __init__(self, status: StatusFile, watch: Watch, log: EventLog) -> None:
        self._status, self._watch, self._log = status, watch, log

    def phase(self, phase: Phase, message: str, **others: Any) -> None:
        self._status.say(phase, message, done=0, total=0, **others)
        self._log.add(phase, Progress(0, 1, message))

    def end(self, phase: Phase, message: str) -> None:
        # The status last: who finds an end there finds all events, too.
        self._log.add(phase, Progress(1, 1, message))
        self._watch.end()
        self._status.say(phase, message)

    def drain(self, phase: Phase, task: Generator[Progress, None, Any]) -> bool:
        """Run a task; whether it came to its end."""
        try:
            for step in task:
                if self._status.status.phase != phase:
                    self._status.say(phase, step.message)
                self._log.add(phase, step)
                self._status.note(step.message, step.done, step.total)
                if self._watch.is_cancelled:
                    return False
        finally:
            task.close()
            if self._watch.is_cancelled:
                self._watch.obey()
        return True


def _training(job: Job, folder: Path) -> Generator[Progress, None, Any]:
    # torch takes seconds to load: the watch is at work by then.
    from napari_octseg.engine.recipe import read_recipe
    from napari_octseg.engine.training import TrainSettings, iter_train

    settings = TrainSettings(
        data=job.data, run=folder, device=job.device, precision=job.precision
    )
    yield from iter_train(read_recipe(folder / run_folder.RECIPE), settings)


def _measuring(job: Job, folder: Path, stopped: bool) -> Generator[Progress, None, Any]:
    from napari_octseg.engine.finetuning.measuring import iter_candidate

    yield from iter_candidate(job, folder, stopped_early=stopped)


def main(arguments: list[str]) -> int:
    """Be the worker of a run; 3 if another one is."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    folder = Path(arguments[0])
    lock = take_lock(folder / run_folder.LOCK)
    if lock is None:
        logger.warning("another process is at this run already")
        return 3
    _give_way()
    work(folder)
    return 0


def _give_way() -> None:
    """Let the window and its user go first where processors are few."""
    import psutil

    own = psutil.Process()
    try:
        own.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 5)
    except (psutil.AccessDenied, OSError):
        logger.info("the priority could not be lowered")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
