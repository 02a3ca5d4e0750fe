"""How good a network in training is on the held-out scans, on its own grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_octseg.engine.judging.confusion import count_pixels, overlap_counts
from napari_octseg.engine.metrics import Overlap
from napari_octseg.engine.postprocess import apply_steps
from napari_octseg.engine.preprocess import normalise, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from napari_octseg.engine.data.datasets import CodeTable
    from napari_octseg.engine.data.pool import Sample
    from napari_octseg.engine.data.sampling import TrainingSet
    from napari_octseg.engine.recipe import Recipe

SLIGHT = 0.01
"""Dice on what a model knew that may be lost without being called forgetting."""

_FORGETTING = 2.0


@torch.no_grad()
def held_out_overlaps(
    network: nn.Module, data: TrainingSet, recipe: Recipe, fabric: Fabric
) -> list[list[Overlap]]:
    """Pixel counts of each code of each source, pooled over its held-out scans.

    They are counted as `evaluate` counts (`engine.judging.confusion`): the class of
    each pixel against its code, without pixels that nobody labelled. What only
    `evaluate` sees is the scan's own size and the order of layers. Of several processes
    each takes its share of the scans; all get the whole.

    Returns
    -------
    One list per source of the recipe, in the order of its codes; empty for sources
    that hold nothing out.
    """
    network.eval()
    n_classes = len(recipe.classes)
    n_codes = max(len(member) for member in data.membership)
    counts = torch.zeros(len(recipe.sources), n_codes, n_classes, dtype=torch.int64)
    for sample in data.validation[fabric.global_rank :: fabric.world_size]:
        found = predicted(network, sample, recipe, fabric).numpy()
        counts[sample.source] += torch.from_numpy(
            count_pixels(found, sample.codes.numpy(), n_classes, n_codes)
        )
    if fabric.world_size > 1:
        counts = fabric.all_reduce(counts, reduce_op="sum").cpu()  # type: ignore[union-attr]
    return [
        _overlaps(table, member) if bool(table.any()) else []
        for table, member in zip(counts, data.membership, strict=True)
    ]


def dice_scores(overlaps: list[list[Overlap]], recipe: Recipe) -> dict[str, float]:
    """``dice``, the mean over the sources, and ``dice <source>`` over its codes.

    Left out are code 0 (background) and codes that nobody labelled there: one pixel of
    them would count as much as a whole class. Empty if nothing is held out. Where a
    model is fine-tuned, ground truth counts as much as all that it knew before.
    """
    scores = {}
    for source, own in zip(recipe.sources, overlaps, strict=True):
        judged = [o.dice for o in own[1:] if o.true]
        if judged:
            scores[f"dice {source.name}"] = sum(judged) / len(judged)
    if not scores:
        return {}
    mean = sum(scores.values()) / len(scores)
    graded = f"dice {recipe.sources[0].name}"
    if recipe.fine_tunes and graded in scores and len(scores) > 1:
        known = [value for name, value in scores.items() if name != graded]
        mean = (scores[graded] + sum(known) / len(known)) / 2
    return {"dice": mean, **scores}


def score_of_choice(
    scores: dict[str, float], start: dict[str, float], recipe: Recipe
) -> float:
    """The score by which the best weights are chosen: ``dice``, or less.

    Where a model is fine-tuned, what it loses of what it knew counts more than what it
    gains elsewhere, as soon as it is more than `SLIGHT`.

    Parameters
    ----------
    scores, start
        `dice_scores` now, and before the first update.
    recipe
        Of the training.
    """
    if not recipe.fine_tunes:
        return scores["dice"]
    own = f"dice {recipe.sources[0].name}"
    known = [name for name in scores if name not in ("dice", own) and name in start]
    lost = sum(start[name] - scores[name] for name in known) / max(len(known), 1)
    return scores["dice"] - _FORGETTING * max(lost - SLIGHT, 0.0)


def class_scores(
    overlaps: list[list[Overlap]], recipe: Recipe, tables: Sequence[CodeTable]
) -> dict[str, float]:
    """``dice <source> / <class>`` of each code that `dice_scores` counts.

    Parameters
    ----------
    overlaps
        As `held_out_overlaps` gives them.
    recipe, tables
        Sources, and the code table of each.
    """
    return {
        f"dice {source.name} / {name}": one.dice
        for source, own, table in zip(recipe.sources, overlaps, tables, strict=True)
        for one, name in list(zip(own, table.names, strict=False))[1:]
        if one.true
    }


def predicted(
    network: nn.Module, sample: Sample, recipe: Recipe, fabric: Fabric
) -> Tensor:
    """Class of each pixel, (H, W) uint8 on the CPU: likeliest, then post-processed."""
    depth, width = sample.codes.shape
    # The sample is prepared and resized already.
    image = padded(normalise(sample.image[None], recipe.input.intensity), recipe.input)
    image = fabric.to_device(image).to(memory_format=torch.channels_last)
    with fabric.autocast():
        logits: Tensor = network(image)[0, :, :depth, :width]
    likeliest = logits.argmax(0).to(torch.uint8).cpu()
    if not recipe.postprocess:
        return likeliest
    own = image[0, image.shape[1] // 2, :depth, :width]
    probabilities = logits.float().softmax(0)
    return torch.from_numpy(
        apply_steps(likeliest.numpy(), recipe, probabilities, own.float())
    )


def _overlaps(table: Tensor, member: Tensor) -> list[Overlap]:
    """Overlap of each code that the source has, from (n_codes, n_classes) counts."""
    found = overlap_counts(table.numpy(), member.tolist())
    n_own = int(member.any(1).sum())
    return [Overlap(*map(int, one)) for one in found[:n_own]]
