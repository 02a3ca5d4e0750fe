"""What a model was trained on before: shown again so that nothing is forgotten."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.engine.data.graded_source import graded_entries, scan_and_index
from napari_octseg.engine.data.places import data_set_of
from napari_octseg.engine.data.split import find_pictures
from napari_octseg.errors import OctsegError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.engine.data.source import Source, Target
    from napari_octseg.engine.finetuning.presets import Preset
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.groundtruth.data_set import DataSet

logger = logging.getLogger(__name__)

SHARE = 0.5
"""Of the training samples that are replayed, where real scans are there."""

SHARE_OF_PHANTOMS = 0.3
"""Of the training samples, where phantoms alone are there."""


def replay_sources(
    parent: Recipe, data_set: DataSet, root: Path | None, preset: Preset
) -> tuple[Source, ...]:
    """The sources of a model's own recipe that are there, each with its own split.

    Parameters
    ----------
    parent
        Recipe of the model.
    data_set
        Ground truth of this training, which is no replay.
    root
        Root of the model's training data; None: phantoms, and ground truth that the
        model was trained on, alone.
    preset
        Says how many images of each.

    Returns
    -------
    Their weights are shares of all training samples.
    """
    kept = [
        source
        for source in parent.sources
        if source.weight > 0 and _is_there(source, data_set, root)
    ]
    if not kept:
        return ()
    is_real = any(source.kind != "phantom" for source in kept)
    share = SHARE if is_real else SHARE_OF_PHANTOMS
    total = sum(source.weight for source in kept)
    return tuple(
        source.model_copy(
            update={
                "weight": share * source.weight / total,
                "n_most": _least(source.n_most, preset.n_replay),
                "n_most_held_out": _least(
                    source.n_most_held_out, preset.n_replay_held_out
                ),
            }
        )
        for source in kept
    )


def replay_targets(
    parent: Recipe, sources: Sequence[Source], root: Path | None
) -> tuple[Target, ...]:
    """The unlabelled scans of a model's own recipe that are there."""
    names = {source.name for source in sources}
    found = []
    for target in parent.targets:
        if target.source or target.scans:
            there = target.source in names if target.source else False
        else:
            there = root is not None and _has_pictures(target, root)
        found += [target] if there else []
    return tuple(found)


def graded_patients(
    source: Source, root: Path | None, *, held_out: bool
) -> set[str] | None:
    """Patients of ground truth that are held out, or else trained on.

    Of a source that is thinned all are named: another training may draw others.

    Returns
    -------
    Nobody of other sources, whose patients have other names; None of a data set that is
    not there any more: nobody knows.
    """
    if source.kind != "ground truth":
        return set()
    if not _is_data_set(source, root):
        return None
    try:
        entries = graded_entries(source, root or Path())
    except OctsegError as error:
        logger.warning("who is in %s is unknown: %s", source.name, error)
        return None
    return {entry.patient for entry in entries if entry.held_out == held_out}


def measured_apart(
    sources: Sequence[Source], trained: set[str], root: Path | None
) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """Replay without the held-out scans of whom a training learns from elsewhere.

    The figures that tell whether something is forgotten are of scans that nothing was
    learnt from: a patient stays on one side in all data sets.

    Parameters
    ----------
    sources
        The replay.
    trained
        Patients of the ground truth who are trained on.
    root
        Root of the folders that recipes name.

    Returns
    -------
    sources
        Without these scans, and without sources that hold nothing else.
    notes
        Who is not measured any more, a sentence for each source.
    """
    kept, notes = [], []
    for source in sources:
        if not (graded_patients(source, root, held_out=True) or set()) & trained:
            kept.append(source)
            continue
        entries = graded_entries(source, root or Path())
        spoilt = [one for one in entries if one.held_out and one.patient in trained]
        gone = {scan_and_index(one.name)[0] for one in spoilt}
        exclude = (*source.exclude, *sorted(gone))
        who = sorted({one.patient for one in spoilt})
        notes.append(
            f"{', '.join(who)}, held out in {source.name}, "
            f"{'is' if len(who) == 1 else 'are'} trained on now, so not measured there."
        )
        if {scan_and_index(one.name)[0] for one in entries} > gone:
            kept.append(source.model_copy(update={"exclude": exclude}))
    return tuple(kept), tuple(notes)


def left_out(parent: Recipe, kept: Sequence[Source], data_set: DataSet) -> list[str]:
    """Names of the sources of a model that are not replayed though they might be."""
    names = {source.name for source in kept}
    return [
        source.name
        for source in parent.sources
        if source.name not in names
        and source.weight > 0
        and source.data_set != data_set.id
    ]


def _is_there(source: Source, data_set: DataSet, root: Path | None) -> bool:
    if source.kind == "phantom":
        return source.n_phantoms > 0
    if source.kind == "ground truth":
        return source.data_set != data_set.id and _is_data_set(source, root)
    return root is not None and _has_pictures(source, root)


def _is_data_set(source: Source, root: Path | None) -> bool:
    try:
        return data_set_of(source, root or Path()).id == source.data_set
    except OctsegError:
        return False


def _has_pictures(source: Source | Target, root: Path) -> bool:
    try:
        return bool(find_pictures(source, root))
    except RecipeError:
        return False


def _least(own: int, most: int) -> int:
    """The smaller of two limits; 0 is none."""
    return min(own, most) if own and most else own or most
