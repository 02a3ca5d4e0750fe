"""Losses that know what was not labelled.

A data set says which classes each of its codes may stand for ("any fluid" is IRF, SRF
or PED). The network's class probabilities are summed over those classes, and only then
compared with the code: what a data set does not tell apart is never punished.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_octseg.labels import IGNORE

_LEAST = 1e-7
"""Smallest probability whose logarithm is taken."""


def code_logits(logits: Tensor, membership: Tensor) -> Tensor:
    """Log-probability of each code, from the logits of the classes.

    Parameters
    ----------
    logits
        (N, n_classes, H, W).
    membership
        (N, n_codes, n_classes) bool: which classes each code of the sample's data set
        may stand for. Codes that do not exist there have no class.

    Returns
    -------
    (N, n_codes, H, W) log-probabilities, at least log 1e-7.
    """
    probability = logits.float().softmax(1)
    # One matrix product per pixel: no copy of the logits for every code.
    codes = torch.einsum("nkc,nchw->nkhw", membership.to(probability), probability)
    return torch.log(codes + _LEAST)


def cross_entropy(log_probability: Tensor, codes: Tensor) -> Tensor:
    """Mean negative log-likelihood of the codes; `IGNORE` takes no part.

    Parameters
    ----------
    log_probability
        (N, n_codes, H, W).
    codes
        (N, H, W) integers, `IGNORE` where nobody labelled.
    """
    counted = codes != IGNORE
    total = functional.nll_loss(
        log_probability, codes.long(), ignore_index=IGNORE, reduction="sum"
    )
    return total / counted.sum().clamp_min(1)


def dice_loss(log_probability: Tensor, codes: Tensor, *, smooth: float = 1.0) -> Tensor:
    """One minus the mean soft Dice of the codes that occur, pooled over the batch.

    Code 0 (background) is left out. Milletari et al., 3DV 2016, squared denominator.
    """
    counted = codes != IGNORE
    n_codes = log_probability.shape[1]
    target = torch.where(counted, codes, 0).long()
    flat = target[counted]
    probability = log_probability.exp()
    hit = probability.gather(1, target[:, None])[:, 0][counted]
    overlap = hit.new_zeros(n_codes).scatter_add(0, flat, hit)
    n_true = torch.bincount(flat, minlength=n_codes)
    size = (probability.square() * counted[:, None]).sum((0, 2, 3)) + n_true
    dice = (2 * overlap + smooth) / (size + smooth)
    occurs = n_true > 0
    occurs[0] = False
    if not bool(occurs.any()):
        return dice.sum() * 0
    return 1 - dice[occurs].mean()


def dice_cross_entropy(
    logits: Tensor,
    codes: Tensor,
    membership: Tensor,
    *,
    dice_weight: float = 0.7,
    entropy_weight: float = 0.3,
) -> Tensor:
    """Weighted sum of soft Dice and cross-entropy (0.7 / 0.3, as the Duke U-Net).

    The Dice of each data set in the batch is taken on its own, because code 3 of one
    set is not code 3 of another.

    Parameters
    ----------
    logits
        (N, n_classes, H, W).
    codes
        (N, H, W) uint8 codes of each sample's own data set.
    membership
        (N, n_codes, n_classes) bool, see `code_logits`.
    """
    log_probability = code_logits(logits, membership)
    loss = entropy_weight * cross_entropy(log_probability, codes)
    if dice_weight:
        kinds = torch.unique(membership.flatten(1), dim=0)
        for kind in kinds:
            same = (membership.flatten(1) == kind).all(1)
            share = same.sum() / len(same)
            loss = loss + dice_weight * share * dice_loss(
                log_probability[same], codes[same]
            )
    return loss
