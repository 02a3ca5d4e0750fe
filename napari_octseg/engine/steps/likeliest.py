"""The likeliest class of each pixel."""

from __future__ import annotations

import torch
from torch import Tensor


def most_likely(probabilities: Tensor) -> Tensor:
    """Class of the highest probability, the first of equal ones.

    Like ``argmax(1)``, which takes ten times as long on a CPU.

    Parameters
    ----------
    probabilities
        (N, n_classes, H, W).

    Returns
    -------
    (N, H, W) uint8.
    """
    highest = probabilities.amax(1)
    labels = torch.zeros_like(highest, dtype=torch.uint8)
    for k in reversed(range(probabilities.shape[1])):
        labels.masked_fill_(probabilities[:, k] == highest, k)
    return labels
