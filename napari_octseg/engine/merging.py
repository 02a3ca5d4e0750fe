"""Layers of one model, findings of another: one label set.

The layers stay as their model drew them, and the findings are painted over them. What
the model of the layers says of findings itself is left out: there the layers go through
between its boundaries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import Boundaries, boundaries_to_labels
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.distinct import distinct_colour
from napari_octseg.engine.pair import Pair, iter_pair
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.errors import LabelError
from napari_octseg.labels import BACKGROUND, IGNORE, LabelSet, canonical_name, remap

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.volume import OCTVolume

_LAYERS = ("RNFL", "GCL", "IPL", "GCIPL", "INL", "OPL", "ONL", "EZ", "OS", "RPE")
_TISSUES = frozenset((*_LAYERS, "choroid", "H", "inner retina", "outer bands"))
"""Classes that are no findings, also where a model does not call them layers."""


@dataclass(frozen=True)
class MergePlan:
    """The merged label set, and where the classes of both models go.

    Attributes
    ----------
    label_set
        Background, layers, findings. A finding whose colour is like that of a layer has
        another one.
    layers, findings
        Class index of the model → merged class index. Findings of the layer model and
        tissues of the other are not in them.
    """

    label_set: LabelSet
    layers: Mapping[int, int]
    findings: Mapping[int, int]


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


def plan_merge(layers: ModelCard, findings: ModelCard) -> MergePlan:
    """The label set of the layers of one model with the findings of another.

    A class that both know by the same name, or by a synonym, is one class.

    Raises
    ------
    LabelError
        If the first has no layers, the second no findings, or both together more
        classes than labels can hold.
    """
    if not layers.layers:
        raise LabelError(
            f"{layers.title} has no layers",
            todo="take the layers from another model",
        )
    names = finding_names(findings)
    if not names:
        raise LabelError(
            f"{findings.title} labels no findings such as fluid",
            todo="take the findings from another model",
        )
    own_findings = finding_names(layers)
    first, second = layers.label_set, findings.label_set
    kept = [i for i, name in enumerate(first.names) if name not in own_findings]
    classes = [first.classes[i] for i in kept]
    places: dict[int, int] = {}
    for index, one in enumerate(second.classes):
        if one.name not in names:
            continue
        known = [canonical_name(other.name) for other in classes]
        if canonical_name(one.name) in known:
            places[index] = known.index(canonical_name(one.name))
            continue
        places[index] = len(classes)
        colour = distinct_colour(one.colour, [c.colour for c in classes[1:]])
        classes.append(replace(one, colour=colour))
    return MergePlan(
        LabelSet(tuple(classes)), {old: new for new, old in enumerate(kept)}, places
    )


def finding_names(card: ModelCard) -> tuple[str, ...]:
    """Classes of a model that are neither layers nor other tissue of a healthy eye."""
    return tuple(
        entry.name
        for entry in card.classes
        if entry.name != BACKGROUND
        and entry.name not in card.layers
        and canonical_name(entry.name) not in _TISSUES
    )


def merge_labels(
    layers: NDArray[np.uint8],
    findings: NDArray[np.uint8],
    plan: MergePlan,
    *,
    under: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Labels of both models as one.

    Parameters
    ----------
    layers, findings
        Class indices of the first and the second model, of one shape.
    plan
        From `plan_merge`.
    under
        Class indices of the first model where it has findings of its own: the layers
        below them. They are not graded by default.

    Returns
    -------
    Merged class indices, uint8; `IGNORE` where either is.

    Raises
    ------
    LabelError
        If the shapes differ.
    """
    if layers.shape != findings.shape:
        raise LabelError(
            f"Layers of shape {layers.shape} and findings of shape {findings.shape}",
            allowed="labels of the same B-scans",
        )
    if under is not None:
        is_kept = np.isin(layers, [*plan.layers, IGNORE])
        layers = np.where(is_kept, layers, under)
    below = remap(layers, plan.layers)
    # All that is no finding lets the layers through.
    through = dict.fromkeys(range(IGNORE), 0)
    above = remap(findings, {**through, **plan.findings})
    graded = (below != IGNORE) & (above != IGNORE)
    painted = np.where(above > 0, above, below)
    return np.where(graded, painted, np.uint8(IGNORE)).astype(np.uint8)


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
