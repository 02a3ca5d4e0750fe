"""Boundaries of layers: the order that fits a column best, then its edges sub-pixel."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import avg_pool1d

from napari_octseg.engine.steps.likeliest import most_likely
from napari_octseg.engine.steps.retina import retina_band

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

_SOFT_EDGE_PX = 8
"""Rows beside the retina in which soft edges still count."""

_POOLED = 2
"""Rows that take one class together while the order is sought: half the time, and the
edges are found anew afterwards."""

_REACH = 6
"""Rows on either side of an edge that tell where exactly it is."""

_HARDLY_ANY = 1e-6


def soft_boundaries(
    probabilities: Tensor,
    layers: Sequence[int],
    *,
    blank: NDArray[np.bool_] | None = None,
    least_px: float = 2.0,
) -> Tensor:
    """Sub-pixel heights of layer boundaries from class probabilities.

    Of all ways to divide a column into background, the layers in their order (any of
    them may be absent) and background again, the one of which most pixels are right in
    expectation (`likeliest_edges`): a mistake in one place moves no boundary elsewhere.
    Then each boundary goes where the chances of what lies above and below it are even
    (`_within_reach`). Only the one band that is the retina counts (`retina_band`).

    Parameters
    ----------
    probabilities
        (N, n_classes, H, W).
    layers
        Class index of each layer, top to bottom.
    blank
        (N, H, W): pixels outside the scan, which are no tissue.
    least_px
        Columns with less expected tissue than this have no layers.

    Returns
    -------
    (N, len(layers) + 1, W), rows of the network's grid, ordered, NaN where a column
    has no layers.
    """
    rows = probabilities.shape[-2]
    # Layer by layer: what is worked on stays in the cache of a processor.
    each = [probabilities[:, index] for index in layers]  # (N, H, W)
    likely = (sum(each[1:], start=each[0]) > 0.5).cpu().numpy()
    if blank is not None:
        likely &= ~blank
    bands = np.stack([retina_band(one) for one in likely])
    band = torch.from_numpy(bands).to(probabilities.device)
    first, last = band[:, 0, None], band[:, 1, None]  # (N, 1, W)
    top = max(int(first.min()) - _SOFT_EDGE_PX, 0)
    end = max(min(int(last.max()) + _SOFT_EDGE_PX + 1, rows), top + 1)
    row = torch.arange(top, end, device=probabilities.device)[:, None]
    near = (row >= first - _SOFT_EDGE_PX) & (row <= last + _SOFT_EDGE_PX)
    if blank is not None:
        near &= ~torch.from_numpy(blank[:, top:end]).to(near.device)
    each = [one[:, top:end] * near for one in each]
    # Chance of the layers above each boundary; of all layers for the last.
    above = list(accumulate(each, initial=torch.zeros_like(each[0])))
    edges = likeliest_edges(torch.stack([1 - above[-1], *each], 1))
    heights = top - 0.5 + _within_reach(above, edges).cummax(1).values
    absent = (first > last) | (above[-1].sum(1)[:, None] < least_px)
    return torch.where(absent, torch.nan, heights)


def likeliest_edges(states: Tensor) -> Tensor:
    """Divide columns into layers so that most pixels are right in expectation.

    Where the likeliest classes are in order, they are the answer; elsewhere it is
    sought (`_best_order`).

    Parameters
    ----------
    states
        (N, 1 + n_layers, H, W): chances of background and of each layer.

    Returns
    -------
    (N, n_layers + 1, W) int64: rows above each boundary.
    """
    likeliest = most_likely(states)  # (N, H, W)
    first = (likeliest > 0).to(torch.uint8).argmax(1)
    rows = [(likeliest == k).sum(1) for k in range(1, states.shape[1])]
    edges = torch.stack(list(accumulate(rows, initial=first)), 1)
    n, column = (~_is_ordered(likeliest)).nonzero(as_tuple=True)
    if len(n):
        edges[n, :, column] = _best_order(states[n, :, :, column])
    return edges


def _is_ordered(likeliest: Tensor) -> Tensor:
    """Whether a column of (N, H, W) is one run of rising layers; (N, W) bool."""
    upper, lower = likeliest[:, :-1], likeliest[:, 1:]
    falls = ((lower < upper) & (lower > 0)).any(1)
    begins = ((upper == 0) & (lower > 0)).sum(1) + (likeliest[:, 0] > 0)
    return ~falls & (begins <= 1)


def _best_order(states: Tensor) -> Tensor:
    """Rows above each boundary (n, n_layers + 1) of columns (n, 1 + n_layers, H).

    The best path through the states background, layers from top to bottom, background,
    none of which may be gone back to, by dynamic programming (Viterbi, IEEE Trans.
    Inf. Theory 13(2), 1967).
    """
    n_boundaries, rows = states.shape[1:]
    pooled = avg_pool1d(states, _POOLED, ceil_mode=True, count_include_pad=False)
    gain = torch.cat([pooled, pooled[:, :1]], 1).permute(2, 0, 1).contiguous()
    best = torch.full_like(gain[0], -torch.inf)  # (n, 2 + n_layers)
    best[:, 0] = 0
    came_from = []
    for own in gain:
        best, state = best.cummax(-1)
        best += own
        came_from.append(state)
    state = best.argmax(-1, keepdim=True)
    path = []
    for previous in reversed(came_from):
        path.append(state)
        state = previous.gather(-1, state)
    found = torch.cat(path, -1)  # (n, H), from below
    above = [(found <= k).sum(-1) for k in range(n_boundaries)]
    return (torch.stack(above, -1) * _POOLED).clamp_max(rows)


def _within_reach(above: Sequence[Tensor], edges: Tensor) -> Tensor:
    """Edges (N, n_layers + 1, W) moved to where what is above and below are even.

    The height of an edge is the expected number of rows above it, of `_REACH` rows on
    either side. Chances are sharpened before (their fourth power): an expectation is
    moved by many small ones. A hole in the retina counts for neither.

    Parameters
    ----------
    above
        Of each boundary the chance of all layers above it, (N, H, W).
    edges
        Rows above each boundary.
    """
    tissue = above[-1]
    reach = torch.arange(-_REACH, _REACH, device=edges.device)[:, None]
    moved = []
    for k, edge in enumerate(edges.unbind(1)):
        at = edge[:, None] + reach  # (N, 2 * _REACH, W)
        seen = at.clamp(0, tissue.shape[1] - 1)
        layers = tissue.gather(1, seen)
        over = above[k].gather(1, seen)
        under = layers - over
        outside = 1 - layers
        # Beyond the retina background counts; within, as far as it comes from there.
        if k == 0:
            within = outside[:, _REACH:].cummin(1).values
            over = torch.cat([outside[:, :_REACH], within], 1)
        if k == len(above) - 1:
            within = outside[:, :_REACH].flip(1).cummin(1).values.flip(1)
            under = torch.cat([within, outside[:, _REACH:]], 1)
        over, under = over.square().square(), under.square().square()
        # Where nothing tells, the edge stays.
        share = (over + _HARDLY_ANY * (reach < 0)) / (over + under + _HARDLY_ANY)
        share = torch.where(at == seen, share, (at < 0).to(share))
        moved.append(edge - _REACH + share.sum(1))
    return torch.stack(moved, 1)
