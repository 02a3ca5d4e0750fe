"""Segment with two models: layers of one, findings of the other, one label set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import Boundaries, boundaries_to_labels
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.comparing.merge_plan import (
    MergePlan,
    merge_labels,
    plan_merge,
)
from napari_octseg.engine.comparing.pair import Pair, iter_pair
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.labels import IGNORE, LabelSet

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.volume import OCTVolume


@dataclass(eq=False)
class Merged:
    """Layers of one model with the findings of another; read like a `Segmentation`.

    Attributes
    ----------
    volume, label_set
        The scan; the merged classes.
    parts
        What each model said: the layers first.
    labels
        (n_bscans, depth, width) uint8; `IGNORE` where either model has graded nothing.
    uncertainty
        (n_bscans, width) float32 in 0…1: of the model that is less sure.
    """

    volume: OCTVolume
    label_set: LabelSet
    parts: Pair
    labels: NDArray[np.uint8]
    uncertainty: NDArray[np.float32]

    @property
    def model(self) -> ModelCard:
        """Card of the model whose layers they are."""
        return self.parts.first.model

    @property
    def others(self) -> tuple[ModelCard, ...]:
        """Cards of the models whose findings they are."""
        second = self.parts.second
        return (*self.parts.first.others, second.model, *second.others)

    @property
    def boundaries(self) -> Boundaries | None:
        """Those of the layers."""
        return self.parts.first.boundaries

    @property
    def device(self) -> str:
        """Where the models ran."""
        return self.parts.first.device

    @property
    def seconds(self) -> float:
        """How long both ran."""
        return self.parts.first.seconds + self.parts.second.seconds


def segment_merged(
    volume: OCTVolume, layers: str, findings: str, **options: Any
) -> Merged:
    """Layers of one model, findings of another; arguments as for `iter_merged`."""
    return outcome(iter_merged(volume, layers, findings, **options))


def iter_merged(
    volume: OCTVolume, layers: str, findings: str, **options: Any
) -> Generator[Progress, None, Merged]:
    """Segment a volume with two models into one label set, B-scan by B-scan.

    Parameters
    ----------
    volume
        The scan.
    layers
        Name or folder of the bundle whose layers are taken.
    findings
        Name or folder of the bundle whose findings (fluid, drusen, …) are painted over
        them.
    **options
        Those of `iter_segment`, for both.

    Yields
    ------
    Progress
        `updated` lists the B-scans whose merged labels are final in `result`.

    Raises
    ------
    LabelError
        As `plan_merge`.
    OctsegError
        As `iter_segment`.
    """
    plan = plan_of(layers, findings)
    task = iter_pair(volume, layers, findings, **options)
    merged: Merged | None = None
    try:
        while True:
            try:
                step = next(task)
            except StopIteration as end:
                return merged or _empty(volume, plan, end.value)
            pair: Pair | None = step.result
            if pair is None:
                yield step
                continue
            merged = merged or _empty(volume, plan, pair)
            for index in step.updated:
                _merge_bscan(merged, plan, index)
            yield replace(step, result=merged)
    finally:
        task.close()


def plan_of(layers: str, findings: str) -> MergePlan:
    """`plan_merge` of two models by name or folder.

    Raises
    ------
    ModelError
        If one is unknown or broken.
    LabelError
        As `plan_merge`.
    """
    first, second = (find_bundle(name).card for name in (layers, findings))
    assert first is not None and second is not None  # find_bundle would have refused
    return plan_merge(first, second)


def _merge_bscan(merged: Merged, plan: MergePlan, index: int) -> None:
    first, second = merged.parts.first, merged.parts.second
    under = None
    if first.boundaries is not None:
        under = boundaries_to_labels(
            first.boundaries.heights[:, index : index + 1],
            first.labels.shape[1],
            first.model.layer_indices,
        )[0]
    merged.labels[index] = merge_labels(
        first.labels[index], second.labels[index], plan, under=under
    )
    merged.uncertainty[index] = np.fmax(
        first.uncertainty[index], second.uncertainty[index]
    )


def _empty(volume: OCTVolume, plan: MergePlan, parts: Pair) -> Merged:
    shape = parts.first.labels.shape
    return Merged(
        volume=volume,
        label_set=plan.label_set,
        parts=parts,
        labels=np.full(shape, IGNORE, np.uint8),
        uncertainty=np.full((shape[0], shape[2]), np.nan, np.float32),
    )
