"""What can be done with runs and candidates; each is called in a thread.

The engine is imported when it is used: loading it takes longer than a click may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.errors import OctsegError

if TYPE_CHECKING:
    from napari_octseg.bundles.registry import Bundle
    from napari_octseg.engine.finetuning.candidates import Candidate
    from napari_octseg.engine.finetuning.run import Run
    from napari_octseg.engine.finetuning.settings import FineTuneSettings


@dataclass(frozen=True, eq=False)
class FoundCandidate:
    """A candidate, a name that is free, and the names that are not."""

    candidate: Candidate
    free_name: str
    taken: tuple[str, ...]


def started(settings: FineTuneSettings) -> Run:
    """A run that has just been started; raises as `start_run`."""
    from napari_octseg.engine.finetuning.run import start_run

    return start_run(settings)


def resumed(run: Run) -> Run:
    """The run, going on; raises as `resume_run`."""
    from napari_octseg.engine.finetuning.run import resume_run

    return resume_run(run)


def removed(run: Run) -> None:
    """Remove a run with its candidate; raises as `discard_run`."""
    from napari_octseg.engine.finetuning.candidates import discard_run

    discard_run(run.folder)


def found_in(run: Run) -> FoundCandidate:
    """The candidate of a finished run; raises as `read_candidate`."""
    from napari_octseg.bundles.registry import list_bundles
    from napari_octseg.engine.finetuning.candidates import (
        free_name,
        read_candidate,
        record_of,
    )

    candidate = read_candidate(run.folder)
    taken = tuple(bundle.name for bundle in list_bundles())
    # The job may have the folder of the parent.
    parent = str(record_of(candidate)["parent"])
    return FoundCandidate(candidate, free_name(parent), taken)


def accepted(candidate: Candidate, name: str) -> Bundle:
    """The candidate as a model of that name; raises as `accept`."""
    from napari_octseg.engine.finetuning.candidates import accept

    # Lists of models show the title: it tells the models of a family apart.
    data = candidate.job.data_name
    return accept(candidate, name, f"{name} ({data})" if data else name)


def open_run() -> Run | None:
    """The run to show: one under way, else the newest that is neither kept nor gone."""
    from napari_octseg.engine.finetuning.run import list_runs

    found: list[tuple[bool, Run]] = []
    for run in list_runs():
        try:
            found.append((not run.status.is_alive, run))
        except OctsegError:
            continue  # removed meanwhile
    found.sort(key=lambda one: one[0])
    return found[0][1] if found else None
