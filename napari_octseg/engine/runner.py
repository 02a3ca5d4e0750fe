"""Run a network on a device, in the precision that suits both."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["auto", "fp32", "bf16", "fp16"]


class Runner:
    """A network ready on its device: channels-last, in its working precision."""

    def __init__(
        self, network: nn.Module, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.network = network.to(device, dtype).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> Tensor:
        """Probabilities (N, n_classes, H, W) float32 of images (N, C, H, W)."""
        x = batch.to(self.device, self.dtype, memory_format=torch.channels_last)
        logits: Tensor = self.network(x)
        return logits.float().softmax(1)
