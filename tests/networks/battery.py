"""What every architecture must stand, whatever it is made of.

A new one gets a line in `SMALL`; `test_battery.py` does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from napari_octseg.networks import build


@dataclass(frozen=True)
class Case:
    """A small network of an architecture, and what it makes of an image.

    `size` is the smallest (rows, columns) that is of interest.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    in_channels: int = 1
    n_classes: int = 3
    size: tuple[int, int] = (32, 48)

    def network(self) -> nn.Module:
        """With random weights and statistics as if it had been trained for a while."""
        torch.manual_seed(0)
        network = build(self.name, self.arguments)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
        return network.eval()

    def images(
        self, n_images: int = 2, *, enlarged: tuple[int, int] = (0, 0)
    ) -> Tensor:
        """Noise (n_images, in_channels, H, W) in 0…1."""
        torch.manual_seed(1)
        rows, columns = (a + b for a, b in zip(self.size, enlarged, strict=True))
        return torch.rand(n_images, self.in_channels, rows, columns)


SMALL: dict[str, Case] = {
    "U-Net": Case("unet", {"n_classes": 3, "widths": [4, 8, 16]}),
    "U-Net with dropout": Case(
        "unet",
        {"n_classes": 3, "widths": [4, 8], "dropout": [0.1, 0.2, 0.1], "norm": False},
    ),
    "U-Net++": Case(
        "unet", {"n_classes": 3, "widths": [4, 8, 16], "decoder": "nested"}
    ),
    "attention U-Net": Case(
        "unet", {"n_classes": 3, "widths": [4, 8, 16], "decoder": "attention"}
    ),
    "RASP-Net": Case("raspnet", {"n_classes": 3, "width": 4}, in_channels=3),
    "RETOUCH": Case("retouch", {"n_classes": 3, "width": 4}, in_channels=3),
    "RETOUCH at half size": Case(
        "retouch", {"n_classes": 3, "width": 4, "reduce": 2}, in_channels=3
    ),
    "IterNet": Case("iternet", {"width": 4, "n_minis": 2}, n_classes=2),
}
"""Small networks of all architectures that segment."""

NOT_SEGMENTING = {"retouch-discriminator"}
"""These judge a segmentation; their own tests know how."""


def padded(images: Tensor, divisor: int) -> Tensor:
    """Images with rows and columns added until the network takes them."""
    rows, columns = (-size % divisor for size in images.shape[-2:])
    return nn.functional.pad(images, (0, columns, 0, rows), mode="replicate")
