"""What a training minimises: the weighted sum of the losses that its recipe names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_octseg.engine.learning.frequency import median_frequency
from napari_octseg.engine.losses import LOSSES, code_logits, cross_entropy, dice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MEDIAN_FREQUENCY = "median_frequency"
LOSS_NAMES = (*LOSSES, MEDIAN_FREQUENCY)
"""What a recipe may name; ``median_frequency`` is the cross-entropy weighted so."""


class Criterion:
    """The weighted sum of losses, as a mean over all outputs of a network.

    Parameters
    ----------
    weights
        Weight of each loss by name.
    labels
        Labels that are trained on, as for `median_frequency`, which alone needs them.
    membership
        Of each data set, (n_codes, n_classes) bool.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        labels: Iterable[tuple[Tensor, int]],
        membership: Sequence[Tensor],
    ) -> None:
        self.weights = {name: weight for name, weight in weights.items() if weight}
        self.frequency = (
            median_frequency(labels, membership)
            if MEDIAN_FREQUENCY in self.weights
            else None
        )

    def __call__(
        self,
        outputs: Sequence[Tensor],
        codes: Tensor,
        membership: Tensor,
        counts: Tensor | None = None,
    ) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        outputs
            Logits (N, n_classes, H, W); all supervised outputs count alike.
        codes
            (N, H, W) uint8 codes of each sample's own data set, with `IGNORE`.
        membership
            (N, n_codes, n_classes) bool, see `code_logits`; on the CPU.
        counts
            (N, H, W) float32: how much each pixel counts; None: all alike.
        """
        losses = [self._one(o, codes, membership, counts) for o in outputs]
        return torch.stack(losses).mean()

    def _one(
        self, logits: Tensor, codes: Tensor, membership: Tensor, counts: Tensor | None
    ) -> Tensor:
        log_probability = code_logits(logits, membership.to(logits.device))
        total = logits.new_zeros((), dtype=torch.float32)
        for name, weight in self.weights.items():
            if self.frequency is not None and name == MEDIAN_FREQUENCY:
                rarity = self.frequency.of(membership)
                loss = cross_entropy(log_probability, codes, counts, rarity)
            elif LOSSES[name] is dice:
                loss = _dice_of_each(log_probability, codes, membership, counts)
            else:
                loss = LOSSES[name](log_probability, codes, counts)
            total = total + weight * loss
        return total


def _dice_of_each(
    log_probability: Tensor, codes: Tensor, membership: Tensor, counts: Tensor | None
) -> Tensor:
    """Dice of each data set in the batch, weighted by its share of the samples.

    Code 3 of one data set is not code 3 of another, so they cannot be pooled.
    """
    kinds, kind_of = torch.unique(membership.flatten(1), dim=0, return_inverse=True)
    total = log_probability.new_zeros(())
    for kind in range(len(kinds)):
        same = kind_of == kind
        share = float(same.sum()) / len(same)
        own = None if counts is None else counts[same]
        total = total + share * dice(log_probability[same], codes[same], own)
    return total
