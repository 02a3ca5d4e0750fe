"""Losses that know what was not labelled.

A data set says which classes each of its codes may stand for ("any fluid" is IRF, SRF
or PED). The network's class probabilities are summed over those classes, and only then
compared with the code: what a data set does not tell apart is never punished. Every
loss takes the log-probabilities of the codes (N, n_codes, H, W), the codes (N, H, W),
code 0 being that of the background, and how much each pixel counts (N, H, W), or None
where all count alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Callable

    Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]

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


def cross_entropy(
    log_probability: Tensor,
    codes: Tensor,
    counts: Tensor | None = None,
    weight: Tensor | None = None,
) -> Tensor:
    """Mean negative log-likelihood of the labelled pixels; `IGNORE` takes no part.

    Of two classes this is the binary cross-entropy.

    Parameters
    ----------
    log_probability
        (N, n_codes, H, W).
    codes
        (N, H, W) integers, `IGNORE` where nobody labelled.
    counts
        (N, H, W) float: how much each pixel counts; None: all alike.
    weight
        (N, n_codes) by which each code of each sample counts, see `learning.frequency`.
        The sum is still divided by the number of pixels, so that a batch of frequent
        codes alone weighs little.
    """
    surprise, labelled = _surprise(log_probability, codes, counts)
    if weight is not None:
        code = torch.where(labelled, codes, 0).long().flatten(1)
        surprise = surprise * weight.to(surprise).gather(1, code).view_as(surprise)
    return surprise.sum() / _sum_of(labelled, counts).clamp_min(1)


def balanced_cross_entropy(
    log_probability: Tensor, codes: Tensor, counts: Tensor | None = None
) -> Tensor:
    """Cross-entropy in which every code of an image counts alike, however small.

    Of each image and code the mean negative log-likelihood over the code's pixels, then
    the mean over the codes that occur there, then over the images. Tennakoon et al.,
    ISBI 2018.
    """
    surprise, labelled = _surprise(log_probability, codes, counts)
    n, n_codes = log_probability.shape[:2]
    code = torch.where(labelled, codes, 0).long().flatten(1)
    nothing = surprise.new_zeros(n, n_codes)
    total = nothing.scatter_add(1, code, surprise.flatten(1))
    n_pixels = nothing.scatter_add(1, code, _counted(labelled, counts).flatten(1))
    occurs = n_pixels > 0
    mean = (total / n_pixels.clamp_min(1)).sum(1) / occurs.sum(1).clamp_min(1)
    return mean.sum() / occurs.any(1).sum().clamp_min(1)


def dice(
    log_probability: Tensor,
    codes: Tensor,
    counts: Tensor | None = None,
    *,
    smooth: float = 1.0,
) -> Tensor:
    """One minus the mean soft Dice of the codes that occur, pooled over the batch.

    Code 0 (background) is left out. Milletari et al., 3DV 2016, squared denominator.
    """
    labelled = codes != IGNORE
    n_codes = log_probability.shape[1]
    target = torch.where(labelled, codes, 0).long()
    flat = target[labelled]
    probability = log_probability.exp()
    hit = probability.gather(1, target[:, None])[:, 0][labelled]
    if counts is None:
        n_true = torch.bincount(flat, minlength=n_codes)
        sizes = probability.square() * labelled[:, None]
    else:
        own = counts[labelled]
        hit = hit * own
        n_true = own.new_zeros(n_codes).scatter_add(0, flat, own)
        sizes = probability.square() * (counts * labelled)[:, None]
    overlap = hit.new_zeros(n_codes).scatter_add(0, flat, hit)
    size = sizes.sum((0, 2, 3)) + n_true
    occurs = (n_true > 0) & (torch.arange(n_codes, device=codes.device) > 0)
    lost = 1 - (2 * overlap + smooth) / (size + smooth)
    return (lost * occurs).sum() / occurs.sum().clamp_min(1)


def foreground_dice(
    log_probability: Tensor,
    codes: Tensor,
    counts: Tensor | None = None,
    *,
    smooth: float = 1.0,
) -> Tensor:
    """One minus the soft Dice of "not background", pooled over the batch.

    Tennakoon et al., ISBI 2018, with the sign that their text means.
    """
    labelled = codes != IGNORE
    counted = _counted(labelled, counts)
    foreground = (1 - log_probability[:, 0].exp()) * counted
    is_true = codes != 0
    overlap = (foreground * is_true).sum()
    true = counted * is_true
    return 1 - (2 * overlap + smooth) / (foreground.sum() + true.sum() + smooth)


def _surprise(
    log_probability: Tensor, codes: Tensor, counts: Tensor | None
) -> tuple[Tensor, Tensor]:
    """−log p of each pixel's code, times what it counts, and where it is labelled.

    Both (N, H, W); 0 where ignored.
    """
    surprise = functional.nll_loss(
        log_probability, codes.long(), ignore_index=IGNORE, reduction="none"
    )
    return surprise if counts is None else surprise * counts, codes != IGNORE


def _counted(labelled: Tensor, counts: Tensor | None) -> Tensor:
    """How much each pixel counts, 0 where nobody labelled it."""
    return labelled.float() if counts is None else labelled * counts


def _sum_of(labelled: Tensor, counts: Tensor | None) -> Tensor:
    """Of what is counted; a number of pixels where all count alike."""
    return labelled.sum() if counts is None else (labelled * counts).sum()


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "balanced_cross_entropy": balanced_cross_entropy,
    "dice": dice,
    "foreground_dice": foreground_dice,
}
