"""The adversary of the RETOUCH network: it tells drawn from computed segmentations.

Tennakoon et al., "Retinal fluid segmentation in OCT images using adversarial loss based
convolutional neural networks", ISBI 2018. Their computed side was the arg-max, which
lets no gradient through; this network takes probabilities, of which the labels of
people are the special case of 0 and 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_octseg.networks.retouch import ValidConvs, he_initialise

LEAST = (68, 30)
"""Fewest rows and columns that leave something to judge."""


class RetouchDiscriminator(nn.Module):
    """Judges an image and its segmentation together.

    Parameters
    ----------
    in_channels
        Channels of the image; an image of one channel is repeated.
    n_classes
        Classes of the segmentation.
    width
        Channels of the first convolutions; they double with each of four levels.

    Notes
    -----
    Published: 164 × 36 px, the size of `RetouchNet.valid` of 256 × 128 px.
    """

    def __init__(
        self, *, in_channels: int = 3, n_classes: int = 4, width: int = 64
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.of_image = _first_level(in_channels, width)
        self.of_classes = _first_level(n_classes, width)
        self.together = nn.Sequential(
            nn.MaxPool2d(2),
            ValidConvs(2 * width, 2 * width, 2 * width),
            nn.MaxPool2d((2, 1)),
            ValidConvs(2 * width, 4 * width, 4 * width),
            nn.MaxPool2d((2, 1)),
            ValidConvs(4 * width, 8 * width, 8 * width),
        )
        self.judge = nn.Linear(8 * width, 2)
        he_initialise(self)

    def forward(self, images: Tensor, probabilities: Tensor) -> Tensor:
        """Logits (N, 2) of computed and drawn.

        Parameters
        ----------
        images
            (N, in_channels or 1, H, W), at least `LEAST` px.
        probabilities
            (N, n_classes, H, W), 0…1.

        Raises
        ------
        ValueError
            If the images are smaller than `LEAST`.
        """
        return self.judge(self.features(images, probabilities).mean((2, 3)))  # type: ignore[no-any-return]

    def features(self, images: Tensor, probabilities: Tensor) -> Tensor:
        """What is judged, (N, 8 width, H', W'): 13 × 4 px of 164 × 36."""
        rows, columns = images.shape[-2:]
        if rows < LEAST[0] or columns < LEAST[1]:
            raise ValueError(
                f"The discriminator got {rows} × {columns} px, at least "
                f"{LEAST[0]} × {LEAST[1]} are needed; choose larger crops"
            )
        images = images.expand(-1, self.in_channels, -1, -1)
        both = [self.of_image(images), self.of_classes(probabilities)]
        found: Tensor = self.together(torch.cat(both, dim=1))
        return found


def _first_level(n_channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_channels, width, 7, padding=3),
        nn.ReLU(inplace=True),
        ValidConvs(width, width, width),
    )
