"""Segment a volume with a bundled model, B-scan by B-scan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_octseg.boundaries import Boundaries, boundary_names
from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.device import choose_device
from napari_octseg.engine.postprocess import BscanResult, finish
from napari_octseg.engine.preprocess import prepare_bscan, resize
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.runner import Precision, Runner
from napari_octseg.errors import ModelError, VolumeError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume


@dataclass(eq=False)
class Segmentation:
    """What a model made of a volume; it grows while `iter_segment` runs.

    Attributes
    ----------
    labels
        (n_bscans, depth, width) uint8; `IGNORE` where no B-scan was segmented.
    boundaries
        Layer boundaries in px from the top, or None for models without layers.
    uncertainty
        (n_bscans, width) float32 in 0…1, NaN where no B-scan was segmented.
    label_set, model, device, seconds
        Classes of the labels; card of the model; where and how long it ran.
    """

    volume: OCTVolume
    model: ModelCard
    device: str
    labels: NDArray[np.uint8]
    boundaries: Boundaries | None
    uncertainty: NDArray[np.float32]
    seconds: float = 0.0
    _runner: Runner | None = field(default=None, repr=False)

    @property
    def label_set(self) -> LabelSet:
        """Classes in index order."""
        return self.model.label_set

    def probabilities_of(self, index: int) -> NDArray[np.float32]:
        """Class probabilities of one B-scan, computed anew: they are never kept.

        Returns
        -------
        (n_classes, depth, width) float32, summing to 1 over the classes.
        """
        if self._runner is None:
            raise ModelError("This segmentation holds no network any more")
        batch = prepare_bscan(self.volume, index, self.model.input)[None]
        probabilities = _crop(self._runner(batch), self.volume, self.model)
        native = (self.volume.depth, self.volume.width)
        values: NDArray[np.float32] = resize(probabilities, native)[0].cpu().numpy()
        return values


def segment(volume: OCTVolume, model: str, **options: object) -> Segmentation:
    """Segment a volume; `iter_segment` describes the arguments."""
    steps = iter_segment(volume, model, **options)  # type: ignore[arg-type]
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Segmentation = end.value
            return result


def iter_segment(
    volume: OCTVolume,
    model: str,
    *,
    device: str = "auto",
    bscans: Sequence[int] | None = None,
    first: int = 0,
    precision: Precision = "auto",
    batch_size: int | None = None,
) -> Generator[Progress, None, Segmentation]:
    """Segment a volume, yielding after each batch of B-scans.

    Parameters
    ----------
    volume
        The scan.
    model
        Name of a bundle.
    device
        ``auto``, ``cuda``, ``cuda:1``, ``mps`` or ``cpu``.
    bscans
        Indices to segment; all by default.
    first
        The B-scan to begin with (the one on screen); the others follow outward.
    precision
        ``auto`` takes bf16 or fp16 where the device computes them faster.
    batch_size
        B-scans at once; from the free memory by default.

    Yields
    ------
    Progress
        `updated` lists the B-scans whose labels are final in `result`.

    Returns
    -------
    Segmentation
        Close the generator to cancel; what is done stays valid.

    Raises
    ------
    ModelError
        If the model is unknown, broken, or one for en-face images.
    VolumeError
        If `bscans` or `first` are not B-scans of the volume.
    """
    started = time.perf_counter()
    order = outward(volume.n_bscans, bscans, first)
    bundle = find_bundle(model)
    card = bundle.card
    if card is None or card.input.plane != "bscan":
        raise ModelError(
            f"The model {model!r} is for en-face images",
            todo="use segment_enface, or choose a model for B-scans",
        )
    choice = choose_device(device)
    yield Progress(0, len(order), f"loading {card.title}, {choice.message}")
    runner = Runner(load_network(bundle), choice.device, torch.float32)
    result = _empty(volume, card, str(choice.device), runner)
    size = batch_size or 1
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        batch = torch.stack([prepare_bscan(volume, i, card.input) for i in chosen])
        probabilities = _crop(runner(batch), volume, card)
        native = (volume.depth, volume.width)
        for index, one in zip(chosen, finish(probabilities, native, card), strict=True):
            _store(result, index, one)
        result.seconds = time.perf_counter() - started
        yield Progress(
            start + len(chosen),
            len(order),
            f"B-scan {start + len(chosen)} of {len(order)}",
            updated=tuple(chosen),
            result=result,
        )
    return result


def outward(n_bscans: int, bscans: Sequence[int] | None, first: int) -> list[int]:
    """B-scans in the order of their distance from `first`.

    Raises
    ------
    VolumeError
        If an index is not a B-scan of the volume.
    """
    chosen = range(n_bscans) if bscans is None else bscans
    wrong = [i for i in (*chosen, first) if not 0 <= i < n_bscans]
    if wrong:
        raise VolumeError(
            f"B-scan {wrong[0]} of a volume with {n_bscans}",
            allowed=f"0 to {n_bscans - 1}",
        )
    return sorted(set(chosen), key=lambda i: (abs(i - first), i))


def _empty(
    volume: OCTVolume, card: ModelCard, device: str, runner: Runner
) -> Segmentation:
    n_bscans, _, width = volume.shape
    boundaries = None
    if card.layers:
        names = boundary_names(card.layers)
        heights = np.full((len(names), n_bscans, width), np.nan, np.float32)
        boundaries = Boundaries(names, heights)
    labels = np.full(volume.shape, IGNORE, np.uint8)
    unsure = np.full((n_bscans, width), np.nan, np.float32)
    return Segmentation(
        volume, card, device, labels, boundaries, unsure, _runner=runner
    )


def _store(result: Segmentation, index: int, one: BscanResult) -> None:
    result.labels[index] = one.labels
    result.uncertainty[index] = one.uncertainty
    if result.boundaries is not None and one.heights is not None:
        result.boundaries.heights[:, index] = one.heights


def _crop(probabilities: Tensor, volume: OCTVolume, card: ModelCard) -> Tensor:
    """Probabilities without the rows and columns that padding added."""
    rows, columns = card.input.size or (volume.depth, volume.width)
    return probabilities[..., :rows, :columns]
