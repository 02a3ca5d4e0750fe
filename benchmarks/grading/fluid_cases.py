"""B-scans with fluid to correct: the truth, and what a model says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg import segment
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.data.datasets import code_table, load_source
from napari_octseg.engine.inference import Segmentation
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.labels import IGNORE
from napari_octseg.phantom import FINDING_SET, PhantomSettings, make_phantom
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.engine.data.datasets import LabelledBscan
    from napari_octseg.engine.recipe import Recipe

MODEL = "retouch-fluid"
FLUID = ("IRF", "SRF")
_LEAST_PX = 100
_MARGIN_PX = 60


@dataclass(frozen=True, eq=False)
class FluidCase:
    """B-scans with fluid.

    Attributes
    ----------
    name
        For tables.
    images
        (depth, width) float32 in 0…1, one per B-scan, as shown.
    truth, predicted
        (depth, width) bool, one per B-scan: fluid of any kind.
    uncertainty
        (width,) float32 of the model, one per B-scan.
    neighbours
        Whether the B-scans follow each other in one volume.
    """

    name: str
    images: list[NDArray[np.float32]]
    truth: list[NDArray[np.bool_]]
    predicted: list[NDArray[np.bool_]]
    uncertainty: list[NDArray[np.float32]]
    neighbours: bool = False

    @property
    def with_fluid(self) -> list[int]:
        """B-scans with enough fluid that Dice means something."""
        return [i for i, mask in enumerate(self.truth) if mask.sum() >= _LEAST_PX]

    def around(
        self, bscan: int
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Image, truth and prediction of one B-scan, cut to where there is fluid."""
        box = self.box(bscan)
        return (
            self.images[bscan][box],
            self.truth[bscan][box],
            self.predicted[bscan][box],
        )

    def box(self, bscan: int) -> tuple[slice, ...]:
        """Rows and columns around what is, or is said to be, fluid in a B-scan."""
        where = np.nonzero(self.truth[bscan] | self.predicted[bscan])
        return tuple(
            slice(max(int(at.min()) - _MARGIN_PX, 0), int(at.max()) + _MARGIN_PX)
            for at in where
        )


def phantom_fluid(
    name: str, shape: tuple[int, int, int], *, seed: int, findings: tuple[str, ...]
) -> FluidCase:
    """A phantom volume with fluid that no model was trained on."""
    phantom = make_phantom(PhantomSettings(shape=shape, findings=findings, seed=seed))
    codes = [FINDING_SET.index(f) for f in findings]
    truth = list(np.isin(phantom.findings, codes))
    images = [phantom.volume.bscan_as_shown(i) for i in range(shape[0])]
    predicted, unsure = said_by(MODEL, phantom.volume, findings)
    return FluidCase(
        name, images, truth, list(predicted), list(unsure), neighbours=True
    )


def real_fluid(data: Path, *, most_single: int = 6) -> list[FluidCase]:
    """Scans that the model has not been trained on.

    Duke: all of the patient who is held out; her or his B-scans lie far apart. Kermany:
    the first `most_single` held-out scans with fluid, one per patient.
    """
    recipe = read_recipe(find_bundle(MODEL).folder / "recipe.json")
    found = []
    for name in ("Duke DME", "Kermany"):
        source = next(s for s in recipe.sources if s.name == name)
        if not (data / source.folder).is_dir():
            continue
        bscans = load_source(source, data, recipe, only_held_out=True)
        fluid = ("IRF", "SRF", "PED") if name == "Duke DME" else FLUID
        if name == "Kermany":
            bscans = _one_each(bscans, recipe, most_single)
        found.append(_real_case(name, bscans, recipe, fluid))
    return found


def run_of_neighbours(data: Path) -> FluidCase | None:
    """Neighbouring B-scans of one real volume with subretinal fluid.

    The model was trained on this volume: its prediction is left empty, so that nobody
    takes it for a result.
    """
    recipe = read_recipe(find_bundle(MODEL).folder / "recipe.json")
    source = next(s for s in recipe.sources if s.name == "SJTU")
    if not (data / source.folder).is_dir():
        return None
    bscans = load_source(source, data, recipe)
    truth = [_fluid(bscan, recipe, ("SRF",)) for bscan in bscans]
    return FluidCase(
        "SJTU, 11 neighbours, SRF",
        [b.volume.bscan_as_shown(b.index) for b in bscans],
        truth,
        [np.zeros_like(mask) for mask in truth],
        [np.zeros(mask.shape[1], np.float32) for mask in truth],
        neighbours=True,
    )


def _one_each(
    bscans: list[LabelledBscan], recipe: Recipe, most: int
) -> list[LabelledBscan]:
    first: dict[str, LabelledBscan] = {}
    for bscan in bscans:
        if _fluid(bscan, recipe, FLUID).sum() >= _LEAST_PX:
            first.setdefault(bscan.patient, bscan)
    return list(first.values())[:most]


def _real_case(
    name: str, bscans: list[LabelledBscan], recipe: Recipe, fluid: tuple[str, ...]
) -> FluidCase:
    said = [
        said_by(MODEL, OCTVolume(np.asarray(b.volume.data[b.index])), fluid)
        for b in bscans
    ]
    return FluidCase(
        name,
        [b.volume.bscan_as_shown(b.index) for b in bscans],
        [_fluid(bscan, recipe, fluid) for bscan in bscans],
        [masks[0] for masks, _ in said],
        [unsure[0] for _, unsure in said],
    )


def _fluid(
    bscan: LabelledBscan, recipe: Recipe, fluid: tuple[str, ...]
) -> NDArray[np.bool_]:
    """Where the truth is one of the kinds of fluid."""
    table = code_table(bscan.source, recipe.classes)
    is_fluid = np.zeros(256, bool)
    for code, row in enumerate(table.membership):
        members = {c for c, m in zip(recipe.classes, row, strict=True) if m}
        is_fluid[code] = bool(members) and members <= set(fluid)
    is_fluid[IGNORE] = False
    return is_fluid[bscan.codes]


def said_by(
    model: str, volume: OCTVolume, fluid: tuple[str, ...] = ("IRF", "SRF", "PED")
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Where a model sees fluid, and how unsure it is, of all B-scans of a volume."""
    result = segment(volume, model, device="cpu")
    assert isinstance(result, Segmentation)
    codes = [result.label_set.index(name) for name in fluid]
    return np.isin(result.labels, codes), result.uncertainty
