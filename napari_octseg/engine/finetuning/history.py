"""How much the models have learnt from corrections so far: the learning curve."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_octseg.bundles.registry import list_bundles
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.candidates import (
    FINETUNE,
    read_candidate,
    record_of,
)
from napari_octseg.engine.finetuning.lineage import known_cards, lineage, retired_dir
from napari_octseg.engine.finetuning.run import list_runs
from napari_octseg.errors import OctsegError, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Point:
    """One fine-tuning in the history of a model.

    Attributes
    ----------
    model
        Name of the model it became; empty for a candidate that is still open.
    parent
        Name of the model it started from.
    n_bscans
        Corrected B-scans it was trained on.
    dice_before, dice_after
        Mean Dice of parent and result on the B-scans held out then; None if nothing
        was. Other fine-tunings may have held out others.
    n_held_out
        How many B-scans were held out.
    time
        When it was started, seconds since the epoch.
    is_retired
        Whether it was rolled back.
    """

    model: str
    parent: str
    n_bscans: int
    dice_before: float | None
    dice_after: float | None
    n_held_out: int
    time: float
    is_retired: bool = False


def learning_curve(model: str) -> list[Point]:
    """All fine-tunings of a model and of what has become of it.

    Parameters
    ----------
    model
        Any model of the family.

    Returns
    -------
    The accepted ones, retired ones included, and candidates that are still open, by
    time.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    root = root_of(model)
    cards = known_cards()
    found = []
    for name, record, is_retired in _accepted():
        if name in cards and root_of(name) == root:
            found.append(_point(name, record, is_retired=is_retired))
    for record in _open():
        parent = str(record["parent"])
        if parent in cards and root_of(parent) == root:
            found.append(_point("", record, is_retired=False))
    return sorted(found, key=lambda point: point.time)


def root_of(model: str) -> str:
    """The first model of a lineage, as far as it is here.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    return lineage(model)[-1].name


def _accepted() -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Name and record of each fine-tuned model, and whether it is retired."""
    folders: list[tuple[Path, bool]] = [(b.folder, False) for b in list_bundles()]
    folders += [(path.parent, True) for path in retired_dir().glob("*/card.json")]
    for folder, is_retired in folders:
        if (folder / FINETUNE).is_file():
            yield folder.name, run_folder.read_json(folder / FINETUNE), is_retired


def _open() -> Iterator[Mapping[str, Any]]:
    """Records of the candidates that nobody has accepted or discarded yet."""
    for run in list_runs():
        if not (run.folder / run_folder.COMPARISON).is_file():
            continue
        try:
            yield record_of(read_candidate(run.folder))
        except OctsegError as error:
            logger.warning("not in the history: %s", error)


def _point(name: str, record: Mapping[str, Any], *, is_retired: bool) -> Point:
    try:
        data, mean = record["data"], record["comparison"]["mean"] or {}
        return Point(
            model=name,
            parent=str(record["parent"]),
            n_bscans=int(data["n_train_bscans"]),
            dice_before=mean.get("dice_before"),
            dice_after=mean.get("dice_after"),
            n_held_out=int(data["n_held_out_bscans"]),
            time=float(record["time"]),
            is_retired=is_retired,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReadError(
            f"The {FINETUNE} of {name or 'a run'} is damaged ({error!r})",
            todo="restore the file, or remove it: the history is without it then",
        ) from error
