"""The steps that a card may name in `input.prepare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_octseg.engine.steps import denoise
from napari_octseg.engine.steps.device_scale import device_scale, scaled_rows
from napari_octseg.engine.steps.histogram import grey_shares, volume_shares
from napari_octseg.engine.steps.histogram import match_histogram as matched
from napari_octseg.engine.steps.retina_mask import retina_mask as retina_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_octseg.volume import OCTVolume


@dataclass(frozen=True)
class PrepareStep:
    """A step that a card may name in `input.prepare`.

    Parameters
    ----------
    function
        ``function(image, volume, *, …) -> image``: `image` is (C, H, W) float32 in
        0…1, neighbouring B-scans in order; `volume` is the scan they are from, or None
        for a picture alone. Keyword-only parameters are the arguments of the card.
    margin
        B-scans that it needs on each side beyond those that it returns: `image` has
        2 · `margin` more channels than the result.
    rows
        ``rows(native_rows, axial_um, *, …) -> rows`` where it changes the number of
        rows; None where it does not. The number of columns always stays.
    """

    function: Callable[..., Tensor]
    margin: int = 0
    rows: Callable[..., int] | None = None


def match_histogram(
    image: Tensor,
    volume: OCTVolume | None,
    *,
    reference: Sequence[float],
    most_um: float | None = None,
) -> Tensor:
    """Grey values matched to a reference histogram, the whole volume as one.

    RETOUCH matches Cirrus and Topcon (47 µm apart) to a Spectralis (about 120 µm),
    which stays as it is: `most_um` 60.

    Parameters
    ----------
    image
        (C, H, W) in 0…1.
    volume
        The scan whose histogram is the source; None: that of `image`.
    reference
        256 shares, as `histogram.grey_shares` gives them.
    most_um
        Only scans whose B-scans are known to lie at most this far apart, µm; None:
        every image.
    """
    if not _lies_within(volume, most_um):
        return image
    values = image.numpy()
    shares = grey_shares([values]) if volume is None else volume_shares(volume)
    return torch.from_numpy(matched(values, shares, reference))


def median_bscans(
    image: Tensor, volume: OCTVolume | None, *, most_um: float = 60
) -> Tensor:
    """Median over each B-scan and the one on each side of it.

    Only where neighbours are known to show the same tissue: RETOUCH takes it on Cirrus
    and Topcon (47 µm apart), not on Spectralis (about 120 µm).

    Parameters
    ----------
    image
        (C + 2, H, W).
    volume
        The scan, for its spacing; unknown spacing counts as far apart.
    most_um
        Largest distance between B-scans, µm.

    Returns
    -------
    (C, H, W).
    """
    if not _lies_within(volume, most_um):
        return image[1:-1]
    return torch.stack([image[:-2], image[1:-1], image[2:]]).median(0).values


def median_3x3(
    image: Tensor, volume: OCTVolume | None, *, most_um: float | None = None
) -> Tensor:
    """Median of 3 x 3 px within each B-scan, its edges repeated.

    RETOUCH takes it on Cirrus and Topcon only: `most_um` 60, as `match_histogram`
    describes it.
    """
    from scipy.ndimage import median_filter

    if not _lies_within(volume, most_um):
        return image
    filtered = median_filter(image.numpy(), (1, 3, 3), mode="nearest")
    return torch.from_numpy(filtered)


def atmed(image: Tensor, volume: OCTVolume | None, *, window: int = 13) -> Tensor:
    """The fuzzy filter `denoise.atmed` on 256 grey levels of each B-scan."""
    levels = (image.numpy() * 255).round().clip(0, 255).astype(np.uint8)
    filtered = [denoise.atmed(one, window) / np.float32(255) for one in levels]
    return torch.from_numpy(np.stack(filtered))


def enhance(
    image: Tensor,
    volume: OCTVolume | None,
    *,
    smoothing: float = 15 / 255,
    clip: float = 0.01,
) -> Tensor:
    """Non-local means and CLAHE of each B-scan: `denoise.enhance`."""
    enhanced = [denoise.enhance(one, smoothing, clip) for one in image.numpy()]
    return torch.from_numpy(np.stack(enhanced))


def retina_mask(
    image: Tensor,
    volume: OCTVolume | None,
    *,
    above: float = 6,
    below: float = 20,
    keep_vitreous: bool = False,
) -> Tensor:
    """Black outside the retina of the middle B-scan: `retina_mask.retina_mask`."""
    own = image[len(image) // 2].numpy()
    kept = retina_pixels(own, above=above, below=below, keep_vitreous=keep_vitreous)
    return image * torch.from_numpy(kept)


def _lies_within(volume: OCTVolume | None, most_um: float | None) -> bool:
    """Whether B-scans are known to lie at most `most_um` apart; None: any will do."""
    if most_um is None:
        return True
    between = None if volume is None else volume.spacing.between_bscans
    return between is not None and between <= most_um


PREPARE: dict[str, PrepareStep] = {
    "match_histogram": PrepareStep(match_histogram),
    "median_bscans": PrepareStep(median_bscans, margin=1),
    "median_3x3": PrepareStep(median_3x3),
    "device_scale": PrepareStep(device_scale, rows=scaled_rows),
    "atmed": PrepareStep(atmed),
    "enhance": PrepareStep(enhance),
    "retina_mask": PrepareStep(retina_mask),
}
