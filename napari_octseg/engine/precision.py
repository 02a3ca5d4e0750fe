"""Take half precision where it is faster and says the same as fp32."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_octseg.engine.device import fast_dtypes
from napari_octseg.engine.loaded import ready_runner
from napari_octseg.engine.runner import DTYPES, Precision, run_within_memory
from napari_octseg.engine.views import AS_IS
from napari_octseg.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.runner import Runner
    from napari_octseg.engine.views import View

logger = logging.getLogger(__name__)

LEAST_AGREEMENT = 0.999
"""Share of pixels that must get the same label in half precision as in fp32."""

_decided: dict[tuple[str, str], torch.dtype] = {}
"""What was found for (sha256 of the weights, device) since the program started."""


def make_runner(
    network: nn.Module,
    card: ModelCard,
    device: torch.device,
    precision: Precision,
    *,
    batch: Tensor,
    labels_of: Callable[[Tensor], NDArray[np.uint8]],
    views: Sequence[View] = AS_IS,
) -> Runner:
    """A runner in the wanted precision, or for ``auto`` in the one that suits.

    Half precision is taken where the device computes it faster and at least
    `LEAST_AGREEMENT` of the labels agree with fp32. This is measured on `batch` once
    for each model and device.

    Parameters
    ----------
    network, card, device
        What is to run, and where.
    precision
        ``auto``, ``fp32``, ``bf16`` or ``fp16``.
    batch
        (1, C, H, W): the image to measure on.
    labels_of
        Labels of the probabilities of `batch`, as the user will get them.
    views
        As for `Runner`.

    Raises
    ------
    DeviceError
        If `precision` is none of the four, or the device has too little memory.
    """

    def runner(dtype: torch.dtype) -> Runner:
        return ready_runner(
            network, device, dtype, tiling=card.input.tiling, views=views
        )

    if precision != "auto":
        if precision not in DTYPES:
            raise DeviceError(
                f"No precision is called {precision!r}",
                allowed=", ".join(["auto", *DTYPES]),
            )
        return runner(DTYPES[precision])
    key = (card.weights.sha256, str(device))
    if key in _decided:
        return runner(_decided[key])
    exact = runner(torch.float32)
    candidates = fast_dtypes(device)
    if not candidates:
        return exact

    def timed(runner: Runner) -> tuple[NDArray[np.uint8] | None, float]:
        started = time.perf_counter()
        probabilities = run_within_memory(runner, batch)[0]
        # Beyond the range of fp16 there are no labels to compare.
        is_finite = bool(torch.isfinite(probabilities.amax(1)).all())
        labels = labels_of(probabilities) if is_finite else None
        return labels, time.perf_counter() - started

    expected, exact_s = timed(exact)
    if expected is None:
        return exact
    # An image without anything in it agrees in any precision: it decides only itself.
    is_telling = bool((expected != expected.flat[0]).any())
    for dtype in candidates:
        half = runner(dtype)
        found, _ = timed(half)
        agreement = 0.0 if found is None else float(np.mean(found == expected))
        if agreement < LEAST_AGREEMENT:
            logger.warning(
                "%s on %s: only %.2f %% of the labels agree in %s, not using it",
                *(card.name, device, 100 * agreement, dtype),
            )
            continue
        _, half_s = timed(half)  # the first time included all preparation
        if half_s > exact_s:
            logger.info("%s on %s: %s is not faster", card.name, device, dtype)
            continue
        logger.info(
            "%s on %s: %s, %.3f %% of the labels agree with fp32",
            *(card.name, device, dtype, 100 * agreement),
        )
        if is_telling:
            _decided[key] = dtype
        return half
    if is_telling:
        _decided[key] = torch.float32
    return exact
