"""Training data of a recipe: labelled B-scans from folders, and phantoms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_octseg.engine.preprocess import resize
from napari_octseg.errors import RecipeError
from napari_octseg.io import read_volume
from napari_octseg.io.format import natural_key
from napari_octseg.labels import IGNORE, remap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.engine.recipe import Recipe
    from napari_octseg.engine.source import Source
    from napari_octseg.phantom import Look
    from napari_octseg.volume import OCTVolume


@dataclass(frozen=True, eq=False)
class LabelledBscan:
    """One B-scan (a volume of one) with labels in the codes of its source.

    `codes` (depth, width) uint8, `IGNORE` where nobody labelled.
    """

    name: str
    source: Source
    volume: OCTVolume
    codes: NDArray[np.uint8]


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
    """Number the codes of `source`; codes with the same classes become one."""
    groups: list[frozenset[str]] = []
    mapping = {}
    for code, names in sorted(source.codes.items()):
        group = frozenset(names)
        if group not in groups:
            groups.append(group)
        mapping[code] = groups.index(group)
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


def load_source(source: Source, root: Path, recipe: Recipe) -> list[LabelledBscan]:
    """All labelled B-scans of a source, in natural order.

    Raises
    ------
    RecipeError
        If the folder has no images, or a label image is missing or of another size.
    """
    table = code_table(source, recipe.classes)
    if source.kind == "phantom":
        return list(_phantoms(source, table, recipe.seed))
    found = (root / source.folder).glob(source.images)
    paths = sorted(found, key=lambda path: natural_key(path.name))
    if not paths:
        raise RecipeError(
            f"No images {source.images} in {root / source.folder}",
            todo="check the data folder (--data) and the recipe's source "
            f"{source.name!r}",
        )
    loaded = []
    for path in paths:
        label_path = root / source.folder / source.labels.format(stem=path.stem)
        if not label_path.is_file():
            raise RecipeError(f"{path} has no labels: {label_path} is missing")
        volume = read_volume(path)
        image = volume.bscan_as_shown(0)
        labels = read_volume(label_path).bscan(0)
        if labels.shape != image.shape:
            raise RecipeError(
                f"{label_path} is {labels.shape}, its image is {image.shape}",
                allowed="equal sizes",
            )
        codes = remap(labels, table.mapping)
        codes[_burnt_in(image, source)] = IGNORE
        loaded.append(LabelledBscan(path.stem, source, volume, codes))
    return loaded


def is_held_out(name: str, source: Source) -> bool:
    """Whether the B-scan of that name belongs to the source's validation part."""
    held_out = source.validation
    if len(held_out) == 2 and all(isinstance(v, int) for v in held_out):
        numbers = re.findall(r"\d+", name)
        first, last = int(held_out[0]), int(held_out[1])
        return bool(numbers) and first <= int(numbers[-1]) <= last
    return name in held_out


def n_training_bscans(source: Source, root: Path) -> int:
    """How many B-scans of a source are trained on."""
    if source.kind == "phantom":
        names = [f"phantom-{number}" for number in range(source.n_phantoms)]
    else:
        names = [path.stem for path in (root / source.folder).glob(source.images)]
    return sum(not is_held_out(name, source) for name in names)


def on_network_grid(
    bscan: LabelledBscan, size: tuple[int, int] | None
) -> tuple[Tensor, Tensor]:
    """Image (H, W) float32 and codes (H, W) uint8 at the network's input size."""
    image = torch.from_numpy(bscan.volume.bscan_as_shown(0))[None, None]
    codes = torch.from_numpy(bscan.codes)[None, None]
    if size is None:
        return image[0, 0], codes[0, 0]
    # Plain nearest would shift thin layers by half a row.
    moved = functional.interpolate(codes.float(), size=size, mode="nearest-exact")
    return resize(image, size)[0, 0], moved[0, 0].to(torch.uint8)


def _burnt_in(image: NDArray[np.float32], source: Source) -> NDArray[np.bool_]:
    """Pixels that are text, icons or cursor lines, not tissue."""
    depth, width = image.shape
    hidden = np.zeros(image.shape, bool)
    for top, left, bottom, right in source.ignore_boxes:
        rows = slice(round(top * depth), round(bottom * depth))
        hidden[rows, round(left * width) : round(right * width)] = True
    if source.ignore_white_columns:
        white = (image > 0.95).mean(axis=0) > 0.5
        # The line is smeared by compression: its neighbours go too.
        spread = np.convolve(white, np.ones(5), mode="same") > 0
        hidden[:, spread] = True
    return hidden


def _phantoms(source: Source, table: CodeTable, seed: int) -> Iterator[LabelledBscan]:
    """Single phantom B-scans with every look, half of them with findings."""
    from napari_octseg.phantom import FINDINGS, PhantomSettings, make_phantom

    random = np.random.default_rng(seed)
    shapes: dict[Look, tuple[int, int, int]] = {
        "spectralis": (1, 496, 512),
        "cirrus": (1, 1024, 512),
        "topcon": (1, 650, 512),
    }
    looks = list(shapes)
    for number in range(source.n_phantoms):
        look = looks[number % len(looks)]
        chosen: tuple[str, ...] = ()
        if source.findings and random.random() < 0.5:
            n_findings = int(random.integers(1, 4))
            chosen = tuple(random.choice(FINDINGS, n_findings, replace=False).tolist())
        phantom = make_phantom(
            PhantomSettings(
                look=look,
                shape=shapes[look],
                findings=chosen,
                laterality="OD" if random.random() < 0.5 else "OS",
                seed=int(random.integers(2**31)),
            )
        )
        codes = remap(phantom.layers[0], table.mapping)
        yield LabelledBscan(f"phantom-{number}", source, phantom.volume, codes)
