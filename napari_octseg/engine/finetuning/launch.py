"""Start the worker of a run: an interpreter of its own that outlives this one."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

from napari_octseg.bundles.registry import USER_MODELS_VARIABLE, user_models_dir
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.run_folder import RUNS_VARIABLE, runs_dir
from napari_octseg.errors import TaskError

WORKER = "napari_octseg.engine.finetuning.worker"
_ROOT = Path(__file__).resolve().parents[3]
_children: list[subprocess.Popen[bytes]] = []


def worker_command(folder: Path) -> list[str]:
    """The command of the worker of a run."""
    return [sys.executable, "-m", WORKER, str(folder)]


def launch(folder: Path) -> int:
    """Start a worker that has nothing of this process but its environment.

    A session of its own keeps it alive when the window or the terminal goes, and away
    from the terminal's Ctrl-C. What it prints is in ``worker.log`` of the run.

    Returns
    -------
    Its process number, which is in ``worker.pid`` too: one that dies before it takes
    its lock is missed by that.

    Raises
    ------
    TaskError
        If the system starts no process.
    """
    reap()
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":  # pragma: no cover
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        detached = {"creationflags": flags}
    try:
        with (folder / run_folder.LOG).open("ab") as log:
            child = subprocess.Popen(
                worker_command(folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_environment(),
                close_fds=True,
                **detached,
            )
    except OSError as error:
        raise TaskError(
            f"No process could be started for the fine-tuning: {error}",
            todo="close other programs, then resume the run",
        ) from error
    _children.append(child)
    (folder / run_folder.PID).write_text(str(child.pid))
    return child.pid


def reap() -> None:
    """Let the system forget workers of this process that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]


def _environment() -> dict[str, str]:
    """The environment of the worker, in which it finds this very package."""
    environment = dict(os.environ)
    # The worker stands in another folder: what is relative here is elsewhere there.
    folders = {USER_MODELS_VARIABLE: user_models_dir, RUNS_VARIABLE: runs_dir}
    for variable, folder_of in folders.items():
        if environment.get(variable):
            environment[variable] = str(folder_of())
    installed = {Path(p).resolve() for p in [*site.getsitepackages(), _user_site()]}
    if _ROOT not in installed:
        # A plain checkout is found by the folder it was started in, which is another.
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(_ROOT), *filter(None, [before])]
        )
    return environment


def _user_site() -> str:
    return site.getusersitepackages()
