"""From probabilities to labels, boundaries and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import boundaries_to_labels, enforce_order
from napari_octseg.engine.resizing import resize
from napari_octseg.engine.steps.binding import bind
from napari_octseg.engine.steps.findings import beneath_findings, findings_among
from napari_octseg.engine.steps.label_steps import LABEL_STEPS, Context
from napari_octseg.engine.steps.likeliest import most_likely
from napari_octseg.engine.steps.soft_boundaries import soft_boundaries

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.recipe import Recipe


_ROUNDING = 1e-4
_SHORTEST_RUN_PX = 4


@dataclass(frozen=True, eq=False)
class BscanResult:
    """What a model says of one B-scan, at its native size.

    `labels` (depth, width) uint8; `heights` (n_boundaries, width) float32 or None;
    `uncertainty` (width,) float32 in 0…1.
    """

    labels: NDArray[np.uint8]
    heights: NDArray[np.float32] | None
    uncertainty: NDArray[np.float32]


def column_uncertainty(probabilities: Tensor) -> Tensor:
    """Expected share of wrong tissue pixels in each column.

    The chance that the most likely class is wrong, summed over the column and divided
    by the expected number of tissue pixels.

    Parameters
    ----------
    probabilities
        (N, n_classes, H, W); class 0 is the background.

    Returns
    -------
    (N, W) in 0…1.
    """
    wrong = (1 - probabilities.amax(1)).sum(1)
    tissue = (1 - probabilities[:, 0]).sum(1)
    # The background is never likelier than the likeliest class: wrong <= tissue.
    return (wrong / (tissue + 1)).clamp(0, 1)


def blank_pixels(images: Tensor) -> NDArray[np.bool_]:
    """Pixels outside the scan: one value from the top or the bottom of the column on.

    Scanners fill the wedges beside, above and below a registered B-scan with white or
    black. (A vitreous that is all black is blank too, which does no harm.)

    Parameters
    ----------
    images
        (N, C, H, W); the middle channel is the B-scan itself.

    Returns
    -------
    (N, H, W) bool.
    """
    own = images[:, images.shape[1] // 2]
    runs = []
    for edge, downwards in ((own[:, :1], True), (own[:, -1:], False)):
        # Resizing leaves a constant area constant only up to rounding.
        same = ((own - edge).abs() <= _ROUNDING).cpu().numpy()
        inwards = same if downwards else same[:, ::-1]
        run = np.logical_and.accumulate(inwards, axis=1)
        # By chance neighbours may be equal, and the first pixel always is.
        run = run & run[:, min(_SHORTEST_RUN_PX, run.shape[1]) - 1, None]
        runs.append(run if downwards else run[:, ::-1])
    blank: NDArray[np.bool_] = runs[0] | runs[1]
    return blank


def finish(
    probabilities: Tensor,
    native: tuple[int, int],
    card: ModelCard,
    blank: NDArray[np.bool_] | None = None,
    images: Tensor | None = None,
) -> list[BscanResult]:
    """Labels, boundaries and uncertainty of a batch, at the native size.

    Parameters
    ----------
    probabilities
        (N, n_classes, H, W) on the network's grid, padding removed.
    native
        Rows and columns of the B-scans.
    card
        Its layers become boundaries first and pixels from those, so that order is
        anatomical and edges are sub-pixel; the layers go through beneath findings
        (`beneath_findings`). Other classes are the most likely ones: they are painted
        over the layers, as `merge_labels` paints those of two models.
    blank
        (N, H, W): pixels outside the scan, they stay background (`blank_pixels`).
    images
        (N, C, H', W'): what the network saw, padding removed, for steps that look at
        the image; the middle channel is the B-scan itself.

    Raises
    ------
    ModelError
        If the card names a step that does not exist.
    """
    depth, width = native
    scale = depth / probabilities.shape[-2]
    unsure = column_uncertainty(probabilities)[:, None, None]  # (N, 1, 1, W)
    uncertainty = resize(unsure, (1, width))[:, 0, 0].float().cpu().numpy()
    if blank is None:
        blank = np.zeros((len(probabilities), *probabilities.shape[-2:]), bool)
    nothing = np.all(blank, axis=1)[..., _nearest(width, blank.shape[-1])]
    heights: NDArray[np.float32] | None = None
    if card.layers:
        beneath = beneath_findings(probabilities, card.layer_indices, blank=blank)
        soft = soft_boundaries(beneath, card.layer_indices, blank=blank)[:, :, None]
        wide = resize(soft, (1, width))[:, :, 0]  # beside an absent column: absent
        # Row centres: network row r covers native rows (r + 0.5) * scale - 0.5.
        heights = enforce_order(
            ((wide + 0.5) * scale - 0.5).float().cpu().numpy().swapaxes(0, 1)
        )
        heights[:, nothing] = np.nan
        nothing |= np.isnan(heights[0])
        labels = boundaries_to_labels(heights, depth, card.layer_indices)
    else:
        labels = _likely_in_scan(probabilities, native, blank)
    if nothing.any():
        labels = np.where(nothing[:, None], np.uint8(0), labels)
    findings = findings_among(probabilities.shape[1], card.layer_indices)
    if card.layers and findings:
        likely = _likely_in_scan(probabilities, native, blank)
        labels = np.where(np.isin(likely, findings), likely, labels)
        nothing &= ~labels.any(axis=1)
    uncertainty = np.where(nothing, np.float32(0), uncertainty)
    results = []
    for n, image in enumerate(labels):
        own = None if heights is None else heights[:, n]
        seen = None if images is None else images[n, images.shape[1] // 2]
        cleaned = apply_steps(image, card, probabilities[n], seen)
        results.append(BscanResult(cleaned, own, uncertainty[n]))
    return results


def _likely_in_scan(
    probabilities: Tensor, native: tuple[int, int], blank: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Most likely classes (N, depth, width) at the native size; 0 where it is blank."""
    labels: NDArray[np.uint8] = most_likely(resize(probabilities, native)).cpu().numpy()
    outside = blank[:, _nearest(native[0], blank.shape[-2])]
    labels[outside[..., _nearest(native[1], blank.shape[-1])]] = 0
    return labels


def _nearest(n: int, n_source: int) -> NDArray[np.intp]:
    """For each of `n` samples the nearest of `n_source` over the same extent."""
    return ((np.arange(n) + 0.5) * n_source / n).astype(np.intp)


def apply_steps(
    labels: NDArray[np.uint8],
    card: ModelCard | Recipe,
    probabilities: Tensor | None = None,
    image: Tensor | None = None,
) -> NDArray[np.uint8]:
    """Labels (depth, width) after the post-processing steps of the card.

    Parameters
    ----------
    labels
        Class indices.
    card
        Names the steps; a recipe does so, too, before there is a card.
    probabilities
        (n_classes, H, W) on any grid, for steps that look at them.
    image
        (H, W) on any grid, for steps that look at it.

    Raises
    ------
    ModelError
        If the card names a step that does not exist, or arguments it does not take.
    """
    context = Context(card.label_set.names, probabilities, image)
    for step in card.postprocess:
        labels = bind(LABEL_STEPS, step, "post-processing step")(labels, context)
    return labels
