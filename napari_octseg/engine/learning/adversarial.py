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

from napari_octseg.engine.learning.optimisers import make_optimiser
from napari_octseg.errors import RecipeError
from napari_octseg.labels import IGNORE
from napari_octseg.networks import build

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from napari_octseg.engine.recipe import Adversarial


class Adversary:
    """A discriminator and its optimiser.

    Its network takes images (N, C, H, W) and probabilities (N, n_classes, H, W) and
    gives logits (N, 2) of computed and drawn.

    Parameters
    ----------
    settings
        Of the recipe.
    fabric
        Of the training.
    shapes
        (N, C, H, W) of the images and (N, n_classes, H, W) of the probabilities that it
        will judge.

    Raises
    ------
    RecipeError
        If the discriminator does not take them.
    """

    def __init__(
        self,
        settings: Adversarial,
        fabric: Fabric,
        shapes: tuple[tuple[int, ...], tuple[int, ...]],
    ) -> None:
        self.weight = settings.weight
        self.fabric = fabric
        self.plain = build(settings.architecture.name, settings.architecture.arguments)
        _try(self.plain, shapes)
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
        drawn = torch.arange(len(both), device=both.device) < len(images)
        judged = _doubt(both, drawn, usable.repeat(2))
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
        told = _doubt(both[len(images) :], drawn[: len(images)], usable)
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


def _doubt(judgement: Tensor, drawn: Tensor, counted: Tensor) -> Tensor:
    """Cross-entropy of the judgement over the samples that count; 0 if none does."""
    loss = functional.cross_entropy(judgement.float(), drawn.long(), reduction="none")
    return (loss * counted).sum() / counted.sum().clamp_min(1)


@torch.no_grad()
def _try(
    discriminator: nn.Module, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    """Find out before the training whether the discriminator takes its input."""
    images, probabilities = (torch.zeros(shape) for shape in shapes)
    try:
        found = tuple(discriminator.eval()(images, probabilities).shape)
    except (RuntimeError, ValueError, TypeError) as error:
        raise RecipeError(
            f"adversarial: its network does not take images {shapes[0]} and "
            f"probabilities {shapes[1]} ({error})",
            todo="correct its arguments or the crop",
        ) from error
    if found != (shapes[0][0], 2):
        raise RecipeError(
            f"adversarial: its network gives {found} for {shapes[0][0]} images",
            allowed="two logits for each, as retouch-discriminator gives",
        )
