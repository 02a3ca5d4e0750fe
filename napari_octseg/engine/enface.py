"""Segment an en-face image: a fundus reconstruction, an OCTA projection, a photo."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from napari_octseg.engine.device import choose_device, release_cached
from napari_octseg.engine.ensemble import find_models, load_ensemble
from napari_octseg.engine.memory import freed_memory_kept
from napari_octseg.engine.postprocess import apply_steps
from napari_octseg.engine.preprocess import prepare_image, resize
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.steps.likeliest import most_likely
from napari_octseg.errors import VolumeError
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.runner import Precision
    from napari_octseg.labels import LabelSet


@dataclass(frozen=True, eq=False)
class EnfaceSegmentation:
    """What a model made of an en-face image.

    Attributes
    ----------
    labels
        (height, width) uint8 class indices.
    probabilities
        (n_classes, height, width) float32, summing to 1 over the classes.
    model, device, seconds
        Card of the model; where and how long it ran.
    others
        Cards of further models whose probabilities were averaged with those of `model`.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    model: ModelCard
    device: str
    seconds: float
    others: tuple[ModelCard, ...] = ()

    @property
    def label_set(self) -> LabelSet:
        """Classes in index order."""
        return self.model.label_set


def segment_enface(
    image: NDArray[Any],
    model: str | Sequence[str],
    *,
    device: str = "auto",
    precision: Precision = "auto",
    flips: bool = False,
) -> EnfaceSegmentation:
    """Segment an en-face image with a bundled model.

    Parameters
    ----------
    image
        (height, width); uint8, uint16 or float, any range.
    model
        Name or folder of a bundle for en-face images. Several of one label set are
        averaged: the mean of their probabilities at the size of the image, with the
        post-processing of the first.
    device
        ``auto``, ``cuda``, ``cuda:1``, ``mps`` or ``cpu``.
    precision
        ``auto`` takes bf16 or fp16 where the device computes them faster and the
        labels agree with fp32.
    flips
        Average over the eight flips and quarter turns of the image, which takes eight
        times as long.

    Raises
    ------
    VolumeError
        If the image has other dimensions.
    ModelError
        If a model is unknown, broken, or one for B-scans, or if models have different
        classes.
    DeviceError
        If the device is unknown or has too little memory.
    """
    started = time.perf_counter()
    if image.ndim != 2:
        raise VolumeError(
            f"An en-face image of shape {image.shape}",
            allowed="(height, width)",
            todo="of a colour image give one channel; green shows vessels best",
        )
    chosen = find_models(model, "enface")
    cards = tuple(one.card for one in chosen)
    choice = choose_device(device)
    native = (image.shape[0], image.shape[1])
    # Grey values are scaled like those of a B-scan.
    shown = torch.from_numpy(OCTVolume(image).bscan_as_shown(0))[None]
    batches = [prepare_image(shown, card.input)[None] for card in cards]

    def labels_of(
        probabilities: Tensor, image: Tensor, card: ModelCard
    ) -> NDArray[np.uint8]:
        labels = most_likely(resize(probabilities, native))[0].cpu().numpy()
        return apply_steps(labels, card, probabilities[0])

    with freed_memory_kept():
        ensemble = load_ensemble(
            chosen,
            batches,
            native,
            choice.device,
            precision,
            flips=flips,
            labels_of=labels_of,
        )
        (probabilities,) = ensemble(batches)
        labels = labels_of(probabilities, batches[0], cards[0])
        shares = resize(probabilities, native)[0].cpu().numpy()
    release_cached(choice.device)
    seconds = time.perf_counter() - started
    card, *others = cards
    return EnfaceSegmentation(
        labels, shares, card, str(choice.device), seconds, tuple(others)
    )


def iter_segment_enface(
    image: NDArray[Any], model: str | Sequence[str], **options: Any
) -> Generator[Progress, None, EnfaceSegmentation]:
    """`segment_enface`, which describes the arguments, as a task of one step."""
    yield Progress(0, 1, "the picture as a whole")
    result = segment_enface(image, model, **options)
    yield Progress(1, 1, "the picture as a whole", result=result)
    return result
