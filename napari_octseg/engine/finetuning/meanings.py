"""What the labels of a data set mean to a model: code → classes it may stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.errors import RecipeError
from napari_octseg.groundtruth.class_mapping import LEFT_OUT, propose

if TYPE_CHECKING:
    from napari_octseg.labels import LabelSet


def codes_for(
    labelled: LabelSet, model: LabelSet
) -> tuple[dict[int, tuple[str, ...]], tuple[str, ...]]:
    """What each label of a data set may stand for among the classes of a model.

    A class is taken for the one with the same name, a synonym, or the one that contains
    it; a class that contains several of the model stands for any of them. What has no
    counterpart is ignored. Not labelled is not background: the background of a data set
    that lacks some of the model's classes may be any of those.

    Parameters
    ----------
    labelled
        Classes of the data set, background first.
    model
        Classes of the model, background first.

    Returns
    -------
    codes
        As in `Source.codes`.
    notes
        What is not taken by its own name, for people.

    Raises
    ------
    RecipeError
        If the two have no class but the background in common.
    """
    forward = dict(propose(labelled, model).renames)
    backward = dict(propose(model, labelled).renames)
    background = model.names[0]
    meanings: dict[str, list[str]] = {name: [] for name in labelled.names}
    for name in labelled.names[1:]:
        if forward[name] not in (LEFT_OUT, background):
            meanings[name].append(forward[name])
    taken = {one for own in meanings.values() for one in own}
    for name in model.names[1:]:
        if name not in taken and backward[name] in labelled.names[1:]:
            meanings[backward[name]].append(name)
    covered = {one for own in meanings.values() for one in own}
    if not covered:
        raise RecipeError(
            f"The data set labels {', '.join(labelled.names[1:]) or 'nothing'}",
            allowed=f"at least one of the model's classes: "
            f"{', '.join(model.names[1:])}",
            todo="choose a model with these classes, or map them to the model's",
        )
    unseen = [name for name in model.names[1:] if name not in covered]
    meanings[labelled.names[0]] = [background, *unseen]
    codes = {
        index: tuple(name for name in model.names if name in meanings[own])
        for index, own in enumerate(labelled.names)
        if meanings[own]
    }
    return codes, _notes(labelled, meanings, unseen)


def _notes(
    labelled: LabelSet, meanings: dict[str, list[str]], unseen: list[str]
) -> tuple[str, ...]:
    notes = []
    for name in labelled.names[1:]:
        own = meanings[name]
        if not own:
            notes.append(f"{name} is ignored: the model has no such class.")
        elif own != [name]:
            notes.append(f"{name} is taken for {' or '.join(own)}.")
    if unseen:
        notes.append(
            f"The data set does not label {', '.join(unseen)}: its background may be "
            "these too, so that the model does not unlearn them."
        )
    return tuple(notes)
