"""Adapt a model to the open scans, and show what that changes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.bundles.registry import user_models_dir

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_octseg.engine.finetuning.adaptation import AdaptedModel
    from napari_octseg.engine.finetuning.gate import Comparison
    from napari_octseg.engine.progress import Progress
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

_ADAPTED = "_adapted"
"""Folder of bundles that nobody has kept yet, beside those that are listed."""


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A model that was adapted, before it is kept.

    Attributes
    ----------
    model
        The new bundle, and what was done.
    image
        (depth, width) float32 in 0…1: the B-scan that is shown.
    before, after
        (depth, width) class indices of both models on it.
    label_set
        Their classes.
    comparison
        Both on the ground truth; None without a data set.
    """

    model: AdaptedModel
    image: NDArray[np.float32]
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    label_set: LabelSet
    comparison: Comparison | None


@dataclass(frozen=True, eq=False)
class AdaptOrder:
    """What is to be adapted to what.

    Attributes
    ----------
    model, name
        The model, and the name of the new one.
    volumes
        Scans that give their look.
    shown, bscan
        Scan and B-scan on which before and after are shown.
    refresh_norms, match_histogram
        What is adapted, as `iter_adapt` takes it.
    device
        Where it is computed.
    data_set
        Folder of ground truth that the model knows a class of; None without.
    replay
        Folder with the model's own training data; None without.
    """

    model: str
    name: str
    volumes: Sequence[OCTVolume]
    shown: OCTVolume
    bscan: int
    refresh_norms: bool = True
    match_histogram: bool | None = None
    device: str = "auto"
    data_set: Path | None = None
    replay: Path | None = None


def iter_adaptation(order: AdaptOrder) -> Generator[Progress, None, Adaptation]:
    """Adapt, then label one B-scan with both models, then measure them.

    Raises
    ------
    ModelError
        If nothing can be adapted, or a model has the name.
    OctsegError
        If the data set is damaged.
    """
    from napari_octseg.engine.comparing.pair import iter_pair
    from napari_octseg.engine.finetuning.adaptation import iter_adapt
    from napari_octseg.engine.finetuning.candidates import check_name
    from napari_octseg.engine.finetuning.judged_adaptation import iter_judge

    check_name(order.name)
    folder = user_models_dir() / _ADAPTED / order.name
    shutil.rmtree(folder, ignore_errors=True)
    adapted = yield from iter_adapt(
        order.model,
        order.volumes,
        folder=folder,
        refresh_norms=order.refresh_norms,
        match_histogram=order.match_histogram,
        device=order.device,
        data=order.replay,
    )
    try:
        pair = yield from iter_pair(
            order.shown,
            order.model,
            str(folder),
            bscans=[order.bscan],
            first=order.bscan,
            device=order.device,
        )
        comparison = None
        if order.data_set is not None:
            steps = iter_judge(adapted, order.data_set, device=order.device)
            measured = yield from steps
            comparison = measured.comparison
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Adaptation(
        adapted,
        order.shown.bscan_as_shown(order.bscan),
        pair.first.labels[order.bscan],
        pair.second.labels[order.bscan],
        pair.first.label_set,
        comparison,
    )


def keep(adaptation: Adaptation) -> str:
    """Make it a model of the user's own; its name.

    Raises
    ------
    ModelError
        If another model has taken the name meanwhile.
    """
    from napari_octseg.engine.finetuning.candidates import check_name

    folder = adaptation.model.bundle.folder
    check_name(folder.name)
    folder.rename(user_models_dir() / folder.name)
    return folder.name


def drop(adaptation: Adaptation) -> None:
    """Remove it: nothing stays."""
    shutil.rmtree(adaptation.model.bundle.folder, ignore_errors=True)
