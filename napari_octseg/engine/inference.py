"""Segment a volume with a bundled model, B-scan by B-scan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_octseg.boundaries import Boundaries, boundary_names
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.batching import affordable, outward
from napari_octseg.engine.device import choose_device, release_cached, watch_memory
from napari_octseg.engine.ensemble import Ensemble, find_models, load_ensemble
from napari_octseg.engine.memory import freed_memory_kept
from napari_octseg.engine.postprocess import BscanResult, blank_pixels, finish
from napari_octseg.engine.preprocess import prepare_bscan, resize
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.errors import ModelError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.runner import Precision
    from napari_octseg.engine.vessel_map import VesselMap
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
    others
        Cards of further models whose probabilities were averaged with those of `model`.
    """

    volume: OCTVolume
    model: ModelCard
    device: str
    labels: NDArray[np.uint8]
    boundaries: Boundaries | None
    uncertainty: NDArray[np.float32]
    seconds: float = 0.0
    others: tuple[ModelCard, ...] = ()
    _ensemble: Ensemble | None = field(default=None, repr=False)

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
        if self._ensemble is None:
            raise ModelError("This segmentation holds no network any more")
        outward(self.volume.n_bscans, [index], index)
        batches = _batches(self.volume, [index], (self.model, *self.others))
        (probabilities,) = self._ensemble(batches)
        native = (self.volume.depth, self.volume.width)
        values: NDArray[np.float32] = resize(probabilities, native)[0].cpu().numpy()
        return values


def segment(
    volume: OCTVolume, model: str | Sequence[str], **options: Any
) -> Segmentation | VesselMap:
    """Segment a volume.

    Parameters
    ----------
    volume
        The scan.
    model
        Name or folder of a bundle, or several of one label set. A model for en-face
        images gives a vessel map of the whole volume: layers first, then a projection,
        then vessels.
    **options
        Those of `iter_segment`, or of `iter_vessel_map` for an en-face model.
    """
    first = model if isinstance(model, str) else next(iter(model), "")
    card = find_bundle(first).card if first else None
    if card is not None and card.input.plane == "enface":
        from napari_octseg.engine.vessel_map import vessel_map

        return vessel_map(volume, model, **options)
    return outcome(iter_segment(volume, model, **options))


def iter_segment(
    volume: OCTVolume,
    model: str | Sequence[str],
    *,
    device: str = "auto",
    bscans: Sequence[int] | None = None,
    first: int = 0,
    precision: Precision = "auto",
    batch_size: int | None = None,
    flips: bool = False,
) -> Generator[Progress, None, Segmentation]:
    """Segment a volume, yielding after each batch of B-scans.

    Parameters
    ----------
    volume
        The scan; only the B-scans of one batch are in memory at a time.
    model
        Name or folder of a bundle. Several of one label set are averaged: the mean of
        their probabilities at the size of the scan gives labels, boundaries and
        uncertainty, with the post-processing of the first.
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
    flips
        Average with the probabilities of each B-scan mirrored left to right, which
        takes twice the time.

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
        If a model is unknown, broken, or one for en-face images, or if models have
        different classes or layers.
    VolumeError
        If `bscans` or `first` are not B-scans of the volume.
    DeviceError
        If the device is unknown or has too little memory for one B-scan.
    """
    started = time.perf_counter()
    order = outward(volume.n_bscans, bscans, first)
    chosen_models = find_models(model, "bscan")
    cards = tuple(one.card for one in chosen_models)
    choice = choose_device(device)
    titles = " and ".join(card.title for card in cards)
    yield Progress(0, len(order), f"loading {titles}, {choice.message}")
    result = _empty(volume, cards, str(choice.device))
    if not order:
        return result
    native = (volume.depth, volume.width)
    try:
        with freed_memory_kept():
            batches = _batches(volume, order[:1], cards)
            ensemble = load_ensemble(
                chosen_models,
                batches,
                native,
                choice.device,
                precision,
                axial_um=volume.spacing.axial,
                flips=flips,
                labels_of=lambda p, image, card: (
                    _finished(p, image, native, card)[0].labels
                ),
            )
            result._ensemble = ensemble
            done, size = 0, 1  # the one on screen comes first, alone
            with_one = watch_memory(choice.device)
            while done < len(order):
                chosen = order[done : done + size]
                if done:
                    batches = _batches(volume, chosen, cards)
                parts = ensemble(batches)
                images = ensemble.members[0].cropped(batches[0])
                inputs = torch.split(images, [len(part) for part in parts])
                finished = [
                    one
                    for part, some in zip(parts, inputs, strict=True)
                    for one in _finished(part, some, native, cards[0])
                ]
                for index, one in zip(chosen, finished, strict=True):
                    _store(result, index, one)
                if not done:
                    size = batch_size or affordable(choice.device, with_one())
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


def _batches(
    volume: OCTVolume, chosen: Sequence[int], cards: Sequence[ModelCard]
) -> list[Tensor]:
    """The B-scans as the network of each card wants them."""
    return [
        torch.stack([prepare_bscan(volume, i, card.input) for i in chosen])
        for card in cards
    ]


def _finished(
    probabilities: Tensor, images: Tensor, native: tuple[int, int], card: ModelCard
) -> list[BscanResult]:
    """Labels of B-scans; both images (of the first model) and answers unpadded."""
    blank = blank_pixels(images)
    size = (probabilities.shape[-2], probabilities.shape[-1])
    if blank.shape[1:] != size:
        # Several models answer on the grid of the scan.
        share = torch.from_numpy(blank).float()[:, None]
        blank = (resize(share, size)[:, 0] > 0.5).numpy()
    return finish(probabilities, native, card, blank, images)


def _empty(
    volume: OCTVolume, cards: tuple[ModelCard, ...], device: str
) -> Segmentation:
    card, *others = cards
    n_bscans, _, width = volume.shape
    boundaries = None
    if card.layers:
        names = boundary_names(card.layers)
        heights = np.full((len(names), n_bscans, width), np.nan, np.float32)
        boundaries = Boundaries(names, heights)
    labels = np.full(volume.shape, IGNORE, np.uint8)
    unsure = np.full((n_bscans, width), np.nan, np.float32)
    return Segmentation(
        volume, card, device, labels, boundaries, unsure, others=tuple(others)
    )


def _store(result: Segmentation, index: int, one: BscanResult) -> None:
    result.labels[index] = one.labels
    result.uncertainty[index] = one.uncertainty
    if result.boundaries is not None and one.heights is not None:
        result.boundaries.heights[:, index] = one.heights
