"""Whether an adapted model is better: before and after, on scans that have labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.engine.data.datasets import load_source
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.finetuning.comparison import iter_compare
from napari_octseg.engine.finetuning.meanings import codes_for
from napari_octseg.engine.finetuning.parent import parent_recipe
from napari_octseg.errors import RecipeError
from napari_octseg.groundtruth.data_set import DataSet

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_octseg.bundles.registry import Bundle
    from napari_octseg.engine.finetuning.adaptation import AdaptedModel
    from napari_octseg.engine.finetuning.comparison import Measured
    from napari_octseg.engine.progress import Progress

_MOST = 120


def truth_for(bundle: Bundle, data_set: Path) -> tuple[Source, tuple[str, ...]]:
    """Ground truth to measure a model and what it is adapted to; no pixel is read.

    Parameters
    ----------
    bundle
        Either model: both have the same classes.
    data_set
        Folder of a data set.

    Returns
    -------
    All of it, held out; and what its classes mean to the model, for people.

    Raises
    ------
    ReadError
        If there is no such data set, or it is damaged.
    RecipeError
        If nothing in it is graded, or it has no class in common with the model.
    """
    truth = DataSet.open(data_set)
    codes, notes = codes_for(truth.label_set, parent_recipe(bundle).label_set)
    source = Source(
        name=truth.name,
        kind="ground truth",
        folder=str(truth.folder.absolute()),
        data_set=truth.id,
        codes=codes,
        validation=tuple(entry.name for entry in truth.scans()),
        n_most_held_out=_MOST,
    )
    if not list_source(source, Path()):
        raise RecipeError(
            f"Nothing in the data set {truth.name} is graded",
            todo="add corrected or reviewed B-scans to it",
        )
    return source, notes


def iter_judge(
    adapted: AdaptedModel, data_set: Path, *, device: str = "auto"
) -> Generator[Progress, None, Measured]:
    """Compare an adapted model with its parent on ground truth.

    All of it is measured on: neither of the two was changed by a label since the
    parent was made. Where the parent was fine-tuned on the same data set, its figures
    are kind.

    Parameters
    ----------
    adapted
        As `iter_adapt` returned it.
    data_set
        Folder of a data set; of many B-scans 120 are measured, evenly spread.
    device
        As for `segment`.

    Raises
    ------
    ReadError, RecipeError
        As `truth_for`, or if a scan is damaged.
    """
    source, notes = truth_for(adapted.bundle, data_set)
    scans = load_source(source, Path(), parent_recipe(adapted.bundle))
    return (
        yield from iter_compare(
            str(adapted.parent.folder),
            str(adapted.bundle.folder),
            [(source, scans)],
            device=device,
            notes=notes,
        )
    )
