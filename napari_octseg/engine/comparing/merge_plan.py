"""One label set of the layers of one model and the findings of another.

The layers stay as their model drew them, and the findings are painted over them. What
the model of the layers says of findings itself is left out: there the layers go through
between its boundaries.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.comparing.distinct import distinct_colour
from napari_octseg.errors import LabelError
from napari_octseg.labels import BACKGROUND, IGNORE, LabelSet, canonical_name, remap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import ModelCard

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
