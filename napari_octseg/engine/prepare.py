"""Steps between a B-scan as shown and the input of a network (`input.prepare`).

They run at the scan's own size, before resizing and intensity normalisation, and the
same way in training and inference: both call `apply_prepare`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_octseg.engine.steps.binding import bind
from napari_octseg.engine.steps.prepare_steps import PREPARE, PrepareStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_octseg.bundles.card import Input, Step
    from napari_octseg.volume import OCTVolume

_KIND = "preparation step"


def n_around(spec: Input) -> int:
    """B-scans on each side of one that its preparation needs."""
    return spec.n_neighbours + sum(_known(step).margin for step in spec.prepare)


def prepared_rows(native_rows: int, spec: Input, axial_um: float | None = None) -> int:
    """Rows of a B-scan of `native_rows` after the steps of `spec`.

    Parameters
    ----------
    native_rows
        Depth of the scan, px.
    spec
        The card's input section.
    axial_um
        Its axial spacing, None if unknown.
    """
    rows = native_rows
    for step in spec.prepare:
        function = _known(step).rows
        if function is not None:
            rows = function(rows, axial_um, **step.arguments)
    return rows


def apply_prepare(
    image: Tensor, spec: Input, volume: OCTVolume | None = None
) -> Tensor:
    """The prepared B-scan with its neighbours, in 0…1, before resize and intensity.

    Parameters
    ----------
    image
        (C, H, W) float32 in 0…1, as shown: the B-scan in the middle, its neighbours on
        both sides in order. Where there are fewer than ``1 + 2 * n_around(spec)`` the
        outer ones are repeated, where there are more they are left out.
    spec
        The card's input section.
    volume
        The scan that the B-scan is from: some steps look at its spacing or at its grey
        values as a whole. None: a picture alone.

    Returns
    -------
    (1 + 2 * n_neighbours, H', W) float32; H' is ``prepared_rows(H, …)``. Labels that
    belong to it are to be resized to its shape.

    Raises
    ------
    ModelError
        If the card names a step that does not exist, or arguments it does not take.
    """
    image = _channels(image, n_around(spec))
    for step in spec.prepare:
        image = bind(_functions(), step, _KIND)(image, volume)
    return image


def shown_bscan(volume: OCTVolume, index: int, spec: Input) -> Tensor:
    """One B-scan of a volume with its neighbours, after the steps of `spec`.

    Only the B-scans it needs are loaded. Beyond the ends of the volume the last one is
    repeated.

    Returns
    -------
    (1 + 2 * n_neighbours, H', W) float32 in 0…1, as `apply_prepare` gives it.
    """
    around = n_around(spec)
    reach = range(index - around, index + around + 1)
    chosen = [min(max(i, 0), volume.n_bscans - 1) for i in reach]
    shown = {i: volume.bscan_as_shown(i) for i in set(chosen)}
    stack = np.stack([shown[i] for i in chosen])
    return apply_prepare(torch.from_numpy(stack), spec, volume)


def _channels(image: Tensor, around: int) -> Tensor:
    """The middle channel and `around` on each side, the outer ones repeated."""
    middle, last = image.shape[0] // 2, image.shape[0] - 1
    wanted = range(middle - around, middle + around + 1)
    return image[[min(max(i, 0), last) for i in wanted]]


def _known(step: Step) -> PrepareStep:
    bind(_functions(), step, _KIND)
    return PREPARE[step.name]


def _functions() -> dict[str, Callable[..., Tensor]]:
    return {name: step.function for name, step in PREPARE.items()}
