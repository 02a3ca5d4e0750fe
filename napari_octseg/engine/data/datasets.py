"""Training data of a recipe: labelled scans from folders, and phantoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_octseg.engine.data.graded_source import read_graded
from napari_octseg.engine.data.labelled_images import read_labelled
from napari_octseg.engine.data.phantom_source import make_labelled
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.prepare import shown_bscan
from napari_octseg.engine.preprocess import resize
from napari_octseg.labels import IGNORE, remap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import Input
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.volume import OCTVolume


@dataclass(frozen=True, eq=False)
class LabelledBscan:
    """One B-scan or en-face image with labels in the numbered codes of its source.

    name, patient
        Which it is, and whose.
    source
        Its data set.
    volume, index
        The volume it is from, and which of its B-scans it is; a picture alone is a
        volume of one.
    codes
        (depth, width) uint8 as `code_table` numbers them, `IGNORE` where nobody
        labelled.
    held_out
        Whether it is kept from training.
    weights
        (width,) float32: how much each column counts; None if all count alike.
    """

    name: str
    patient: str
    source: Source
    volume: OCTVolume
    index: int
    codes: NDArray[np.uint8]
    held_out: bool
    weights: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class CodeTable:
    """Codes of one source, numbered 0, 1, 2, … by what they stand for.

    `mapping` takes the source's codes to these numbers; `membership` is
    (n_codes, n_classes) bool; `names` are for tables of figures.
    """

    mapping: dict[int, int]
    membership: tuple[tuple[bool, ...], ...]
    names: tuple[str, ...]


def code_table(source: Source, classes: Sequence[str]) -> CodeTable:
    """Number the codes of `source`; codes with the same classes become one.

    Number 0 is that of the background also where the source does not label it: losses
    and figures leave number 0 out, and must not leave out another class.
    """
    groups: list[frozenset[str]] = []
    mapping = {}
    for code, names in sorted(source.codes.items()):
        group = frozenset(names)
        if group not in groups:
            groups.append(group)
        mapping[code] = groups.index(group)
    if not any(classes[0] in group for group in groups):
        groups.append(frozenset(classes[:1]))
    # In the order of the classes: the background first, then top to bottom.
    place = {name: index for index, name in enumerate(classes)}
    order = sorted(range(len(groups)), key=lambda g: min(place[n] for n in groups[g]))
    rank = {old: new for new, old in enumerate(order)}
    ordered = [groups[old] for old in order]
    return CodeTable(
        {code: rank[group] for code, group in mapping.items()},
        tuple(tuple(name in group for name in classes) for group in ordered),
        tuple("+".join(n for n in classes if n in group) for group in ordered),
    )


def membership_of(table: CodeTable, n_codes: int) -> Tensor:
    """(n_codes, n_classes) bool; rows of codes that the source lacks are all False."""
    rows = torch.tensor(table.membership)
    return functional.pad(rows, (0, 0, 0, n_codes - len(rows)))


def load_source(
    source: Source, root: Path, recipe: Recipe, *, only_held_out: bool = False
) -> list[LabelledBscan]:
    """All labelled scans of a source, or the held-out ones, in natural order.

    Raises
    ------
    RecipeError
        If the folder has no images, a label image is missing or of another size, or the
        split contradicts itself (`list_source`).
    """
    table = code_table(source, recipe.classes)
    entries = list_source(source, root)
    if source.kind == "phantom":
        scans = make_labelled(
            source,
            entries,
            recipe.seed,
            recipe.input,
            only_held_out=only_held_out,
        )
    elif source.kind == "ground truth":
        scans = read_graded(
            source, entries, root, recipe.input, only_held_out=only_held_out
        )
    else:
        scans = read_labelled(source, entries, root / source.folder)
    return [
        LabelledBscan(
            scan.name,
            scan.entry.patient,
            source,
            scan.volume,
            scan.index,
            np.where(scan.hidden, IGNORE, remap(scan.labels, table.mapping)),
            scan.entry.held_out,
            scan.weights,
        )
        for scan in scans
        if scan.entry.held_out or not only_held_out
    ]


def image_on_grid(volume: OCTVolume, index: int, spec: Input) -> Tensor:
    """A scan at the network's input size, (1 + 2 * n_neighbours, H, W) in 0…1."""
    image = shown_bscan(volume, index, spec)
    return image if spec.size is None else resize(image[None], spec.size)[0]


def on_network_grid(bscan: LabelledBscan, spec: Input) -> tuple[Tensor, Tensor]:
    """Image and codes at the network's input size, before intensity normalisation.

    Parameters
    ----------
    bscan
        The labelled scan.
    spec
        Input section of the recipe: its steps are run as inference runs them.

    Returns
    -------
    image
        (1 + 2 * n_neighbours, H, W) float32 in 0…1.
    codes
        (H, W) uint8.
    """
    image = image_on_grid(bscan.volume, bscan.index, spec)
    codes = torch.from_numpy(bscan.codes)
    size = (image.shape[-2], image.shape[-1])
    if tuple(codes.shape) == size:
        return image, codes
    # Plain nearest would shift thin layers by half a row.
    moved = functional.interpolate(
        codes[None, None].float(), size=size, mode="nearest-exact"
    )
    return image, moved[0, 0].to(torch.uint8)


def weights_on_grid(bscan: LabelledBscan, width: int) -> Tensor | None:
    """How much each column counts at the network's input size, (width,) float32."""
    if bscan.weights is None:
        return None
    own = torch.from_numpy(bscan.weights)
    return functional.interpolate(own[None, None], size=width, mode="nearest-exact")[
        0, 0
    ]
