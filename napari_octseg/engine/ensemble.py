"""One model, or several of one label set whose probabilities are averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.loaded import loaded_network
from napari_octseg.engine.precision import make_runner
from napari_octseg.engine.preprocess import grid_size, resize
from napari_octseg.engine.runner import Precision, Runner, run_within_memory
from napari_octseg.engine.views import views_for
from napari_octseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.registry import Bundle

Plane = Literal["bscan", "enface"]


@dataclass(frozen=True)
class Chosen:
    """A bundle that can be used, and its card."""

    bundle: Bundle
    card: ModelCard


@dataclass(frozen=True, eq=False)
class Member:
    """A network of an ensemble, and how much of its output is image.

    `grid` is (rows, columns) without padding; `size` the common grid of the ensemble,
    or None to keep the network's own.
    """

    card: ModelCard
    runner: Runner
    grid: tuple[int, int]
    size: tuple[int, int] | None

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.runner.device

    # Resizing what came out of inference mode belongs into it too.
    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Tensor:
        """Inputs (N, C, H, W) → probabilities (N, n_classes, rows, columns)."""
        image = self.cropped(self.runner(batch))
        return image if self.size is None else resize(image, self.size)

    def cropped(self, images: Tensor) -> Tensor:
        """Inputs or outputs of the network, without the padding."""
        return images[..., : self.grid[0], : self.grid[1]]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks that vote by their mean probability.

    One network alone answers on its own grid; several on the grid of the image, where
    their answers are resized to before they are averaged.
    """

    members: tuple[Member, ...]

    @torch.inference_mode()
    def __call__(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Mean probabilities of a batch of images.

        Parameters
        ----------
        batches
            For each member the same images, (N, C, H, W), prepared as its card says.

        Returns
        -------
        Parts (n, n_classes, rows, columns) float32 that make up the batch in order, as
        many as the memory of the device needs.

        Raises
        ------
        DeviceError
            If not even one image fits.
        """
        first, *others = self.members
        parts = run_within_memory(first, batches[0])
        sizes = [len(part) for part in parts]
        for member, batch in zip(others, batches[1:], strict=True):
            for part, some in zip(parts, torch.split(batch, sizes), strict=True):
                more = run_within_memory(member, some)
                for total, one in zip(
                    torch.split(part, [len(one) for one in more]), more, strict=True
                ):
                    total += one
        if others:
            for part in parts:
                part /= len(self.members)
        return parts


def find_models(names: str | Sequence[str], plane: Plane) -> list[Chosen]:
    """The models of these names, if they can be averaged.

    Parameters
    ----------
    names
        Name or folder of a bundle, or several.
    plane
        What the images are.

    Raises
    ------
    ModelError
        If none is given, or one twice; if one is unknown or broken, takes images of the
        other plane, or has other classes or layers than the first.
    """
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise ModelError("No model was given", allowed="one name, or several")
    chosen = [_find(name, plane) for name in wanted]
    first = chosen[0].card
    for place, other in enumerate(chosen[1:], 1):
        if other.card.weights.sha256 in [c.card.weights.sha256 for c in chosen[:place]]:
            raise ModelError(
                f"The model {wanted[place]!r} was given twice",
                todo="give each model once; averaging it with itself changes nothing",
            )
        for what, ours, theirs in (
            ("classes", first.label_set.names, other.card.label_set.names),
            ("layers", first.layers, other.card.layers),
        ):
            if ours != theirs:
                raise ModelError(
                    f"{wanted[0]!r} and {wanted[place]!r} cannot be averaged: their "
                    f"{what} differ ({', '.join(ours) or 'none'}; "
                    f"{', '.join(theirs) or 'none'})",
                    allowed=f"models with the same {what} in the same order",
                    todo="segment with each model on its own",
                )
    return chosen


def load_ensemble(
    chosen: Sequence[Chosen],
    batches: Sequence[Tensor],
    native: tuple[int, int],
    device: torch.device,
    precision: Precision,
    *,
    axial_um: float | None = None,
    flips: bool = False,
    labels_of: Callable[[Tensor, Tensor, ModelCard], NDArray[np.uint8]],
) -> Ensemble:
    """Load the networks of models onto a device.

    Parameters
    ----------
    chosen
        From `find_models`.
    batches
        For each model one image (1, C, H, W), prepared: what half precision is judged
        by.
    native
        (rows, columns) of the image.
    device, precision
        As for `make_runner`.
    axial_um
        Axial spacing of the image, None if unknown.
    flips
        Whether to average over all fair views of the image (`views_for`).
    labels_of
        Labels of (probabilities of one image, its prepared image, card), both without
        padding, as the user will get them.

    Raises
    ------
    ModelError
        If weights are damaged or do not fit their card.
    DeviceError
        If `precision` is unknown, or the device has too little memory.
    """
    members = []
    for one, batch in zip(chosen, batches, strict=True):
        card = one.card
        grid = grid_size(native, card.input, axial_um)

        def labels(
            probabilities: Tensor,
            card: ModelCard = card,
            batch: Tensor = batch,
            area: tuple[slice, slice] = (slice(grid[0]), slice(grid[1])),
        ) -> NDArray[np.uint8]:
            return labels_of(probabilities[..., *area], batch[..., *area], card)

        runner = make_runner(
            loaded_network(one.bundle),
            card,
            device,
            precision,
            batch=batch,
            labels_of=labels,
            views=views_for(card.input.plane, flips=flips),
        )
        size = native if len(chosen) > 1 else None
        members.append(Member(card, runner, grid, size))
    return Ensemble(tuple(members))


def _find(name: str, plane: Plane) -> Chosen:
    bundle = find_bundle(name)
    card = bundle.card
    if card is None or card.input.plane != plane:
        seen, other = (
            (
                "en-face images",
                "choose models of one kind; in Python iter_vessel_map takes a volume, "
                "segment_enface an image",
            )
            if plane == "bscan"
            else ("B-scans", "choose models of one kind; in Python use segment")
        )
        raise ModelError(
            f"The model {name!r} is for {seen}",
            todo=f"{other}, or choose another model",
        )
    return Chosen(bundle, card)
