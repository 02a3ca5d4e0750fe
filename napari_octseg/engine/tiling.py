"""Run a network on overlapping windows of a large image, without visible seams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.bundles.card import Tiling


def window_starts(length: int, size: int, overlap: int) -> list[int]:
    """First px of windows that cover `length`; the last one ends with the image.

    Parameters
    ----------
    length, size, overlap
        Of the image, of a window, of two neighbouring windows at least; px.
    """
    if length <= size:
        return [0]
    starts = list(range(0, length - size, size - overlap))
    return [*starts, length - size]


def predict_tiled(
    predict: Callable[[Tensor], Tensor], images: Tensor, tiling: Tiling
) -> Tensor:
    """Probabilities of large images, blended from windows.

    A window counts less towards its edges, where the network sees only one side; the
    weight falls linearly across the overlap.

    Parameters
    ----------
    predict
        (N, C, *tiling.size) → probabilities (N, n_classes, *tiling.size).
    images
        (N, C, H, W), at least as large as a window.
    tiling
        Windows of the card.

    Returns
    -------
    (N, n_classes, H, W) float32, summing to 1 over the classes.
    """
    rows, columns = images.shape[-2:]
    high, wide = tiling.size
    window: Tensor | None = None
    for top in window_starts(rows, high, tiling.overlap[0]):
        for left in window_starts(columns, wide, tiling.overlap[1]):
            area = (..., slice(top, top + high), slice(left, left + wide))
            values = predict(images[area]).float()
            if window is None:
                window = _weights(tiling, values.device)
                total = values.new_zeros(*values.shape[:2], rows, columns)
                weight = values.new_zeros(rows, columns)
            total[area] += values * window
            weight[area] += window
    return total.div_(weight)


def _weights(tiling: Tiling, device: torch.device) -> Tensor:
    """Weight of each px of a window, (rows, columns), above 0 up to 1."""
    down, across = (
        torch.arange(1, size + 1, device=device).minimum(
            torch.arange(size, 0, -1, device=device)
        )
        / (overlap + 1)
        for size, overlap in zip(tiling.size, tiling.overlap, strict=True)
    )
    return down.clamp(max=1)[:, None] * across.clamp(max=1)[None]
