"""Vessels of a volume: layers first, then a fundus reconstruction, then its vessels."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import boundary_names
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.enface import segment_enface
from napari_octseg.engine.ensemble import find_models
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.progress import Progress, outcome, part_of
from napari_octseg.engine.projecting.projection import iter_project, slabs_of
from napari_octseg.engine.projecting.slab import edge_names, slab_edges
from napari_octseg.engine.suitability import check_enface_volume, projection_kind
from napari_octseg.errors import LabelError, ModelError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries
    from napari_octseg.bundles.card import ModelCard, ProjectionKind
    from napari_octseg.engine.projecting.isotropic import IsotropicGrid
    from napari_octseg.engine.projecting.projection import Projection
    from napari_octseg.engine.projecting.slab import Slab
    from napari_octseg.engine.runner import Precision
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

_LEAST_KNOWN = 0.5
"""Share of A-scans on which the layers that came with a volume must be known."""


@dataclass(frozen=True, eq=False)
class VesselMap:
    """What an en-face model made of a volume.

    Attributes
    ----------
    labels
        (rows, columns) uint8 with square pixels, B-scans in acquisition order;
        `IGNORE` where the layers are not known.
    probabilities
        (n_classes, rows, columns) float32, summing to 1 over the classes.
    grid_labels, grid_probabilities
        The same on the grid of the scan, (n_bscans, width).
    volume
        The projection with square pixels as a scan of one picture, with its spacing:
        what the labels lie on, and what `save_labels` takes it from.
    projection
        The projection on the grid of the scan, and where it is valid.
    layers
        Boundaries it was made from.
    model, others, device, seconds
        Card of the model, and of further ones averaged with it; where and how long the
        whole ran.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    grid_labels: NDArray[np.uint8]
    grid_probabilities: NDArray[np.float32]
    volume: OCTVolume
    projection: Projection
    layers: Boundaries
    model: ModelCard
    others: tuple[ModelCard, ...]
    device: str
    seconds: float

    @property
    def label_set(self) -> LabelSet:
        """Classes in index order."""
        return self.model.label_set

    @property
    def spacing_um(self) -> tuple[float | None, float | None]:
        """(between rows, between columns) of `labels` in µm; None where unknown."""
        return self.projection.grid.step_um, self.projection.grid.step_um


def vessel_map(
    volume: OCTVolume, model: str | Sequence[str] = "iternet-fundus", **options: Any
) -> VesselMap:
    """Vessels of a volume; `iter_vessel_map` describes the arguments."""
    return outcome(iter_vessel_map(volume, model, **options))


def iter_vessel_map(
    volume: OCTVolume,
    model: str | Sequence[str] = "iternet-fundus",
    *,
    boundaries: Boundaries | None = None,
    layer_model: str | Sequence[str] = "octid-unet",
    kind: ProjectionKind | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    flips: bool = False,
) -> Generator[Progress, None, VesselMap]:
    """Segment the vessels of a volume, yielding after each B-scan.

    Parameters
    ----------
    volume
        A raster scan of at least `suitability.LEAST_BSCANS` B-scans.
    model
        Name or folder of a bundle for en-face images, or several of one label set.
    boundaries
        Of the layers. By default those that came with the volume, if they enclose the
        slabs that are needed on most A-scans; else `layer_model` finds them.
    layer_model
        Name or folder of a bundle with layers.
    kind
        The fundus reconstruction; by default the one that the card asks for.
    device, precision
        As for `iter_segment`.
    flips
        Average over the eight flips and quarter turns of the reconstruction.

    Yields
    ------
    Progress
        One unit for each B-scan whose layers are found, for each that is projected,
        and for the vessels.

    Returns
    -------
    VesselMap
        Closing the generator cancels; there is no map before the end.

    Raises
    ------
    ModelError
        If a model is unknown, broken or of the wrong plane; if the card names no
        projection and `kind` is None; if the layer model has not the layers needed.
    VolumeError
        If the volume has too few B-scans, is not a raster scan, or shows no layers.
    LabelError
        If `boundaries` do not enclose the slabs needed.
    DeviceError
        If the device is unknown or has too little memory.
    """
    started = time.perf_counter()
    kind = kind or projection_kind(find_models(model, "enface")[0].card)
    slabs = slabs_of(kind)
    check_enface_volume(volume)
    if boundaries is None and _has_layers(volume, slabs):
        boundaries = volume.boundaries
    n_bscans = volume.n_bscans
    total = n_bscans + 1
    if boundaries is None:
        total += n_bscans
        _check_layer_model(layer_model, slabs)
        layers = iter_segment(volume, layer_model, device=device, precision=precision)
        found = yield from part_of(layers, "layers", 0, total)
        boundaries = found.boundaries
    projection = yield from part_of(
        iter_project(volume, boundaries, kind),
        "projection",
        total - n_bscans - 1,
        total,
    )
    assert boundaries is not None  # iter_project would have refused
    image = projection.as_volume()
    result = segment_enface(
        image.bscan(0), model, device=device, precision=precision, flips=flips
    )
    grid = projection.grid
    is_known = grid.expand(projection.valid) >= 0.5
    labels = np.where(is_known, result.labels, np.uint8(IGNORE))
    on_grid = _on_grid(result.labels, grid, len(result.label_set))
    made = VesselMap(
        labels=labels,
        probabilities=result.probabilities,
        grid_labels=np.where(projection.valid, on_grid, np.uint8(IGNORE)),
        grid_probabilities=grid.reduce(result.probabilities),
        volume=replace(image, laterality=volume.laterality, source=volume.source),
        projection=projection,
        layers=boundaries,
        model=result.model,
        others=result.others,
        device=result.device,
        seconds=time.perf_counter() - started,
    )
    yield Progress(total, total, "vessels", result=made)
    return made


def _has_layers(volume: OCTVolume, slabs: Sequence[Slab]) -> bool:
    """Whether the layers that came with the volume suffice."""
    if volume.boundaries is None:
        return False
    try:
        edges = [slab_edges(volume.boundaries, slab) for slab in slabs]
    except LabelError:
        return False
    known = np.isfinite(np.stack([edge for pair in edges for edge in pair])).all(axis=0)
    return bool(known.mean() >= _LEAST_KNOWN)


def _check_layer_model(layer_model: str | Sequence[str], slabs: Sequence[Slab]) -> None:
    name = layer_model if isinstance(layer_model, str) else layer_model[0]
    card = find_bundle(name).card
    layers = card.layers if card is not None else ()
    try:
        for slab in slabs:
            edge_names(boundary_names(layers) if layers else (), slab)
    except LabelError as error:
        raise ModelError(
            f"The model {name!r} does not find the layers that the vessels need: "
            f"{error.got}",
            allowed=error.allowed,
            todo="choose another layer model",
        ) from error


def _on_grid(
    labels: NDArray[np.uint8], grid: IsotropicGrid, n_classes: int
) -> NDArray[np.uint8]:
    """Labels on the grid of the scan: of each A-scan the class with the largest share.

    From labels, not from probabilities, so that post-processing counts.
    """
    shares = grid.reduce(labels[None] == np.arange(n_classes)[:, None, None])
    largest: NDArray[np.uint8] = shares.argmax(axis=0).astype(np.uint8)
    return largest
