"""From a B-scan to the input of a network, exactly as its card says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_octseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.bundles.card import Input
    from napari_octseg.volume import OCTVolume


def unit(image: Tensor) -> Tensor:
    """Grey values 0…1 as they are."""
    return image


def zscore(image: Tensor) -> Tensor:
    """Zero mean and unit variance over the image.

    Pure white is left out of the statistics: scanners fill the wedges beside a
    registered B-scan with it.

    Parameters
    ----------
    image
        (…, H, W) float32 in 0…1.
    """
    counted = (image < 1).to(image.dtype)
    n = counted.sum((-2, -1), keepdim=True).clamp_min(1)
    mean = (image * counted).sum((-2, -1), keepdim=True) / n
    variance = ((image - mean) ** 2 * counted).sum((-2, -1), keepdim=True) / n
    return (image - mean) / (variance.sqrt() + 1e-6)


def column_l2(image: Tensor) -> Tensor:
    """Each A-scan divided by its Euclidean norm, as the OCTID U-Net was trained.

    Scaled by the root of the depth, so that values are near 1 at any size.

    Parameters
    ----------
    image
        (…, H, W) float32 in 0…1.
    """
    norm = image.square().sum(-2, keepdim=True).sqrt()
    return image / (norm + 1e-6) * float(image.shape[-2] ** 0.5)


INTENSITY: dict[str, Callable[[Tensor], Tensor]] = {
    "unit": unit,
    "zscore": zscore,
    "column_l2": column_l2,
}


def normalise(image: Tensor, name: str) -> Tensor:
    """Apply the intensity normalisation called `name`.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    if name not in INTENSITY:
        raise ModelError(
            f"The intensity normalisation {name!r} is unknown",
            allowed=", ".join(sorted(INTENSITY)),
            todo="update napari-octseg, or correct the card",
        )
    return INTENSITY[name](image)


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


def network_size(native: tuple[int, int], spec: Input) -> tuple[int, int]:
    """Rows and columns of the network's input for an image of `native` size."""
    rows, columns = spec.size or native
    if spec.tiling is not None:
        rows, columns = (
            max(rows, spec.tiling.size[0]),
            max(columns, spec.tiling.size[1]),
        )
    step = spec.divisor
    return -(-rows // step) * step, -(-columns // step) * step


def prepare_bscan(volume: OCTVolume, index: int, spec: Input) -> Tensor:
    """Input of the network for one B-scan.

    Parameters
    ----------
    volume
        The volume; only the B-scan and its neighbours are loaded.
    index
        B-scan.
    spec
        The card's input section. Where `size` is None the image keeps its size and is
        padded below and right, with its own edge, to a multiple of the divisor and to
        one tile at least.

    Returns
    -------
    (1 + 2 * n_neighbours, H, W) float32. Beyond the ends of the volume the last
    B-scan is repeated.
    """
    reach = range(index - spec.n_neighbours, index + spec.n_neighbours + 1)
    chosen = [min(max(i, 0), volume.n_bscans - 1) for i in reach]
    shown = np.stack([volume.bscan_as_shown(i) for i in chosen])
    return prepare_image(torch.from_numpy(shown), spec)


def prepare_image(image: Tensor, spec: Input) -> Tensor:
    """Resize, normalise and pad (C, H, W) float32 in 0…1 as `spec` says."""
    native = (image.shape[-2], image.shape[-1])
    image = image[None]
    if spec.size is not None:
        image = resize(image, spec.size)
    image = normalise(image, spec.intensity)
    rows, columns = network_size(native, spec)
    below, right = rows - image.shape[-2], columns - image.shape[-1]
    if below or right:
        image = functional.pad(image, (0, right, 0, below), mode="replicate")
    return image[0]
