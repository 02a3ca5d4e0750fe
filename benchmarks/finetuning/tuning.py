"""One fine-tuning or adaptation, exactly as the program does it."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.finetuning.domains import graded, label_set_of
from napari_octseg.engine.finetuning.adaptation import iter_adapt
from napari_octseg.engine.finetuning.run import iter_follow, start_run
from napari_octseg.engine.progress import outcome
from napari_octseg.errors import TaskError
from napari_octseg.groundtruth.data_set import DataSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.finetuning.domains import Domain
    from napari_octseg.engine.data.datasets import LabelledBscan
    from napari_octseg.engine.finetuning.candidates import Candidate
    from napari_octseg.engine.finetuning.settings import FineTuneSettings
    from napari_octseg.groundtruth.graded_scan import GradedScan

ADAPTED = {
    "norm statistics": {"match_histogram": False},
    "histogram": {"refresh_norms": False, "match_histogram": True},
    "norms and histogram": {"match_histogram": True},
}
"""Ways to adapt without labels, and the options that they take."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A candidate, and how long it took: in all, and its training alone."""

    candidate: Candidate
    seconds: float
    training_s: float


def add_to_data_set(scans: Sequence[GradedScan], domain: Domain, folder: Path) -> None:
    """Add scans to a data set, which is begun if there is none in the folder."""
    if (folder / "dataset.json").is_file():
        data_set = DataSet.open(folder)
    else:
        data_set = DataSet.create(folder, domain.source, *label_set_of(domain))
    for scan in scans:
        data_set.add(scan)


def fine_tuned(
    settings: FineTuneSettings,
) -> Tuned:
    """Fine-tune in a process of its own, to its candidate.

    Raises
    ------
    TaskError
        If it was cancelled.
    """
    began = time.perf_counter()
    run = start_run(settings)
    candidate = outcome(iter_follow(run))
    seconds = time.perf_counter() - began
    if candidate is None:
        raise TaskError(f"The fine-tuning in {settings.run} was cancelled")
    events, _ = run.events()
    training = [e.time_s for e in events if e.phase == "training"]
    training_s = training[-1] - training[0] if training else 0.0
    return Tuned(candidate, seconds, training_s)


def truth_of(bscans: Sequence[LabelledBscan], domain: Domain) -> list[GradedScan]:
    """What a grader makes of B-scans who is never wrong."""
    return [graded(bscan, domain) for bscan in bscans]


def adapted(
    base: str, bscans: Sequence[LabelledBscan], way: str, folder: Path, data: Path
) -> float:
    """Write a bundle that is adapted to B-scans, into a new folder; the seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()
    volumes = [one.volume for one in bscans]
    outcome(
        iter_adapt(
            base, volumes, folder=folder, device="cpu", data=data, **ADAPTED[way]
        )
    )
    return time.perf_counter() - began
