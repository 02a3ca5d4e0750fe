"""Adversarial training: a second network judges whether labels look drawn by people.

Tennakoon et al., "Retinal fluid segmentation in OCT images using adversarial loss based
convolutional neural networks", ISBI 2018. The segmentation enters as probabilities, so
that the judgement has a gradient; the segmenting network is pushed to be taken for real
and never to help the discriminator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.func import functional_call
from torch.nn import functional

from napari_octseg.engine.optimisers import make_optimiser
from napari_octseg.labels import IGNORE
from napari_octseg.networks import build

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor

    from napari_octseg.engine.recipe import Adversarial


class Adversary:
    """A discriminator and its optimiser.

    Its network takes images (N, C, H, W) and probabilities (N, n_classes, H, W) and
    gives one logit of "real" (N, 1), or the logits of fake and real (N, 2).

    Parameters
    ----------
    settings
        Of the recipe.
    fabric
        Of the training.
    """

    def __init__(self, settings: Adversarial, fabric: Fabric) -> None:
        self.weight = settings.weight
        self.fabric = fabric
        self.plain = build(settings.architecture.name, settings.architecture.arguments)
        optimiser = make_optimiser(
            "adam",
            self.plain.parameters(),
            learning_rate=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=0.0,
        )
        self.discriminator, self.optimiser = fabric.setup(self.plain, optimiser)

    def __call__(
        self, images: Tensor, logits: Tensor, codes: Tensor, membership: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Teach the discriminator one batch, then ask it about the segmentation.

        Only samples whose codes are one class each have a truth that can be shown as
        real. Pixels that nobody labelled show the segmentation on both sides.

        Parameters
        ----------
        images
            (N, C, H, W) as the network got them.
        logits
            (N, n_classes, H, W) of the network.
        codes, membership
            As for `code_logits`.

        Returns
        -------
        Weighted loss of the segmenting network, with gradient; loss of the
        discriminator, without.
        """
        membership = membership.to(codes.device)
        usable = (membership.sum(2) <= 1).all(1).float()
        fake = logits.float().softmax(1)
        real = one_hot_truth(fake.detach(), codes, membership)
        self.discriminator.train()
        with self.fabric.autocast():
            # One pass for both, so that batch norm takes real and fake alike.
            both = self.discriminator(
                torch.cat([images, images]), torch.cat([real, fake.detach()])
            )
        is_real = torch.cat([torch.ones_like(usable), torch.zeros_like(usable)])
        judged = _doubt(_real_logit(both), is_real, usable.repeat(2))
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(judged)
        self.optimiser.step()
        # Its weights enter detached: they get no gradient from the other side.
        weights = {name: p.detach() for name, p in self.plain.named_parameters()}
        with self.fabric.autocast():
            both = functional_call(
                self.plain,
                weights,
                (torch.cat([images, images]), torch.cat([real, fake])),
            )
        opinion = _real_logit(both)[len(images) :]
        told = _doubt(opinion, torch.ones_like(usable), usable)
        return self.weight * told, judged.detach()

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on."""
        return {
            "discriminator": self.plain.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a `state_dict` was taken."""
        self.plain.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])


def one_hot_truth(probability: Tensor, codes: Tensor, membership: Tensor) -> Tensor:
    """1 for the labelled class, 0 for the others, `probability` where none is labelled.

    Parameters
    ----------
    probability
        (N, n_classes, H, W).
    codes
        (N, H, W) with `IGNORE`.
    membership
        (N, n_codes, n_classes) bool; of a code of several classes the first counts.
    """
    n_classes = probability.shape[1]
    labelled = codes != IGNORE
    class_of = membership.float().argmax(2)  # (N, n_codes)
    code = torch.where(labelled, codes, 0).long().flatten(1)
    truth = class_of.gather(1, code).view_as(codes)
    hot = functional.one_hot(truth, n_classes).movedim(-1, 1).to(probability)
    return torch.where(labelled[:, None], hot, probability)


def _real_logit(judgement: Tensor) -> Tensor:
    """Logit of "real" (N,), of one or two logits."""
    judgement = judgement.float()
    if judgement.shape[1] == 1:
        return judgement[:, 0]
    return judgement[:, 1] - judgement[:, 0]  # softmax of two is a sigmoid of these


def _doubt(logit: Tensor, real: Tensor, counted: Tensor) -> Tensor:
    """Binary cross-entropy over the samples that count; 0 if none does."""
    loss = functional.binary_cross_entropy_with_logits(logit, real, reduction="none")
    return (loss * counted).sum() / counted.sum().clamp_min(1)
