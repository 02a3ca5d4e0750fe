"""Batch norm that knows the scans at hand: its statistics moved towards theirs.

Li et al., *Revisiting batch normalization for practical domain adaptation*, ICLR
workshop 2017, takes the statistics of the new scans alone; Schneider et al., *Improving
robustness against common corruptions by covariate shift adaptation*, NeurIPS 2020,
mixes them with those of the training. We mix: a few B-scans of one eye are no sample of
all that a network has to tell apart.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_octseg.engine.learning.norm_statistics import gathering, norm_layers
from napari_octseg.engine.prepare import shown_bscan
from napari_octseg.engine.preprocess import normalise, padded
from napari_octseg.engine.resizing import resize
from napari_octseg.engine.steps.roi import entropy_roi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from napari_octseg.bundles.card import Input
    from napari_octseg.volume import OCTVolume

SHARE = 0.5
"""Of the new statistics; the rest are those of the training."""


@contextmanager
def moving(network: nn.Module, share: float = SHARE) -> Iterator[None]:
    """Mix the running statistics of batch norm with those of all images seen meanwhile.

    Mean and variance become those of a mixture of the training scans and these images.

    Parameters
    ----------
    network
        Changed in place, in evaluation mode afterwards; its weights do not change.
    share
        Of the images in the mixture, 0…1.
    """
    layers = norm_layers(network)
    kept = [_statistics(layer) for layer in layers]
    with gathering(network):
        yield
    for layer, (mean, variance) in zip(layers, kept, strict=True):
        new_mean, new_variance = _statistics(layer)
        apart = share * (1 - share) * (mean - new_mean).square()
        layer.running_mean = mean.lerp(new_mean, share)
        layer.running_var = variance.lerp(new_variance, share) + apart


def _statistics(layer: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    mean, variance = layer.running_mean, layer.running_var
    assert mean is not None  # `norm_layers` gives those that keep statistics
    assert variance is not None
    return mean.clone(), variance.clone()


def like_training_crops(
    volume: OCTVolume, index: int, spec: Input, crop: tuple[int, int] | None
) -> Iterator[Tensor]:
    """Crops of a B-scan such as a training takes, for the statistics of its network.

    Side by side over the whole width, in depth around the retina: trainings look where
    there is something to find, and statistics of whole B-scans would be those of
    vitreous and sclera.

    Parameters
    ----------
    volume, index
        The B-scan.
    spec
        Input section of the card.
    crop
        Rows and columns of a training sample; None: the whole B-scan.

    Yields
    ------
    (1, C, rows, columns) float32, as the network takes it.
    """
    image = shown_bscan(volume, index, spec)
    if spec.size is not None:
        image = resize(image[None], spec.size)[0]
    depth, width = image.shape[-2:]
    step = spec.divisor
    wanted = crop if crop is not None else (depth, width)
    rows, columns = (
        max(step, min(most, side) // step * step)
        for most, side in zip(wanted, (depth, width), strict=True)
    )
    if rows > depth or columns > width:
        # Smaller than one step of the network: continued as inference does.
        yield padded(normalise(image[None], spec.intensity), spec)
        return
    top = 0
    if rows < depth:
        retina = entropy_roi(image[spec.n_neighbours].numpy()).nonzero()[0]
        top = min(max(round(float(retina.mean()) - rows / 2), 0), depth - rows)
    n_across = -(-width // columns)
    for place in range(n_across):
        left = round(place * (width - columns) / max(n_across - 1, 1))
        area = image[:, top : top + rows, left : left + columns]
        yield normalise(area[None], spec.intensity)
