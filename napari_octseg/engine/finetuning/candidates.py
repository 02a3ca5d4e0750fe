"""A fine-tuned model before it is accepted: look at it, accept it, or discard it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_octseg.bundles.card import read_card
from napari_octseg.bundles.part import readable_json
from napari_octseg.bundles.registry import (
    Bundle,
    find_bundle,
    list_bundles,
    load_network,
    user_models_dir,
    write_bundle,
)
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.gate import Comparison
from napari_octseg.engine.finetuning.job import Job, read_job
from napari_octseg.engine.finetuning.lineage import retired_dir
from napari_octseg.engine.finetuning.lock import take_lock
from napari_octseg.engine.finetuning.sharing import (
    name_of,
    remember_places,
    shareable_recipe,
    shareable_settings,
)
from napari_octseg.engine.finetuning.status import read_status
from napari_octseg.engine.finetuning.worst import WorstBscan, read_worst
from napari_octseg.errors import ModelError, ReadError, TaskError

if TYPE_CHECKING:
    from pathlib import Path


FINETUNE = "finetune.json"
"""File of an accepted bundle: what it was fine-tuned on, how, and how it was judged."""
_LEAVING_S = 10.0
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, eq=False)
class Candidate:
    """A fine-tuned model, measured, that nobody has accepted yet.

    Attributes
    ----------
    run
        Folder of the run it is in.
    bundle
        Folder of its bundle: its path can be given wherever a model's name can.
    job
        What it was made from.
    comparison
        How it compares with its parent.
    worst
        Held-out B-scans on which it is worst, the worst first.
    """

    run: Path
    bundle: Path
    job: Job
    comparison: Comparison
    worst: tuple[WorstBscan, ...]


def read_candidate(run: Path) -> Candidate:
    """The candidate of a finished run.

    Raises
    ------
    ReadError
        If the run has none, or its files are damaged: `resume_run` measures again.
    """
    path = run / run_folder.COMPARISON
    if not path.is_file():
        raise ReadError(
            f"The fine-tuning in {run} has no candidate",
            allowed="one that has finished",
            todo="wait for it, or resume it",
        )
    bundle, job = run / run_folder.CANDIDATE, read_job(run)
    try:
        find_bundle(str(bundle))
        comparison = Comparison.from_json(run_folder.read_json(path))
        worst = read_worst(run / run_folder.WORST)
    except (ModelError, ReadError) as error:
        raise ReadError(
            f"The candidate cannot be read: {error.got}",
            todo="resume the run, which measures again, or remove it",
        ) from error
    return Candidate(run, bundle, job, comparison, worst)


def check_name(name: str) -> None:
    """Check that a candidate can become a model of this name.

    Raises
    ------
    ModelError
        If the name has other characters or is taken.
    """
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"A model cannot be called {name!r}",
            allowed="small letters, digits, '.', '_' and '-', the first one a letter "
            "or digit",
        )
    taken = [bundle.name for bundle in list_bundles()]
    places = (user_models_dir() / name, retired_dir() / name)
    if name in taken or any(place.exists() for place in places):
        raise ModelError(
            f"A model is called {name!r} already",
            allowed="a name that no model has, retired ones included: a model is "
            "never overwritten",
            todo=f"take another name, such as {free_name(name)!r}",
        )


def free_name(name: str) -> str:
    """The name with the first number behind it that no model has."""
    taken = {bundle.name for bundle in list_bundles()}
    taken |= {path.name for path in retired_dir().glob("*")}
    first = re.sub(r"-\d+$", "", name)
    number = 2
    while f"{first}-{number}" in taken:
        number += 1
    return f"{first}-{number}"


def accept(candidate: Candidate, name: str, title: str = "") -> Bundle:
    """Make a candidate a model of the user's own; the run folder goes.

    The new bundle has the weights that were measured. Its card names the parent, the
    training data and the figures; beside it are the recipe, the table of the training
    and `finetune.json` with the comparison, the settings and the hash of the data. It
    may be passed on: none of them tells folders, or names of unlabelled scans.

    Parameters
    ----------
    candidate
        What is accepted, good or bad.
    name
        Of the new model.
    title
        For people; one that names the parent by default.

    Raises
    ------
    ModelError
        If the name is taken or not allowed, or the candidate is damaged.
    TaskError
        If the run is going on.
    """
    _check_ended(candidate.run)
    check_name(name)
    source = find_bundle(str(candidate.bundle))
    assert source.card is not None  # find_bundle raises otherwise
    command = f"napari-octseg evaluate {name} --data DATA"
    metrics = tuple(
        score.model_copy(update={"command": command}) for score in source.card.metrics
    )
    card = source.card.model_copy(
        update={
            "name": name,
            "title": title or source.card.title,
            "metrics": metrics,
        }
    )
    recipe = run_folder.read_json(candidate.run / run_folder.RECIPE)
    extras = {
        run_folder.RECIPE: readable_json(shareable_recipe(recipe)) + "\n",
        FINETUNE: readable_json(record_of(candidate)) + "\n",
    }
    table = candidate.run / run_folder.TABLE
    if table.is_file():
        extras[run_folder.TABLE] = table.read_text("utf-8")
    network = load_network(source)
    remember_places(recipe)
    bundle = write_bundle(user_models_dir() / name, card, network, extras=extras)
    _remove(candidate.run)
    return bundle


def discard(candidate: Candidate) -> None:
    """Remove a candidate and its run: nothing stays.

    Raises
    ------
    TaskError
        If the run is going on.
    """
    discard_run(candidate.run)


def discard_run(run: Path) -> None:
    """Remove a run, with or without candidate: nothing stays.

    Raises
    ------
    ReadError
        If the folder is not that of a run: nothing else is ever removed.
    TaskError
        If the run is going on.
    """
    run_folder.read_json(run / run_folder.JOB)
    _check_ended(run)
    _remove(run)


def _remove(run: Path) -> None:
    # Under another name first: what is half removed must not be taken for a run.
    gone = run.with_name(f".{run.name}.discarded")
    run.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    run_folder.forget(run)


def record_of(candidate: Candidate) -> dict[str, Any]:
    """What `finetune.json` of an accepted model holds."""
    job = candidate.job
    return {
        "schema_version": 1,
        "time": job.time,
        "parent": read_card(candidate.bundle / "card.json").training.parent,
        "data": {
            "name": job.data_name,
            "sha256": job.data_digest,
            "n_train_bscans": job.n_train_bscans,
            "n_held_out_bscans": job.n_held_out_bscans,
            "held_out": job.held_out,
            "notes": list(job.notes),
            "trained_on": {name_of(one): own for one, own in job.trained_on.items()},
        },
        "settings": shareable_settings(job.settings),
        "comparison": candidate.comparison.to_json(),
    }


def _check_ended(run: Path) -> None:
    if _is_at_work(run):
        raise TaskError(
            f"The fine-tuning in {run} is running",
            todo="wait until it has finished, or cancel it",
        )


def _is_at_work(run: Path) -> bool:
    status = read_status(run)
    if not status.has_ended:
        return status.is_alive
    # A worker that has said its last word takes a moment to leave the system.
    lock = take_lock(run / run_folder.LOCK, _LEAVING_S)
    if lock is None:
        return True
    lock.release()
    return False
