"""RASP-Net's clean-up of its biomarkers: a table of sizes and shapes, one row each.

The published version adds the cleaned masks up, so that pixels of two masks get a code
that means nothing. Here every pixel goes to exactly one class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_octseg.engine.steps.cleaning import fill_nearest, without_small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SIZE = (360, 480)
"""Rows and columns that the pixels of the table count at."""


@dataclass(frozen=True)
class Shape:
    """A structuring element: a disk of radius `size`, or a line of length `size`.

    Lines are vertical or rise to the right at 45°.
    """

    kind: Literal["disk", "vertical", "rising"]
    size: int


@dataclass(frozen=True)
class Rule:
    """What happens to the mask of one class, in this order.

    Components below `least_px` go (after the first change of shape where `late`), the
    mask is eroded and dilated, and what is left is where the mean over a box of `box`
    px exceeds `share`.
    """

    name: str
    least_px: int
    changes: tuple[tuple[Literal["erode", "dilate"], Shape], ...]
    box: int
    share: float
    late: bool = False


RULES = (
    Rule("IRF", 40, (("erode", Shape("vertical", 3)),), 9, 0.8, late=True),
    Rule("SRF", 30, (), 5, 0.8),
    Rule("PED", 55, (("erode", Shape("disk", 2)),), 5, 0.6),
    Rule(
        "RPD",
        30,
        (("erode", Shape("rising", 10)), ("dilate", Shape("disk", 2))),
        5,
        0.7,
    ),
    Rule(
        "HF",
        30,
        (("dilate", Shape("disk", 2)), ("erode", Shape("rising", 5))),
        3,
        0.95,
    ),
    Rule("GA", 85, (("erode", Shape("disk", 4)),), 11, 0.5),
    Rule("FCE", 80, (("erode", Shape("disk", 8)),), 9, 0.8),
    Rule("VMT", 30, (), 3, 0.75),
    Rule("ERM", 15, (), 3, 0.8),
    Rule("CNVM", 40, (("erode", Shape("disk", 4)),), 13, 0.8),
)
"""The published table (Hassan et al. 2021). Other classes are passed through."""

PRIORITY = ("HF", "ERM", "IRF", "SRF", "PED", "RPD", "VMT", "CNVM", "GA", "FCE")
"""Who gets a pixel that several masks have grown onto: the smaller structure."""


def clean_biomarkers(
    labels: NDArray[np.uint8],
    names: Sequence[str],
    *,
    priority: Sequence[str] = PRIORITY,
) -> NDArray[np.uint8]:
    """Labels after the rules of the table.

    A pixel that the cleaned masks of several classes cover keeps its own label if that
    is among them, and goes to the first of `priority` otherwise. Pixels that no class
    has after that take the label of the nearest that one has (Euclidean distance).

    Parameters
    ----------
    labels
        (depth, width) class indices, of any size: the pixels of the table are scaled
        along both axes from 360 x 480.
    names
        Class names in index order; those that the table lacks are passed through.
    priority
        Classes of the table, first the one that wins.

    Returns
    -------
    (depth, width) uint8: only labels that occur in `labels` and are an index of
    `names`, or background.
    """
    scale = labels.shape[0] / SIZE[0], labels.shape[1] / SIZE[1]
    rules = {rule.name: rule for rule in RULES}
    ranks = {name: place for place, name in enumerate(priority)}
    own = [
        name for name in names if name in rules and (labels == _at(names, name)).any()
    ]
    masks = {n: _cleaned(labels == _at(names, n), rules[n], scale) for n in own}
    cleaned = labels.copy()
    unassigned = (labels >= len(names)) | np.isin(labels, [_at(names, n) for n in own])
    # Who comes first is written last.
    for name in sorted(own, key=lambda n: -ranks.get(n, len(ranks))):
        cleaned[masks[name]] = _at(names, name)
        unassigned &= ~masks[name]
    for name in own:
        cleaned[masks[name] & (labels == _at(names, name))] = _at(names, name)
    return fill_nearest(cleaned, unassigned)


def _at(names: Sequence[str], name: str) -> int:
    return list(names).index(name)


def _cleaned(
    mask: NDArray[np.bool_], rule: Rule, scale: tuple[float, float]
) -> NDArray[np.bool_]:
    """`mask` after one row of the table."""
    from scipy.ndimage import uniform_filter

    least = rule.least_px * scale[0] * scale[1]
    if not rule.late:
        mask = without_small(mask, least)
    for change, shape in rule.changes:
        mask = (eroded if change == "erode" else dilated)(mask, shape, scale)
    if rule.late:
        mask = without_small(mask, least)
    box = [max(1, 2 * round((rule.box * s - 1) / 2) + 1) for s in scale]
    mean = uniform_filter(mask.astype(np.float64), box, mode="nearest")
    # A sum of floats may exceed what it should equal.
    large: NDArray[np.bool_] = mean > rule.share + 1e-6
    return large


def dilated(
    mask: NDArray[np.bool_], shape: Shape, scale: tuple[float, float]
) -> NDArray[np.bool_]:
    """Pixels within one element of the mask; nothing is set beyond the image."""
    from scipy.ndimage import binary_dilation, distance_transform_edt

    if not mask.any():
        return mask
    if shape.kind == "disk":
        # Distances in radii: an ellipse where the scales differ.
        steps = [1 / max(shape.size * s, 1e-3) for s in scale]
        near: NDArray[np.bool_] = (
            distance_transform_edt(~mask, sampling=steps) <= 1 + 1e-9
        )
        return near
    grown: NDArray[np.bool_] = binary_dilation(mask, line(shape, scale))
    return grown


def eroded(
    mask: NDArray[np.bool_], shape: Shape, scale: tuple[float, float]
) -> NDArray[np.bool_]:
    """Pixels whose whole element is in the mask; it goes on beyond the image."""
    return ~dilated(~mask, shape, scale)


def line(shape: Shape, scale: tuple[float, float]) -> NDArray[np.bool_]:
    """Footprint of a line whose length counts at `SIZE`, symmetric about its middle."""
    from skimage.draw import line as draw

    half = (shape.size - 1) / 2
    angle = np.pi / 2 if shape.kind == "vertical" else np.pi / 4
    rows = round(float(np.sin(angle)) * half * scale[0])
    columns = round(float(np.cos(angle)) * half * scale[1])
    footprint = np.zeros((2 * rows + 1, 2 * columns + 1), bool)
    footprint[draw(2 * rows, 0, 0, 2 * columns)] = True  # type: ignore[no-untyped-call]
    return footprint | footprint[::-1, ::-1]
