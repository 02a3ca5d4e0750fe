"""Weights of rare and frequent classes, from the labels that are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor


@dataclass(frozen=True, eq=False)
class MedianFrequency:
    """Median-frequency weights of all that the codes of the data sets may mean.

    meanings
        (n_meanings, n_classes) bool, each another set of classes.
    weights
        (n_meanings,) median(f) / f, where f is the share of the meaning's pixels in the
        labelled pixels of the images that contain it. Eigen and Fergus, ICCV 2015.
    """

    meanings: Tensor
    weights: Tensor

    def of(self, membership: Tensor) -> Tensor:
        """Weight of each code of each sample.

        Parameters
        ----------
        membership
            (N, n_codes, n_classes) bool.

        Returns
        -------
        (N, n_codes) float32; 0 for codes that do not exist or do not occur.
        """
        meanings = self.meanings.to(membership.device)
        same = (membership[:, :, None] == meanings).all(-1)
        return same.float() @ self.weights.to(membership.device)


def median_frequency(
    labels: Iterable[tuple[Tensor, int]], membership: Sequence[Tensor]
) -> MedianFrequency:
    """Count the labels that are trained on.

    Codes of two data sets that mean the same classes are counted together.

    Parameters
    ----------
    labels
        Codes (H, W) uint8 with `IGNORE` of each image, and the number of its data set.
    membership
        Of each data set, (n_codes, n_classes) bool.
    """
    rows = torch.cat(list(membership))
    meanings, meaning_of = torch.unique(rows, dim=0, return_inverse=True)
    own = torch.zeros(len(meanings), dtype=torch.float64)  # pixels of the meaning
    around = own.clone()  # labelled pixels of the images that contain it
    starts = torch.tensor([0, *(len(m) for m in membership)]).cumsum(0)
    for codes, source in labels:
        labelled = codes[codes != IGNORE].long()
        n_pixels = torch.bincount(labelled, minlength=len(membership[source]))
        here = meaning_of[starts[source] : starts[source] + len(n_pixels)]
        own.scatter_add_(0, here, n_pixels.double())
        around.scatter_add_(0, here, (n_pixels > 0) * n_pixels.sum().double())
    occurs = own > 0
    share = own[occurs] / around[occurs]
    weights = torch.zeros(len(meanings))
    if len(share):
        weights[occurs] = (share.quantile(0.5) / share).float()
    return MedianFrequency(meanings, weights)
