"""Segment a volume with a bundled model, B-scan by B-scan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from napari_octseg.boundaries import Boundaries, boundary_names
from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.device import (
    choose_device,
    free_bytes,
    release_cached,
    watch_memory,
)
from napari_octseg.engine.memory import freed_memory_kept
from napari_octseg.engine.postprocess import BscanResult, blank_pixels, finish
from napari_octseg.engine.precision import make_runner
from napari_octseg.engine.preprocess import grid_size, prepare_bscan, resize
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.runner import Precision, Runner, run_within_memory
from napari_octseg.errors import ModelError, VolumeError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.registry import Bundle
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

# More B-scans at once are no faster: a GPU is busy with these, and a processor keeps
# one in its cache. Fewer also show sooner and cancel sooner.
_MOST_AT_ONCE = {"cuda": 32, "mps": 4, "cpu": 1}
_SHARE_OF_FREE_MEMORY = 0.5


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

        Raises
        ------
        VolumeError
            If `index` is not a B-scan of the volume.
        """
        if self._runner is None:
            raise ModelError("This segmentation holds no network any more")
        outward(self.volume.n_bscans, [index], index)
        batch = prepare_bscan(self.volume, index, self.model.input)[None]
        native = (self.volume.depth, self.volume.width)
        probabilities = without_padding(
            run_within_memory(self._runner, batch)[0],
            native,
            self.model,
            self.volume.spacing.axial,
        )
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
        The scan; only the B-scans of one batch are in memory at a time.
    model
        Name of a bundle.
    device
        ``auto``, ``cuda``, ``cuda:1``, ``mps`` or ``cpu``.
    bscans
        Indices to segment; all by default.
    first
        The B-scan to begin with (the one on screen); the others follow outward.
    precision
        ``auto`` takes bf16 or fp16 where the device computes them faster and the
        labels agree with fp32.
    batch_size
        B-scans at once; from the free memory by default, and fewer where that is not
        enough.

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
    DeviceError
        If the device is unknown or has too little memory for one B-scan.
    """
    started = time.perf_counter()
    order = outward(volume.n_bscans, bscans, first)
    bundle, card = find_model(model, "bscan")
    choice = choose_device(device)
    yield Progress(0, len(order), f"loading {card.title}, {choice.message}")
    result = _empty(volume, card, str(choice.device))
    if not order:
        return result
    try:
        with freed_memory_kept():
            batch = _batch(volume, order[:1], card)
            runner = make_runner(
                load_network(bundle),
                card,
                choice.device,
                precision,
                batch=batch,
                labels_of=lambda p: _finished(p, batch, volume, card)[0].labels,
            )
            result._runner = runner
            done, size = 0, 1  # the one on screen comes first, alone
            with_one = watch_memory(choice.device)
            while done < len(order):
                chosen = order[done : done + size]
                if done:
                    batch = _batch(volume, chosen, card)
                parts = run_within_memory(runner, batch)
                inputs = torch.split(batch, len(parts[0]))
                finished = [
                    one
                    for part, some in zip(parts, inputs, strict=True)
                    for one in _finished(part, some, volume, card)
                ]
                for index, one in zip(chosen, finished, strict=True):
                    _store(result, index, one)
                if not done:
                    size = batch_size or _affordable(choice.device, with_one())
                size = min(size, len(parts[0])) if len(parts) > 1 else size
                done += len(chosen)
                result.seconds = time.perf_counter() - started
                yield Progress(
                    done,
                    len(order),
                    f"B-scan {done} of {len(order)}",
                    updated=tuple(chosen),
                    result=result,
                )
    finally:
        release_cached(choice.device)
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


def find_model(
    name: str, plane: Literal["bscan", "enface"]
) -> tuple[Bundle, ModelCard]:
    """The bundle called `name` and its card.

    Raises
    ------
    ModelError
        If it is unknown or broken, or takes images of the other plane.
    """
    bundle = find_bundle(name)
    card = bundle.card
    if card is None or card.input.plane != plane:
        seen, other = (
            ("en-face images", "segment_enface")
            if plane == "bscan"
            else ("B-scans", "segment")
        )
        raise ModelError(
            f"The model {name!r} is for {seen}",
            todo=f"use {other}, or choose another model",
        )
    return bundle, card


def without_padding(
    images: Tensor,
    native: tuple[int, int],
    card: ModelCard,
    axial_um: float | None = None,
) -> Tensor:
    """Images or probabilities without the rows and columns that padding added."""
    rows, columns = grid_size(native, card.input, axial_um)
    return images[..., :rows, :columns]


def _batch(volume: OCTVolume, chosen: Sequence[int], card: ModelCard) -> Tensor:
    return torch.stack([prepare_bscan(volume, i, card.input) for i in chosen])


def _finished(
    probabilities: Tensor, images: Tensor, volume: OCTVolume, card: ModelCard
) -> list[BscanResult]:
    native = (volume.depth, volume.width)
    images, probabilities = (
        without_padding(one, native, card, volume.spacing.axial)
        for one in (images, probabilities)
    )
    return finish(probabilities, native, card, blank_pixels(images))


def _empty(volume: OCTVolume, card: ModelCard, device: str) -> Segmentation:
    n_bscans, _, width = volume.shape
    boundaries = None
    if card.layers:
        names = boundary_names(card.layers)
        heights = np.full((len(names), n_bscans, width), np.nan, np.float32)
        boundaries = Boundaries(names, heights)
    labels = np.full(volume.shape, IGNORE, np.uint8)
    unsure = np.full((n_bscans, width), np.nan, np.float32)
    return Segmentation(volume, card, device, labels, boundaries, unsure)


def _store(result: Segmentation, index: int, one: BscanResult) -> None:
    result.labels[index] = one.labels
    result.uncertainty[index] = one.uncertainty
    if result.boundaries is not None and one.heights is not None:
        result.boundaries.heights[:, index] = one.heights


def _affordable(device: torch.device, bytes_each: int) -> int:
    """B-scans at once that fit into the free memory."""
    room = int(_SHARE_OF_FREE_MEMORY * free_bytes(device))
    fitting = room // bytes_each if bytes_each > 0 else _MOST_AT_ONCE[device.type]
    return max(1, min(_MOST_AT_ONCE[device.type], fitting))
