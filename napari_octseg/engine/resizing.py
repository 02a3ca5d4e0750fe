"""Images brought to another number of rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize of (N, C, H, W) to `size` rows and columns, smooth when smaller.

    `antialias` keeps thin layers from being dropped when rows are skipped.
    """
    if tuple(image.shape[-2:]) == size:
        return image
    shrinks = any(new < old for new, old in zip(size, image.shape[-2:], strict=True))
    return functional.interpolate(
        image, size=size, mode="bilinear", align_corners=False, antialias=shrinks
    )
