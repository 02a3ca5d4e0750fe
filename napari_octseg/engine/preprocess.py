"""From a B-scan to the input of a network, exactly as its card says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from napari_octseg.engine.prepare import apply_prepare, prepared_rows, shown_bscan
from napari_octseg.engine.resizing import resize as resize
from napari_octseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_octseg.bundles.card import Input
    from napari_octseg.volume import OCTVolume


def unit(image: Tensor) -> Tensor:
    """Grey values 0…1 as they are."""
    return image


_LEAST_DEVIATION = 0.02
"""Grey values, 0…1. A crop within a white wedge has hardly any other pixels; divided by
their deviation its white would be millions, and spoil all statistics of a training."""


def zscore(image: Tensor) -> Tensor:
    """Zero mean and unit variance over the image.

    Pure white is left out of the statistics: scanners fill the wedges beside a
    registered B-scan with it. An image without contrast stays one: what deviates by
    less than 0.02 is not stretched to unit variance.

    Parameters
    ----------
    image
        (…, H, W) float32 in 0…1.
    """
    counted = (image < 1).to(image.dtype)
    n = counted.sum((-2, -1), keepdim=True).clamp_min(1)
    mean = (image * counted).sum((-2, -1), keepdim=True) / n
    variance = ((image - mean) ** 2 * counted).sum((-2, -1), keepdim=True) / n
    return (image - mean) / variance.sqrt().clamp_min(_LEAST_DEVIATION)


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


def centred(image: Tensor) -> Tensor:
    """(x − 128) / 128 of the grey values x = 0…255, as the RETOUCH network was trained.

    Of values s = x / 255 in 0…1 that is s · 255 / 128 − 1: from −1 to 0.9922.

    Parameters
    ----------
    image
        (…, H, W) float32 in 0…1.
    """
    return image * (255 / 128) - 1


_LOCAL_PX = 65
_BLACK = 0.04


def local_contrast(image: Tensor) -> Tensor:
    """Zero mean and unit deviation within 65 × 65 px around each pixel, for vessels.

    Uneven light, and the way an en-face image was made, fall out. Black, as around the
    field of view of a photograph, takes no part and becomes 0.

    Parameters
    ----------
    image
        (…, H, W) float32 in 0…1.
    """
    rows, columns = image.shape[-2:]
    flat = image.reshape(-1, 1, rows, columns)
    counted = (flat >= _BLACK).to(flat.dtype)
    share = _box_mean(counted).clamp_min(1e-3)
    mean = _box_mean(flat * counted) / share
    squares = _box_mean(flat.square() * counted) / share
    deviation = (squares - mean.square()).clamp_min(0).sqrt()
    # Of plain areas the noise is not blown up.
    local = (flat - mean) / deviation.clamp_min(0.01) * counted
    return local.reshape(image.shape)


def _box_mean(image: Tensor) -> Tensor:
    """Mean within the window around each pixel, of what lies in the image."""
    reach = _LOCAL_PX // 2
    for kernel, padding in (((_LOCAL_PX, 1), (reach, 0)), ((1, _LOCAL_PX), (0, reach))):
        image = functional.avg_pool2d(
            image, kernel, stride=1, padding=padding, count_include_pad=False
        )
    return image


INTENSITY: dict[str, Callable[[Tensor], Tensor]] = {
    "unit": unit,
    "zscore": zscore,
    "column_l2": column_l2,
    "centred": centred,
    "local_contrast": local_contrast,
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


def grid_size(
    native: tuple[int, int], spec: Input, axial_um: float | None = None
) -> tuple[int, int]:
    """Rows and columns that an image of `native` size fills of the network's input.

    Parameters
    ----------
    native
        (rows, columns) of the image.
    spec
        The card's input section.
    axial_um
        Axial spacing of the image, None if unknown.
    """
    if spec.size is not None:
        return spec.size
    return prepared_rows(native[0], spec, axial_um), native[1]


def network_size(
    native: tuple[int, int], spec: Input, axial_um: float | None = None
) -> tuple[int, int]:
    """Rows and columns of the network's input: `grid_size` and the padding."""
    return _padded(grid_size(native, spec, axial_um), spec)


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
    return _to_network(shown_bscan(volume, index, spec), spec)


def prepare_image(image: Tensor, spec: Input) -> Tensor:
    """Input of the network for an image alone.

    The named steps of `spec` are applied, then it is resized, normalised and padded.

    Parameters
    ----------
    image
        (C, H, W) float32 in 0…1.
    spec
        The card's input section.
    """
    return _to_network(apply_prepare(image, spec), spec)


def _to_network(image: Tensor, spec: Input) -> Tensor:
    """Resize, normalise and pad a prepared (C, H, W)."""
    image = image[None]
    if spec.size is not None:
        image = resize(image, spec.size)
    return padded(normalise(image, spec.intensity), spec)[0]


def padded(image: Tensor, spec: Input) -> Tensor:
    """(N, C, H, W) continued below and right by its own edge, as the network needs."""
    rows, columns = _padded((image.shape[-2], image.shape[-1]), spec)
    below, right = rows - image.shape[-2], columns - image.shape[-1]
    if below or right:
        image = functional.pad(image, (0, right, 0, below), mode="replicate")
    return image


def _padded(size: tuple[int, int], spec: Input) -> tuple[int, int]:
    """Rows and columns padded to one tile at least and to a multiple of the divisor."""
    rows, columns = size
    if spec.tiling is not None:
        rows = max(rows, spec.tiling.size[0])
        columns = max(columns, spec.tiling.size[1])
    step = spec.divisor
    return -(-rows // step) * step, -(-columns // step) * step
