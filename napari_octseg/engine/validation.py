"""How good a network in training is on the held-out scans, on its own grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_octseg.engine.losses import code_logits
from napari_octseg.engine.metrics import Overlap
from napari_octseg.engine.preprocess import network_size, normalise
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from napari_octseg.engine.pool import Sample
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.engine.sampling import TrainingSet


@torch.no_grad()
def held_out_overlaps(
    network: nn.Module, data: TrainingSet, recipe: Recipe, fabric: Fabric
) -> list[list[Overlap]]:
    """Pixel counts of each code of each source, pooled over its held-out scans.

    Of several processes each takes its share of the scans; all get the whole.

    Returns
    -------
    One list per source of the recipe, in the order of its codes; empty for sources
    that hold nothing out.
    """
    network.eval()
    n_codes = [int(member.any(1).sum()) for member in data.membership]
    counts = torch.zeros(len(n_codes), max(n_codes), max(n_codes), dtype=torch.int64)
    for sample in data.validation[fabric.global_rank :: fabric.world_size]:
        member = data.membership[sample.source]
        counts[sample.source] += _confusion(
            sample.codes, _predicted(network, sample, member, recipe, fabric), counts
        )
    if fabric.world_size > 1:
        counts = fabric.all_reduce(counts, reduce_op="sum").cpu()  # type: ignore[union-attr]
    return [
        [_overlap(table, code) for code in range(n)] if bool(table.any()) else []
        for table, n in zip(counts, n_codes, strict=True)
    ]


def dice_scores(overlaps: list[list[Overlap]], recipe: Recipe) -> dict[str, float]:
    """``dice``, the mean over the sources, and ``dice <source>`` over its codes.

    Code 0 (background) is left out. Empty if nothing is held out.
    """
    scores = {
        f"dice {source.name}": sum(o.dice for o in own[1:]) / (len(own) - 1)
        for source, own in zip(recipe.sources, overlaps, strict=True)
        if len(own) > 1
    }
    if not scores:
        return {}
    return {"dice": sum(scores.values()) / len(scores), **scores}


def _predicted(
    network: nn.Module,
    sample: Sample,
    membership: Tensor,
    recipe: Recipe,
    fabric: Fabric,
) -> Tensor:
    """Likeliest code of each pixel, (H, W) on the CPU."""
    depth, width = sample.codes.shape
    rows, columns = network_size((depth, width), recipe.input)
    image = normalise(sample.image[None], recipe.input.intensity)
    image = functional.pad(
        image, (0, columns - width, 0, rows - depth), mode="replicate"
    )
    image = fabric.to_device(image).to(memory_format=torch.channels_last)
    with fabric.autocast():
        logits = network(image)[..., :depth, :width]
    member = membership[None].to(logits.device)
    return code_logits(logits, member).argmax(1)[0].cpu()


def _confusion(codes: Tensor, predicted: Tensor, like: Tensor) -> Tensor:
    """(n_codes, n_codes) pixel counts: rows are true, columns predicted codes."""
    n = like.shape[-1]
    labelled = codes != IGNORE
    pairs = codes[labelled].long() * n + predicted[labelled]
    return torch.bincount(pairs, minlength=n * n).view(n, n)


def _overlap(table: Tensor, code: int) -> Overlap:
    return Overlap(
        int(table[code, code]), int(table[:, code].sum()), int(table[code].sum())
    )
