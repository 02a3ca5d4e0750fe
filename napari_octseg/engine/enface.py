"""Segment an en-face image: a fundus reconstruction, an OCTA projection, a photo."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from napari_octseg.bundles.registry import load_network
from napari_octseg.engine.device import choose_device, release_cached
from napari_octseg.engine.inference import find_model, without_padding
from napari_octseg.engine.memory import freed_memory_kept
from napari_octseg.engine.postprocess import apply_steps, most_likely
from napari_octseg.engine.precision import make_runner
from napari_octseg.engine.preprocess import prepare_image, resize
from napari_octseg.engine.runner import Precision, run_within_memory
from napari_octseg.errors import VolumeError
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_octseg.bundles.card import ModelCard
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
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    model: ModelCard
    device: str
    seconds: float

    @property
    def label_set(self) -> LabelSet:
        """Classes in index order."""
        return self.model.label_set


def segment_enface(
    image: NDArray[Any],
    model: str,
    *,
    device: str = "auto",
    precision: Precision = "auto",
) -> EnfaceSegmentation:
    """Segment an en-face image with a bundled model.

    Parameters
    ----------
    image
        (height, width); uint8, uint16 or float, any range.
    model
        Name of a bundle for en-face images.
    device
        ``auto``, ``cuda``, ``cuda:1``, ``mps`` or ``cpu``.
    precision
        ``auto`` takes bf16 or fp16 where the device computes them faster and the
        labels agree with fp32.

    Raises
    ------
    VolumeError
        If the image has other dimensions.
    ModelError
        If the model is unknown, broken, or one for B-scans.
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
    bundle, card = find_model(model, "enface")
    choice = choose_device(device)
    native = (image.shape[0], image.shape[1])
    # Grey values are scaled like those of a B-scan.
    shown = OCTVolume(image).bscan_as_shown(0)
    batch = prepare_image(torch.from_numpy(shown)[None], card.input)[None]

    def at_native_size(probabilities: Tensor) -> Tensor:
        return resize(without_padding(probabilities, native, card), native)

    def labels_of(probabilities: Tensor) -> NDArray[np.uint8]:
        labels = most_likely(at_native_size(probabilities))[0].cpu().numpy()
        return apply_steps(labels, card)

    with freed_memory_kept():
        runner = make_runner(
            load_network(bundle),
            card,
            choice.device,
            precision,
            batch=batch,
            labels_of=labels_of,
        )
        probabilities = run_within_memory(runner, batch)[0]
        labels = labels_of(probabilities)
        shares = at_native_size(probabilities)[0].cpu().numpy()
    release_cached(choice.device)
    return EnfaceSegmentation(
        labels, shares, card, str(choice.device), time.perf_counter() - started
    )
