"""What the commands say on the terminal: results, progress, errors with a cure."""

from __future__ import annotations

import functools
import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.console import Console

from napari_octseg.errors import OctsegError, TaskError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from napari_octseg.engine.progress import Progress

T = TypeVar("T")

console = Console()
complaints = Console(stderr=True)
logger = logging.getLogger(__name__)


def plain(text: object) -> str:
    """Text whose square brackets are not taken for markup."""
    from rich.markup import escape

    return escape(str(text))


def friendly(command: Callable[..., None]) -> Callable[..., None]:
    """Errors that are foreseen become one message and exit status 1, no traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            raise  # the reader of our output has enough (`| head`): typer ends quietly
        except (OctsegError, OSError) as error:
            complain("[bold red]Error:[/]", _of_disk(error))
            raise typer.Exit(1) from error

    return run


def complain(heading: str, error: OctsegError) -> None:
    """Print an error behind a heading (markup); ``--verbose`` logs where it rose."""
    logger.debug("failed", exc_info=error)
    complaints.print(f"{heading} {plain(error)}", soft_wrap=True)


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn errors of the libraries below into ours.

    Parameters
    ----------
    doing
        What is being done, for people: "training octid-unet".

    Raises
    ------
    TaskError
        For a `RuntimeError`, as torch raises it.
    WriteError
        For an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise _of_disk(error) from error
    except RuntimeError as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TaskError(
            f"{doing} failed: {first}",
            todo="try --device cpu; napari-octseg --verbose … shows where it happened",
        ) from error


def make_folder(folder: Path) -> None:
    """Make a folder for results, and those above it.

    Raises
    ------
    WriteError
        If a file is in the way or the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise WriteError(
            f"{folder} cannot be a folder: a file is in the way",
            todo="give another folder with --out",
        ) from error
    except OSError as error:
        raise _of_disk(error) from error


def run_task(task: Generator[Progress, None, T], description: str) -> T:
    """Run a long task to its end behind a progress bar; its result.

    Raises
    ------
    OctsegError
        Those of the task; `TaskError` and `WriteError` for what `explained` turns.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    bar = Bar(*columns, console=complaints, transient=sys.stderr.isatty())
    with bar, explained(description):
        shown = bar.add_task(description, total=None, message="")
        try:
            while True:
                step = next(task)
                bar.update(
                    shown, completed=step.done, total=step.total, message=step.message
                )
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            task.close()


def _of_disk(error: OctsegError | OSError) -> OctsegError:
    """An error of the operating system as one of ours; ours as they are."""
    if isinstance(error, OctsegError):
        return error
    where = f"{error.filename}: " if error.filename else ""
    return WriteError(
        f"{where}{error.strerror or error}",
        todo="check the path, the free space of the disk and who may write there",
    )
