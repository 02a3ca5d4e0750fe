"""What a worker needs to know beside the recipe of the training."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_octseg.engine.finetuning import run_folder
from napari_octseg.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.engine.finetuning.plan import FineTunePlan
    from napari_octseg.engine.finetuning.settings import FineTuneSettings
    from napari_octseg.engine.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """A fine-tuning that is planned.

    Attributes
    ----------
    parent
        Name or folder of the model that it starts from.
    data
        Root of the folders that the recipe names.
    data_name, data_digest
        The ground-truth data set, and the hash of what was in it at the start.
    n_train_bscans, n_held_out_bscans
        Of the ground truth.
    held_out, notes
        What is held out, and what else is to be said, for people.
    trained_on
        Id of each data set → pseudonyms of the patients that the new model and its
        ancestors have been trained on; None where nobody knows.
    device, precision
        As for `TrainSettings`.
    settings
        What the user chose, for the record.
    time
        When it was planned, seconds since the epoch.
    """

    parent: str
    data: Path
    data_name: str = ""
    data_digest: str = ""
    n_train_bscans: int = 0
    n_held_out_bscans: int = 0
    held_out: str = ""
    notes: tuple[str, ...] = ()
    trained_on: dict[str, Sequence[str] | None] = field(default_factory=dict)
    device: str = "auto"
    precision: str = "bf16-mixed"
    settings: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)


def job_of(settings: FineTuneSettings, plan: FineTunePlan) -> Job:
    """The job of a plan, with a note of what the data set holds now.

    Raises
    ------
    ReadError
        If the data set is gone.
    """
    from napari_octseg.groundtruth.data_set import DataSet

    data_set = DataSet.open(settings.data_set)
    return Job(
        parent=plan.recipe.start,
        data=(settings.replay or settings.data_set).expanduser().resolve(),
        data_name=data_set.name,
        data_digest=data_set.digest(),
        n_train_bscans=plan.n_train_bscans,
        n_held_out_bscans=plan.n_held_out_bscans,
        held_out=plan.held_out,
        notes=plan.notes,
        trained_on=dict(plan.trained_on),
        device=settings.device,
        precision=settings.precision,
        settings=settings.to_json(),
    )


def write_job(job: Job, recipe: Recipe, folder: Path) -> None:
    """Put a job and the recipe of its training into its run folder, as three files."""
    values = {key: getattr(job, key) for key in _PLAIN}
    run_folder.write_json(folder / run_folder.SETTINGS, job.settings)
    plain = json.loads(recipe.model_dump_json())
    run_folder.write_json(folder / run_folder.RECIPE, plain)
    run_folder.write_json(folder / run_folder.JOB, {**values, "data": str(job.data)})


def read_job(folder: Path) -> Job:
    """The job in a run folder; the recipe beside it is left to whoever trains.

    Raises
    ------
    ReadError
        If there is none.
    """
    values = run_folder.read_json(folder / run_folder.JOB)
    try:
        return Job(
            data=Path(values.pop("data")),
            notes=tuple(values.pop("notes")),
            settings=run_folder.read_json(folder / run_folder.SETTINGS),
            **values,
        )
    except (KeyError, TypeError) as error:
        raise ReadError(
            f"{folder / run_folder.JOB} is of another version of the program",
            todo="remove the run folder",
        ) from error


_PLAIN = tuple(one.name for one in fields(Job) if one.name not in ("data", "settings"))
