"""Data sets that a base model is trained without, and then fine-tuned on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.data.datasets import code_table, load_source
from napari_octseg.engine.recipe import Recipe, read_recipe
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.labels import BACKGROUND, IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.engine.data.datasets import LabelledBscan
    from napari_octseg.engine.data.source import Source

LEAST_PX = 100
"""Pixels of findings from which a B-scan is worth correcting first."""


@dataclass(frozen=True)
class Domain:
    """A data set of a shipped model's recipe that its base does not know.

    Attributes
    ----------
    model, source
        Shipped model, and the source of its recipe that is left out.
    base, whole
        Names of the model without the data set, and of the one trained on all of it.
    title
        Of both.
    changes
        Of the recipe, beside the source.
    weights
        Of its remaining sources, where they differ.
    exclude
        Source → its images that may be of the same eyes.
    without_steps
        Of its post-processing, by name.
    coarse
        Name of the class in which the labels put all classes that they do not tell
        apart; empty if they tell all apart.
    """

    model: str
    source: str
    base: str
    whole: str
    title: str
    changes: dict[str, Any]
    weights: dict[str, float] = field(default_factory=dict)
    exclude: dict[str, tuple[str, ...]] = field(default_factory=dict)
    without_steps: tuple[str, ...] = ()
    coarse: str = ""


DOMAINS = {
    "mendeley": Domain(
        model="octid-unet",
        source="Mendeley",
        base="base-without-mendeley",
        whole="octid-unet",
        title="OCTID U-Net without Mendeley",
        changes={"n_steps": 1700, "validate_every": 200},
    ),
    # The shipped network takes too long to train twice, and without Duke it learns to
    # say nothing: both ends are a U-Net.
    "duke": Domain(
        model="retouch-fluid",
        source="Duke DME",
        base="fluid-without-duke",
        whole="fluid-with-duke",
        title="Fluid U-Net",
        changes={
            "architecture": {
                "name": "unet",
                "arguments": {
                    "in_channels": 3,
                    "n_classes": 4,
                    "widths": [16, 32, 64, 128, 256],
                    "norm": True,
                    "dropout": [0.1] * 9,
                },
            },
            "input": {"n_neighbours": 1, "divisor": 16, "intensity": "zscore"},
            "targets": [],
            "augment": {
                "speckle": 0.25,
                "noise": 0.05,
                "gamma": 0.3,
                "zoom": 0.15,
                "svdna": 0.0,
            },
            "n_steps": 1500,
            "validate_every": 200,
            "learning_rate": 0.002,
            "ema": 0.98,
            "seed": 0,
        },
        weights={"phantom": 0.2},
        # It is the shipped network's answers that its thresholds fit.
        without_steps=("threshold",),
        # May be an eye of Duke patient 1.
        exclude={"RASP": ("Spectralis_1",)},
        coarse="fluid",
    ),
}


def full_recipe(domain: Domain) -> Recipe:
    """Recipe of the shipped model: what labels mean, and who is held out."""
    return read_recipe(find_bundle(domain.model).folder / "recipe.json")


def changed_recipe(domain: Domain, *, whole: bool = False) -> Recipe:
    """Recipe of the base, or of the same network trained on all.

    Parameters
    ----------
    domain
        Says what is left out, and what else differs from the shipped model's recipe.
    whole
        Leave nothing out.
    """
    full = full_recipe(domain)
    sources = [
        source.model_dump()
        | {
            "weight": domain.weights.get(source.name, source.weight),
            "exclude": (*source.exclude, *domain.exclude.get(source.name, ())),
        }
        for source in full.sources
        if whole or source.name != domain.source
    ]
    changed = {
        "name": domain.whole if whole else domain.base,
        "version": "1",
        "title": domain.title,
        "start": "",  # the shipped weights may have seen what is left out
        "sources": sources,
        "postprocess": [
            step for step in full.postprocess if step.name not in domain.without_steps
        ],
        **domain.changes,
    }
    return Recipe.model_validate({**full.model_dump(), **changed})


def source_of(domain: Domain) -> Source:
    """The data set, as the shipped model's recipe has it."""
    return next(s for s in full_recipe(domain).sources if s.name == domain.source)


def training_bscans(domain: Domain, data: Path) -> list[LabelledBscan]:
    """Its B-scans that the shipped model was trained on."""
    found = load_source(source_of(domain), data, full_recipe(domain))
    return [bscan for bscan in found if not bscan.held_out]


def drawn(bscans: Sequence[LabelledBscan], n: int, seed: int) -> list[LabelledBscan]:
    """`n` B-scans, or all if there are fewer; those with findings come first.

    The same seed gives the same order: what is drawn of 5 is in what is drawn of 10.
    """
    order = np.random.default_rng(seed).permutation(len(bscans))
    mixed = [bscans[i] for i in order]
    return sorted(mixed, key=lambda one: _n_findings(one) < LEAST_PX)[:n]


def _n_findings(bscan: LabelledBscan) -> int:
    return int(((bscan.codes > 0) & (bscan.codes != IGNORE)).sum())


def label_set_of(domain: Domain) -> tuple[LabelSet, tuple[str, ...]]:
    """Classes that a grader of this data set has, and the layers among them.

    Those that the labels tell from all others. What may be background as well (the
    choroid below the retina) is none of them.
    """
    recipe = full_recipe(domain)
    if domain.coarse:
        return LabelSet.of(BACKGROUND, domain.coarse), ()
    table = code_table(source_of(domain), recipe.classes)
    told = [name for name in table.names if name in recipe.classes]
    names = [BACKGROUND, *(name for name in told if name != BACKGROUND)]
    layers = tuple(name for name in recipe.layers if name in names)
    return LabelSet.of(*names), layers


def graded(
    bscan: LabelledBscan, domain: Domain, labels: NDArray[np.uint8] | None = None
) -> GradedScan:
    """A B-scan as a grader would give it: a scan of its own.

    Parameters
    ----------
    bscan
        With its labels.
    domain
        Which it is of.
    labels
        (depth, width) class indices of `label_set_of` to take instead of the truth.
    """
    label_set, layers = label_set_of(domain)
    if labels is None:
        labels = true_labels(bscan, domain)
    return GradedScan(
        name=bscan.name,
        patient=f"patient-{bscan.patient}",
        volume=OCTVolume(
            np.asarray(bscan.volume.data[bscan.index]), spacing=bscan.volume.spacing
        ),
        labels=labels[None],
        label_set=label_set,
        layers=layers,
    )


def true_labels(bscan: LabelledBscan, domain: Domain) -> NDArray[np.uint8]:
    """(depth, width) class indices of `label_set_of`, `IGNORE` where nobody knows."""
    recipe = full_recipe(domain)
    label_set, _ = label_set_of(domain)
    table = code_table(bscan.source, recipe.classes)
    labels = np.full(bscan.codes.shape, IGNORE, np.uint8)
    for code, row in enumerate(table.membership):
        members = [c for c, m in zip(recipe.classes, row, strict=True) if m]
        if BACKGROUND in members:
            name = BACKGROUND
        else:
            name = domain.coarse or members[0]
        labels[bscan.codes == code] = label_set.index(name)
    return labels
