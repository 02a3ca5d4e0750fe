"""Adapt a model to the scans of another device, without any label."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError

from napari_octseg.bundles.card import BundleName, Step
from napari_octseg.bundles.part import readable_json
from napari_octseg.bundles.registry import (
    Bundle,
    check_new_bundle,
    find_bundle,
    list_bundles,
    load_network,
    write_bundle,
)
from napari_octseg.engine.comparing.pair import iter_pair
from napari_octseg.engine.device import choose_device, release_cached
from napari_octseg.engine.finetuning.look import training_look
from napari_octseg.engine.finetuning.norm_refresh import (
    SHARE,
    like_training_crops,
    moving,
)
from napari_octseg.engine.finetuning.sharing import remember_places, shareable_recipe
from napari_octseg.engine.learning.norm_statistics import norm_layers
from napari_octseg.engine.memory import freed_memory_kept
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.engine.steps.histogram import rounded
from napari_octseg.errors import ModelError
from napari_octseg.labels import IGNORE
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from napari_octseg.bundles.card import Input, ModelCard
    from napari_octseg.volume import OCTVolume

_RECIPE = "recipe.json"
STEP = "match_histogram"
_MOST_BSCANS = 24
"""B-scans that give their statistics, over all scans."""
_SHOWN = 3
"""B-scans of a scan on which before and after are compared."""


@dataclass(frozen=True, eq=False)
class AdaptedModel:
    """A model that was adapted, and what that changes.

    Attributes
    ----------
    bundle, parent
        The new bundle, and the one that it was made from.
    did
        What was adapted, one sentence each.
    notes
        What was asked for and could not be done, and why.
    changed
        Of each scan, as it was given: share of the pixels that either model gives a
        class which the two label otherwise, 0…1. NaN where neither finds anything.
    """

    bundle: Bundle
    parent: Bundle
    did: tuple[str, ...]
    notes: tuple[str, ...]
    changed: tuple[float, ...]


def iter_adapt(
    model: str,
    volumes: Sequence[OCTVolume],
    *,
    folder: Path,
    refresh_norms: bool = True,
    match_histogram: bool | None = None,
    device: str = "auto",
    data: Path | None = None,
) -> Generator[Progress, None, AdaptedModel]:
    """Make a bundle that is adapted to some scans; nobody has to label them.

    Parameters
    ----------
    model
        Name or folder of a bundle for B-scans; it is not changed.
    volumes
        Scans of the device, or of the kind, that the model shall do better on.
    folder
        The new bundle; it must not exist. Its name becomes the model's name.
    refresh_norms
        Move the statistics of batch norm half way to those of the scans.
    match_histogram
        Give every scan the grey values of the model's training scans: the card gains
        the step ``match_histogram``, its reference as numbers. None: only where there
        are no statistics to refresh, which was better where both were measured.
    device
        As for `segment`.
    data
        Root of the model's own training data, for what they look like: else what the
        model keeps of that tells, or phantoms alone.

    Yields
    ------
    Progress
        Closing the generator leaves nothing.

    Raises
    ------
    ModelError
        If the folder is there, the model is broken or one for en-face images, there is
        no scan, or nothing can be adapted.
    """
    parent = find_bundle(model)
    card = _checked(parent, volumes, folder)
    total = _MOST_BSCANS + 2 + len(volumes)
    yield Progress(0, total, f"loading {card.title}")
    network = load_network(parent)
    if match_histogram is None:
        match_histogram = not (refresh_norms and norm_layers(network))
    did, notes = [], []
    spec = card.input
    if match_histogram and _has_step(spec):
        notes.append(f"{card.name} matches grey values to a reference already")
    elif match_histogram:
        yield Progress(1, total, "looking at what the model was trained on")
        look = training_look(parent, data)
        reference = Step(name=STEP, arguments={"reference": list(rounded(look.shares))})
        spec = spec.model_copy(update={"prepare": (reference, *spec.prepare)})
        did.append(f"Grey values are matched to those of {look.text}")
    if refresh_norms and not norm_layers(network):
        notes.append(
            f"{card.name} has no batch norm, so there are no statistics to refresh"
        )
    elif refresh_norms:
        chosen = _spread(volumes)
        crop = _crop_of(parent)
        for number in _refresh(network, chosen, spec, crop, device):
            yield Progress(
                1 + number, total, f"B-scan {number} of {len(chosen)}: batch norm"
            )
        did.append(
            f"Batch norm: {SHARE:.0%} of its statistics are those of "
            f"{counted(len(chosen), 'unlabelled B-scan')} of "
            f"{counted(len(volumes), 'scan')}"
        )
    if not did:
        raise ModelError(
            f"{card.name}: nothing could be adapted. "
            + ("; ".join(notes) or "Neither norms nor grey values were asked for"),
            todo="fine-tune it on corrected B-scans instead",
        )
    bundle = write_bundle(
        folder,
        _card(card, folder.name, spec, did),
        network,
        extras=_recipe(parent, model, folder.name, spec),
    )
    changed = []
    try:
        for number, volume in enumerate(volumes):
            yield Progress(
                _MOST_BSCANS + 2 + number,
                total,
                f"comparing before and after, scan {number + 1} of {len(volumes)}",
            )
            changed.append(_changed(volume, parent, bundle, device))
    except BaseException:
        shutil.rmtree(folder)
        raise
    yield Progress(total, total, f"{folder.name} is ready")
    return AdaptedModel(bundle, parent, tuple(did), tuple(notes), tuple(changed))


def changed_share(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """How much of what either labels is labelled otherwise by the other.

    Parameters
    ----------
    before, after
        Class indices of the same pixels, 0 background; `IGNORE` takes no part.

    Returns
    -------
    Share in 0…1 of the pixels that either gives a class; NaN if there are none.
    """
    either = ((before > 0) | (after > 0)) & (before != IGNORE) & (after != IGNORE)
    n_pixels = int(either.sum())
    return int((before != after)[either].sum()) / n_pixels if n_pixels else np.nan


def _checked(parent: Bundle, volumes: Sequence[OCTVolume], folder: Path) -> ModelCard:
    card = parent.card
    try:
        TypeAdapter(BundleName).validate_python(folder.name)
    except ValidationError as error:
        raise ModelError(
            f"A model cannot be called {folder.name!r}",
            allowed="small letters, digits, '.', '_' and '-', the first a letter or "
            "digit",
        ) from error
    if card is None or card.input.plane != "bscan":
        raise ModelError(
            f"{parent.name} is a model for en-face images",
            allowed="models for B-scans",
        )
    if not volumes:
        raise ModelError(
            f"No scan was given to adapt {card.name} to", todo="give some scans"
        )
    check_new_bundle(folder)
    return card


def _has_step(spec: Input) -> bool:
    return any(step.name == STEP for step in spec.prepare)


def _spread(volumes: Sequence[OCTVolume]) -> list[tuple[OCTVolume, int]]:
    """At most `_MOST_BSCANS` B-scans, of each scan alike, evenly over it."""
    each = max(1, _MOST_BSCANS // len(volumes))
    places = np.linspace(0, len(volumes) - 1, min(len(volumes), _MOST_BSCANS))
    return [
        (volumes[number], index)
        for number in places.round().astype(int)
        for index in _some(volumes[number], each)
    ]


def _some(volume: OCTVolume, most: int) -> list[int]:
    """At most `most` B-scans; of one the middle, of more the ends too."""
    n = volume.n_bscans
    if most == 1:
        return [n // 2]
    return [int(i) for i in np.linspace(0, n - 1, min(n, most)).round()]


def _refresh(
    network: nn.Module,
    chosen: Sequence[tuple[OCTVolume, int]],
    spec: Input,
    crop: tuple[int, int] | None,
    device: str,
) -> Generator[int, None, None]:
    """Move the statistics of `network`; yields how many B-scans have been seen."""
    choice = choose_device(device)
    network.to(choice.device)
    try:
        with freed_memory_kept(), moving(network):
            for number, (volume, index) in enumerate(chosen, 1):
                for area in like_training_crops(volume, index, spec, crop):
                    # No mode of torch outlives a yield.
                    with torch.no_grad():
                        network(area.to(choice.device))
                yield number
    finally:
        network.to("cpu")
        release_cached(choice.device)


def _changed(volume: OCTVolume, parent: Bundle, bundle: Bundle, device: str) -> float:
    """`changed_share` on a few B-scans of a scan."""
    at = _some(volume, _SHOWN)
    task = iter_pair(
        volume,
        str(parent.folder),
        str(bundle.folder),
        bscans=at,
        first=at[0],
        device=device,
    )
    pair = outcome(task)
    return changed_share(pair.first.labels[at], pair.second.labels[at])


def _crop_of(bundle: Bundle) -> tuple[int, int] | None:
    """Rows and columns of the training samples, where the recipe tells."""
    path = bundle.folder / _RECIPE
    return read_recipe(path).crop if path.is_file() else None


def _card(card: ModelCard, name: str, spec: Input, did: Sequence[str]) -> ModelCard:
    how = "; ".join(did)
    training = card.training.model_copy(
        update={"parent": card.name, "recipe": f"Adapted without labels: {how}"}
    )
    limits = (
        "Adapted to unlabelled scans: whether it is better on them was not measured "
        f"with labels. {card.limits}"
    )
    return card.model_copy(
        update={
            "name": name,
            "version": "1",
            "title": f"{card.title}, adapted",
            "input": spec,
            "training": training,
            "metrics": (),  # those of the parent are not its own
            "limits": limits.strip(),
        }
    )


def _recipe(parent: Bundle, model: str, name: str, spec: Input) -> dict[str, str]:
    """Recipe of the new bundle: its data are those of the parent, by another input."""
    path = parent.folder / _RECIPE
    if not path.is_file():
        return {}
    known = {bundle.name for bundle in list_bundles()}
    start = model if model in known else str(parent.folder.resolve())
    recipe = read_recipe(path).model_copy(
        update={"name": name, "version": "1", "input": spec, "start": start}
    )
    values = json.loads(recipe.model_dump_json())
    remember_places(values)
    return {_RECIPE: readable_json(shareable_recipe(values)) + "\n"}
