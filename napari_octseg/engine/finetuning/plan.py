"""The plan of a fine-tuning: a recipe that anybody can repeat, and what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_octseg.bundles.registry import find_bundle, list_bundles
from napari_octseg.engine.augment import augment_settings
from napari_octseg.engine.data.source import Source, Target
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.finetuning.hold_out import choose_hold_out
from napari_octseg.engine.finetuning.meanings import codes_for
from napari_octseg.engine.finetuning.parent import graded_scans, parent_recipe
from napari_octseg.engine.finetuning.presets import LEAST_WARM_UP, PRESETS
from napari_octseg.engine.finetuning.replay import (
    graded_patients,
    left_out,
    measured_apart,
    replay_sources,
    replay_targets,
)
from napari_octseg.engine.finetuning.seen import trained_on, with_training
from napari_octseg.engine.learning.scope import limit_training
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.split import VALIDATION
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_octseg.engine.finetuning.hold_out import GradedOf
    from napari_octseg.engine.finetuning.presets import Preset
    from napari_octseg.engine.finetuning.settings import FineTuneSettings

_YOURS = "your scans"
_SVDNA = 0.3
"""Chance that a training scan is given the look of an unlabelled one."""
_FOCUS = 0.5
"""Chance that a crop of a model of findings is centred on one."""
_LOSSES_OF_FINDINGS = {"cross_entropy": 0.85, "dice": 0.1, "foreground_dice": 0.05}
"""Cross-entropy keeps chances what they are. Dice rewards to find too much: on a few
B-scans full of findings a model takes that for the rule, everywhere."""


@dataclass(frozen=True)
class FineTunePlan:
    """What a fine-tuning will do.

    Parameters
    ----------
    recipe
        Of the training: the ground truth comes first, then the replay.
    held_out
        What the model will be judged on, for people.
    n_train_bscans, n_held_out_bscans
        Of the ground truth.
    notes
        What else is to be said, a sentence each.
    trained_on
        Id of each data set → pseudonyms of the patients that the new model, its parent
        or the parent's have been trained on; None where nobody knows.
    """

    recipe: Recipe
    held_out: str
    n_train_bscans: int
    n_held_out_bscans: int
    notes: tuple[str, ...] = ()
    trained_on: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)


def plan_fine_tune(settings: FineTuneSettings) -> FineTunePlan:
    """Plan a fine-tuning; nothing is written.

    The versions of the scans and what is held out are part of the recipe: it means the
    same when scans are added to the data set later.

    Raises
    ------
    ModelError
        If there is no such model.
    ReadError
        If there is no such data set, or it is damaged.
    RecipeError
        If nothing is graded, the data set and the model have no class in common, the
        split holds out all or what the model was trained on, or settings contradict
        each other.
    """
    bundle = find_bundle(settings.model)
    parent = parent_recipe(bundle)
    preset = PRESETS[settings.preset]
    data_set = DataSet.open(settings.data_set)
    codes, notes = codes_for(data_set.label_set, parent.label_set)
    root = None if settings.replay is None else Path(settings.replay).expanduser()
    seen = trained_on(settings.model, data_set, root)
    scans = graded_scans(data_set, seen.bscans)
    known = replay_sources(parent, data_set, root, preset)
    kept = {
        patient
        for one in known
        for patient in graded_patients(one, root, held_out=True) or ()
    }
    hold_out = choose_hold_out(
        scans,
        _sides(scans, kept) | data_set.split(),
        n_neighbours=parent.input.n_neighbours,
        all_known=not seen.unknown,
    )
    held_out = hold_out.validation if isinstance(hold_out.validation, tuple) else ()
    trained = {scan.patient for scan in scans} - set(held_out)
    replay, apart = measured_apart(known, trained, root)
    rare = tuple(code for code in codes if code) if _is_of_findings(parent) else ()
    own = Source(
        name=_free_name(data_set.name, [source.name for source in replay]),
        kind="ground truth",
        folder=str(data_set.folder.absolute()),
        data_set=data_set.id,
        versions={scan.name: scan.version for scan in scans},
        codes=codes,
        validation=hold_out.validation,
        weight=1 - sum(source.weight for source in replay),
        focus=_FOCUS if rare else 0.0,
        focus_codes=rare,
        devices=", ".join(sorted({scan.device for scan in scans} - {""})),
        description=", ".join(data_set.label_set.names[1:]),
        licence="of whoever made it",
    )
    every = list_source(own, Path())
    own = own.model_copy(update={"n_most_held_out": preset.n_held_out})
    n_measured = sum(entry.held_out for entry in list_source(own, Path()))
    # The name of a listed model, or its folder: the worker stands in another one.
    listed = [one.name for one in list_bundles()]
    start = bundle.name if bundle.name in listed else str(bundle.folder.absolute())
    recipe = _recipe(
        parent, start, settings, preset, (own, *replay), root, hold_out.text
    )
    n_held_out = sum(entry.held_out for entry in every)
    missing = left_out(parent, known, data_set)
    return FineTunePlan(
        recipe,
        hold_out.text,
        sum(not entry.held_out for entry in every),
        n_measured,
        (
            *notes,
            *_unknown_notes(parent, seen.unknown),
            *apart,
            *_more_notes(parent, known, missing, n_held_out, n_measured),
        ),
        with_training(seen, (own, *replay), root),
    )


def _sides(scans: Sequence[GradedOf], kept: set[str]) -> dict[str, str]:
    """Patients whom the replay holds out, held out here, too, if others are left."""
    patients = {scan.patient for scan in scans}
    seen = {scan.patient for scan in scans if scan.trained_on}
    return (
        dict.fromkeys((patients & kept) - seen, VALIDATION) if patients - kept else {}
    )


def _is_of_findings(parent: Recipe) -> bool:
    return not parent.layers and parent.input.plane == "bscan"


def _recipe(
    parent: Recipe,
    start: str,
    settings: FineTuneSettings,
    preset: Preset,
    sources: tuple[Source, ...],
    root: Path | None,
    split: str,
) -> Recipe:
    n_steps = settings.n_steps or preset.n_steps
    targets = replay_targets(parent, sources, root)
    looks = [str(Path(path).expanduser().absolute()) for path in settings.unlabelled]
    if looks:
        taken = [target.name for target in targets]
        targets = (
            *targets,
            Target(
                name=_free_name(_YOURS, taken),
                scans=tuple(looks),
                n_most=preset.n_looks,
            ),
        )
    changes: dict[str, Any] = {
        "name": f"{parent.name}-tuned",
        "version": "1",
        "title": f"{parent.title}, fine-tuned",
        "sources": sources,
        "targets": targets,
        "augment": _augment(parent, targets, bool(looks)),
        "split": split,
        "start": start,
        "train_only": settings.scope or preset.scope,
        "norm_batches": preset.norm_batches,
        "n_steps": n_steps,
        # Asked for updates alone, they are done however long they take.
        "minutes": settings.minutes or (None if settings.n_steps else preset.minutes),
        "validate_every": max(1, n_steps // preset.n_validations),
        "n_validated": preset.n_validated,
        "warm_up": min(LEAST_WARM_UP, n_steps),
        "patience": 0,
        "schedule": "cosine",
        "optimiser": "adamw",
        "momentum": 0.9,
        # A parent that was fine-tuned itself has been treated as gently already.
        "learning_rate": settings.learning_rate
        or (1 if parent.fine_tunes else preset.rate) * parent.learning_rate,
        "batch_size": settings.batch_size or parent.batch_size,
        "adversarial": None,
        "seed": settings.seed,
    }
    if _is_of_findings(parent):
        changes["losses"] = _LOSSES_OF_FINDINGS
    if changes["train_only"] != "all":
        limit_training(
            build(parent.architecture.name, parent.architecture.arguments),
            changes["train_only"],
        )
    try:
        return Recipe.model_validate({**dict(parent), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        raise RecipeError(
            f"The model {parent.name!r} cannot be fine-tuned so: {first['msg']}",
            todo="choose other settings or another model",
        ) from error


def _augment(
    parent: Recipe, targets: Sequence[Target], has_looks: bool
) -> dict[str, float]:
    """The changes of the model's own training; looks only where there are some."""
    own = {k: v for k, v in parent.augment.items() if k not in ("svdna", "match")}
    if not targets:
        return own
    before = augment_settings(parent.input.plane, parent.augment)
    svdna = max(before.svdna, _SVDNA if has_looks else 0.0)
    return own | {"svdna": svdna, "match": min(before.match, 1 - svdna)}


def _unknown_notes(parent: Recipe, unknown: Sequence[str]) -> tuple[str, ...]:
    if not unknown:
        return ()
    return (
        f"Whom {parent.name} was trained on in {', '.join(unknown)} is not known, "
        "because that is not at hand: it may have seen who is held out.",
    )


def _more_notes(
    parent: Recipe,
    replay: Sequence[Source],
    missing: Sequence[str],
    n_held_out: int,
    n_measured: int,
) -> tuple[str, ...]:
    notes = []
    if not replay:
        notes.append(
            f"None of the data that {parent.name} was trained on is at hand: what else "
            "it knew may be forgotten, and nothing will tell."
        )
    elif missing:
        notes.append(f"Not at hand, so not replayed: {', '.join(missing)}.")
    if n_measured < n_held_out:
        notes.append(f"{n_measured} of the {n_held_out} held-out B-scans are measured.")
    return tuple(notes)


def _free_name(name: str, taken: Sequence[str]) -> str:
    return name if name not in taken else f"{name} (yours)"
