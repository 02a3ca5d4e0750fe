"""B-scans with layers to correct: their truth, and what models say of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_octseg import segment
from napari_octseg.boundaries import boundary_names, labels_to_boundaries
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.editing.guard import violations
from napari_octseg.editing.queue import Evidence
from napari_octseg.editing.review import ReviewState
from napari_octseg.editing.signal_quality import signal_quality
from napari_octseg.engine.data.datasets import code_table, load_source
from napari_octseg.engine.inference import Segmentation
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.phantom import LAYER_BOUNDARIES, PhantomSettings, make_phantom
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.engine.data.datasets import LabelledBscan
    from napari_octseg.engine.recipe import Recipe

MODEL, SECOND_MODEL = "duke-unet", "octid-unet"
SOURCES = ("NR206", "healthy bands", "IRD bands")
MISSING_PX = 20.0
"""What a column counts in which a boundary is missing, and the most any column does."""

_SAME_EYE = 0.95
# What phantoms divide finer than the model does.
_PHANTOM_BOUNDARY = {"EZ/RPE": "EZ/OS"}


@dataclass(frozen=True, eq=False)
class LayerCase:
    """B-scans of one kind, or of one volume, with layers.

    Attributes
    ----------
    name
        For tables.
    images
        (n_bscans, depth, width) float32 in 0…1, as shown.
    truth, predicted
        (n_boundaries, n_bscans, width) float32, px from the top, NaN absent. Columns
        that are absent in the truth are not judged.
    boundaries
        Names, top to bottom.
    neighbours
        Whether the B-scans follow each other in one volume.
    evidence
        What the queue knows of each B-scan: the model's uncertainty, where the second
        model disagrees, how much is out of order, and the signal.
    """

    name: str
    images: NDArray[np.float32]
    truth: NDArray[np.float32]
    predicted: NDArray[np.float32]
    boundaries: tuple[str, ...]
    neighbours: bool
    evidence: Evidence

    @property
    def n_bscans(self) -> int:
        """Number of B-scans."""
        return len(self.images)

    def part(self, bscans: slice, name: str) -> LayerCase:
        """Some of the B-scans."""
        return replace(
            self,
            name=name,
            images=self.images[bscans],
            truth=self.truth[:, bscans],
            predicted=self.predicted[:, bscans],
            evidence=_part(self.evidence, bscans),
        )


def error_px(heights: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    """Mean absolute distance of boundaries, px; at most `MISSING_PX` a column.

    Parameters
    ----------
    heights, truth
        (n_boundaries, …, width) float32; NaN in the truth is left out, NaN in `heights`
        counts as missing.
    """
    return float(column_errors(heights, truth)[np.isfinite(truth)].mean())


def column_errors(
    heights: NDArray[np.float32], truth: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Error of each column of each boundary, 0 where the truth is unknown."""
    missing = np.float32(MISSING_PX)
    found = np.where(np.isnan(heights), missing, np.abs(heights - truth))
    return np.where(np.isnan(truth), 0, np.minimum(found, missing)).astype(np.float32)


def phantom_case(
    name: str,
    shape: tuple[int, int, int],
    *,
    seed: int,
    findings: tuple[str, ...] = (),
    look: str = "spectralis",
) -> LayerCase:
    """A phantom volume that no model was trained on.

    Its seed has to be outside of those of the recipe.
    """
    phantom = make_phantom(
        PhantomSettings(look, shape, findings, seed=seed)  # type: ignore[arg-type]
    )
    names = model_boundaries()
    at = [LAYER_BOUNDARIES.index(_PHANTOM_BOUNDARY.get(n, n)) for n in names]
    drawn = [n for n in phantom.boundaries.names if n != "ELM"]
    kept = [phantom.boundaries.names.index(n) for n in drawn]
    truth = phantom.boundaries.heights[kept][at]
    depth = shape[1]
    truth = np.where((truth < 0) | (truth > depth - 1), np.float32(np.nan), truth)
    return _case(name, phantom.volume, truth, list(range(len(names))), neighbours=True)


def real_cases(data: Path) -> list[LayerCase]:
    """Scans that the models have not been trained on, by data set.

    Parameters
    ----------
    data
        Folder of real, labelled scans. Data sets that are not there are left out.
    """
    recipe = _recipe()
    sources = [s for s in recipe.sources if s.name in SOURCES]
    found = [s for s in sources if (data / s.folder).is_dir()]
    return [
        _real_case(
            source.name, load_source(source, data, recipe, only_held_out=True), recipe
        )
        for source in found
    ]


def volumes_among(case: LayerCase, *, least: int = 4) -> list[LayerCase]:
    """Runs of B-scans that lie next to each other in one volume.

    Consecutive images are taken for neighbours if they look alike; those of two places
    or eyes do not.
    """
    smooth = [gaussian_filter(image, 3).ravel() for image in case.images]
    alike = [float(np.corrcoef(a, b)[0, 1]) > _SAME_EYE for a, b in pairwise(smooth)]
    ends = [i + 1 for i, same in enumerate(alike) if not same]
    edges = [0, *ends, case.n_bscans]
    runs = pairwise(edges)
    return [
        replace(case.part(slice(a, b), f"{case.name}, run of {b - a}"), neighbours=True)
        for a, b in runs
        if b - a >= least
    ]


def model_boundaries() -> tuple[str, ...]:
    """Boundaries of the model, top to bottom."""
    return boundary_names(_recipe().layers)


def _recipe() -> Recipe:
    return read_recipe(find_bundle(MODEL).folder / "recipe.json")


def _real_case(name: str, bscans: Sequence[LabelledBscan], recipe: Recipe) -> LayerCase:
    table = code_table(bscans[0].source, recipe.classes)
    members = [
        [c for c, m in zip(recipe.classes, row, strict=True) if m]
        for row in table.membership[1:]
    ]
    at = [recipe.layers.index(group[0]) for group in members] + [len(recipe.layers)]
    codes = np.stack([bscan.codes for bscan in bscans])
    truth = labels_to_boundaries(codes, list(range(1, len(members) + 1)))
    images = np.stack([b.volume.bscan_as_shown(b.index) for b in bscans])
    volume = OCTVolume((images * 255).round().astype(np.uint8))
    return _case(name, volume, truth, at, neighbours=False)


def _case(
    name: str,
    volume: OCTVolume,
    truth: NDArray[np.float32],
    at: Sequence[int],
    *,
    neighbours: bool,
) -> LayerCase:
    first, second = (_segmented(volume, model) for model in (MODEL, SECOND_MODEL))
    assert first.boundaries is not None
    said, other = first.labels, _same_classes(second, first)
    apart = (said != other).mean(axis=(1, 2)) / max(float((said > 0).mean()), 1e-6)
    images = np.stack([volume.bscan_as_shown(i) for i in range(volume.n_bscans)])
    layers = [first.label_set.index(n) for n in _recipe().layers]
    found = violations(
        said, first.boundaries.heights, layers, first.label_set, first.boundaries.names
    )
    evidence = Evidence(
        states=np.full(len(images), ReviewState.PREDICTED, np.uint8),
        uncertainty=first.uncertainty,
        disagreement=np.minimum(apart, 1).astype(np.float32),
        n_violations=np.bincount([v.bscan for v in found], minlength=len(images)),
        signal=np.array([signal_quality(image) for image in images], np.float32),
    )
    predicted = first.boundaries.heights[list(at)]
    names = tuple(first.boundaries.names[i] for i in at)
    return LayerCase(name, images, truth, predicted, names, neighbours, evidence)


def _part(evidence: Evidence, bscans: slice) -> Evidence:
    taken = {
        field.name: values[bscans]
        for field in fields(evidence)
        if (values := getattr(evidence, field.name)) is not None
    }
    return Evidence(**taken)


def _segmented(volume: OCTVolume, model: str) -> Segmentation:
    result = segment(volume, model, device="cpu")
    assert isinstance(result, Segmentation)
    return result


def _same_classes(second: Segmentation, first: Segmentation) -> NDArray[np.uint8]:
    """Labels of the second model in the classes of the first, else background."""
    table = np.zeros(256, np.uint8)
    for index, name in enumerate(second.label_set.names):
        if name in first.label_set.names:
            table[index] = first.label_set.index(name)
    return table[second.labels]
