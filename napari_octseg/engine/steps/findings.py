"""Layers and findings of one model: what lies beneath a finding is a layer still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_octseg.engine.steps.retina import retina_band

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

_HARDLY_ANY = 1e-3
"""Chance of all layers together that still tells which of them lies beneath."""


def findings_among(n_classes: int, layers: Sequence[int]) -> tuple[int, ...]:
    """Classes that are neither the background (0) nor one of the layers."""
    return tuple(k for k in range(1, n_classes) if k not in layers)


def beneath_findings(
    probabilities: Tensor,
    layers: Sequence[int],
    *,
    blank: NDArray[np.bool_] | None = None,
) -> Tensor:
    """What the probabilities would be if there were no findings.

    Within the retina, from its first to its last row of layers, the chance of a finding
    is given to the layers: in the ratio in which the network sees them there, or, where
    it is sure of the finding alone, to the nearest layer of the column. Anywhere else,
    in the vitreous and below the retina, it is given to the background.

    Parameters
    ----------
    probabilities
        (N, n_classes, H, W); class 0 is the background.
    layers
        Class index of each layer, top to bottom.
    blank
        (N, H, W): pixels outside the scan, which are no tissue.

    Returns
    -------
    (N, n_classes, H, W), findings 0; the very same tensor if there are no findings.
    """
    findings = findings_among(probabilities.shape[1], layers)
    if not findings:
        return probabilities
    each = probabilities[:, list(layers)]  # (N, n_layers, H, W)
    tissue = each.sum(1)
    finding = probabilities[:, list(findings)].sum(1)  # (N, H, W)
    is_layer = (tissue > 0.5).cpu().numpy()
    is_any = (tissue + finding > 0.5).cpu().numpy()
    if blank is not None:
        is_layer &= ~blank
        is_any &= ~blank
    likeliest = each.argmax(1).cpu().numpy()
    within = np.empty_like(is_layer)
    nearest = np.empty_like(likeliest)
    for n, (certain, seen) in enumerate(zip(is_layer, is_any, strict=True)):
        within[n], source = _between_layers(certain, seen)
        nearest[n] = np.take_along_axis(likeliest[n], source, axis=0)
    index = torch.from_numpy(nearest).to(each.device)[:, None]
    inside = torch.from_numpy(within).to(each.device)
    share = each.scatter_add(1, index, torch.full_like(each[:, :1], _HARDLY_ANY))
    share = share / share.sum(1, keepdim=True)
    without = torch.zeros_like(probabilities)
    without[:, 0] = probabilities[:, 0] + torch.where(inside, 0, finding)
    without[:, list(layers)] = each + share * torch.where(inside, finding, 0)[:, None]
    return without


def _between_layers(
    is_layer: NDArray[np.bool_], is_any: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Pixels between the first and the last layer of the retina in their column.

    Parameters
    ----------
    is_layer, is_any
        (H, W): layers, and layers or findings.

    Returns
    -------
    (H, W) bool; and (H, W), for each of them the nearest row that is a layer.
    """
    row = np.arange(len(is_layer))[:, None]
    above, below = _layers_beside(is_layer)
    # A cyst as wide as the B-scan must not cut the retina in two.
    enclosed = (above >= 0) & (below < len(is_layer))
    first, last = retina_band(is_layer | (is_any & enclosed))
    above, below = _layers_beside(is_layer & (row >= first) & (row <= last))
    within = (above >= 0) & (below < len(is_layer))
    nearest = np.where(row - above <= below - row, above, below)
    return within, np.where(within, nearest, row)


def _layers_beside(
    is_layer: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Next row (H, W) that is a layer: above (-1: none) and below (H: none)."""
    rows = len(is_layer)
    row = np.arange(rows)[:, None]
    above = np.maximum.accumulate(np.where(is_layer, row, -1), axis=0)
    below = np.minimum.accumulate(np.where(is_layer, row, rows)[::-1], axis=0)[::-1]
    return above, below
