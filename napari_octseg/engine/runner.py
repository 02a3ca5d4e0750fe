"""Run a network on a device, in the precision that suits both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor, nn

from napari_octseg.engine.device import is_out_of_memory, release_cached
from napari_octseg.engine.overlap import predict_averaged
from napari_octseg.engine.speed.optimise import optimise
from napari_octseg.engine.tiling import predict_tiled
from napari_octseg.engine.views import AS_IS, View
from napari_octseg.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.bundles.card import Tiling

Precision = Literal["auto", "fp32", "bf16", "fp16"]

DTYPES: dict[str, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}

# px of small windows at once: one does not keep a GPU busy, and fits into the cache of
# a processor.
_PX_AT_ONCE = {"cuda": 2**19, "mps": 2**17, "cpu": 1}


class Runner:
    """A network ready on its device: rewritten, channels-last, in its precision.

    Parameters
    ----------
    network
        Float32, in evaluation mode, on the CPU; it is not changed.
    device, dtype
        Where and in which precision it computes.
    tiling
        Windows instead of whole images.
    views
        What the network looks at in turn; the probabilities are averaged.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        *,
        tiling: Tiling | None = None,
        views: Sequence[View] = AS_IS,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.tiling = tiling
        self.views = tuple(views)
        self.network = optimise(network, device, dtype)

    # A decorator, not a block in a generator: the mode must not outlive the call.
    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Tensor:
        """Class probabilities of images.

        Parameters
        ----------
        batch
            (N, C, H, W) float32, as `prepare_image` makes them.

        Returns
        -------
        (N, n_classes, H, W) float32 on the runner's device. A network with one logit
        tells foreground from background: two classes.

        Raises
        ------
        torch.OutOfMemoryError, RuntimeError
            If the batch is too large for the device; `is_out_of_memory` knows both.
        """
        first, *others = self.views
        total = self._seen(batch, first)
        for view in others:
            total = total.add_(self._seen(batch, view))
        return total.div_(len(self.views)) if others else total

    def _seen(self, batch: Tensor, view: View) -> Tensor:
        """Probabilities of the images in one view, turned back."""
        images = view.of(batch).to(self.device, memory_format=torch.channels_last)
        if self.tiling is None:
            return view.undone(self._whole(images))
        tiling = self.tiling
        if view.swaps_sides:
            # The windows are turned with the image: it may be too narrow for others.
            turned = {"size": tiling.size[::-1], "overlap": tiling.overlap[::-1]}
            tiling = tiling.model_copy(update=turned)
        if tiling.stride is None:
            return view.undone(predict_tiled(self._whole, images, tiling))
        at_once = _PX_AT_ONCE[self.device.type] // math.prod(tiling.size)
        probabilities = predict_averaged(
            self._whole,
            images,
            tiling.size,
            tiling.stride,
            at_once=max(1, at_once),
        )
        return view.undone(probabilities)

    def _whole(self, images: Tensor) -> Tensor:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            logits: Tensor = self.network(images)
        # Planes of one class are what all that follows works on.
        logits = logits.contiguous()
        if logits.shape[1] == 1:
            vessel = logits.float().sigmoid()
            return torch.cat([1 - vessel, vessel], dim=1)
        return logits.softmax(1, dtype=torch.float32)


class Predictor(Protocol):
    """Probabilities of a batch of images, on a device."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def __call__(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) → (N, n_classes, H', W')."""


def run_within_memory(runner: Predictor, batch: Tensor) -> list[Tensor]:
    """Probabilities of a batch, in as many parts as the memory of the device needs.

    Parameters
    ----------
    runner
        The network, or what is computed from it.
    batch
        (N, C, H, W) float32.

    Returns
    -------
    Parts (n, n_classes, H, W) that make up the batch in order. The batch is halved
    until its parts fit.

    Raises
    ------
    DeviceError
        If not even one image fits.
    """
    try:
        return [runner(batch)]
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if len(batch) == 1:
            rows, columns = batch.shape[-2:]
            raise DeviceError(
                f"{runner.device} has too little memory for one image of "
                f"{rows} × {columns} px",
                todo="close other programs, choose a smaller model or the device cpu",
            ) from error
    # Outside the except clause: the error holds on to the tensors of the failed try.
    release_cached(runner.device)
    half = (len(batch) + 1) // 2
    return [
        part
        for some in torch.split(batch, half)
        for part in run_within_memory(runner, some)
    ]
