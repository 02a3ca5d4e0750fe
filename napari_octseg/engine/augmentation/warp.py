"""Random geometry: one resampling for crop, flip, rotation, shear, zoom and bending."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from napari_octseg.engine.augment import AugmentSettings
    from napari_octseg.engine.augmentation.draws import Draws

_KNOT_PX = 48
"""Distance of the knots of the elastic deformation."""


def draw_grid(
    native: tuple[int, int],
    size: tuple[int, int],
    s: AugmentSettings,
    draws: Draws,
    centre: tuple[int, int] | None = None,
) -> Tensor:
    """Where each pixel of a random crop comes from.

    Parameters
    ----------
    native
        Rows and columns of the image.
    size
        Rows and columns of the crop.
    s, draws
        Ranges and random numbers.
    centre
        (row, column) that is to be in the middle half of the crop; anywhere by default.

    Returns
    -------
    (1, rows, columns, 2) float32: x and y as `grid_sample` takes them, −1…1 over the
    outer edges of the image.
    """
    depth, width = native
    half = torch.tensor([width / 2, depth / 2])
    return (_grid(native, size, s, draws, centre) / half)[None]


def warp_image(image: Tensor, grid: Tensor) -> Tensor:
    """(C, H, W) float32 at a grid, bilinear; 0 from outside."""
    return functional.grid_sample(
        image[None], grid, padding_mode="zeros", align_corners=False
    )[0]


def warp_codes(codes: Tensor, grid: Tensor) -> Tensor:
    """(H, W) uint8 at a grid, each the code of one pixel; `IGNORE` from outside."""
    # Codes are shifted by one so that 0, which stands outside, is told from code 0.
    moved = functional.grid_sample(
        (codes.float() + 1)[None, None], grid, mode="nearest", align_corners=False
    )[0, 0]
    return torch.where(moved == 0, IGNORE, moved - 1).to(torch.uint8)


def _grid(
    native: tuple[int, int],
    size: tuple[int, int],
    s: AugmentSettings,
    draws: Draws,
    centre: tuple[int, int] | None,
) -> Tensor:
    """(rows, columns, 2): x and y in px from the middle of the image."""
    rows, columns = size
    middle_y, middle_x = _middle(native, size, s, draws, centre)
    angle = torch.deg2rad(torch.tensor(draws.uniform(s.rotation_deg)))
    zoom_x, zoom_y = 1 + draws.uniform(s.zoom), 1 + draws.uniform(s.zoom)
    flip_x = -1.0 if draws.chance(s.flip) else 1.0
    flip_y = -1.0 if s.flip_rows and draws.chance(s.flip_rows) else 1.0
    y = (torch.arange(rows) - (rows - 1) / 2) * flip_y * zoom_y
    x = (torch.arange(columns) - (columns - 1) / 2) * flip_x * zoom_x
    yy, xx = torch.meshgrid(y, x, indexing="ij")
    cos, sin = torch.cos(angle), torch.sin(angle)
    source_x = cos * xx - sin * yy + middle_x
    source_y = sin * xx + cos * yy + draws.uniform(s.shear) * xx + middle_y
    source_y = source_y + draws.smooth(columns, s.bend * native[0])
    if s.elastic:
        reach = s.elastic * _KNOT_PX
        source_x = source_x + reach * draws.smooth_field(rows, columns, _KNOT_PX)
        source_y = source_y + reach * draws.smooth_field(rows, columns, _KNOT_PX)
    return torch.stack([source_x, source_y], dim=-1)


def _middle(
    native: tuple[int, int],
    size: tuple[int, int],
    s: AugmentSettings,
    draws: Draws,
    centre: tuple[int, int] | None,
) -> tuple[float, float]:
    """Row and column of the middle of the crop, px from the middle of the image."""
    free = [max(n - crop, 0) / 2 for n, crop in zip(native, size, strict=True)]
    if centre is None:
        column = draws.uniform(free[1])
        return draws.uniform(max(free[0], s.shift * native[0])), column
    found = []
    for at, n, crop, reach in zip(centre, native, size, free, strict=True):
        wanted = at - (n - 1) / 2 + draws.uniform(crop / 4)
        # Within the image where it is large enough: outside is nothing to learn.
        found.append(min(max(wanted, -reach), reach))
    return found[0], found[1]
