"""Fundus reconstructions: en-face projections of a volume in which vessels stand out.

Vessels absorb and scatter: below them the bright bands of the outer retina lie in
shadow, and they themselves lie in the nerve fibre layer. Marciniak et al. (Sensors
23:1870, 2023) segment vessels in three such projections of B-scans whose layers are
known: of an outer band, and of that combined with an inner one. Their formulas are not
published; those here are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.engine.projecting.brightness import (
    evened,
    flattened,
    spread,
    stretched,
)
from napari_octseg.engine.projecting.isotropic import IsotropicGrid, isotropic_grid
from napari_octseg.engine.projecting.slab import Slab, slab_edges, slab_mean
from napari_octseg.engine.suitability import check_pattern
from napari_octseg.errors import VolumeError
from napari_octseg.volume import OCTVolume, Origin, Spacing

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries
    from napari_octseg.bundles.card import ProjectionKind
    from napari_octseg.phantom import Phantom

    Map = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_SLABS: dict[ProjectionKind, tuple[Slab, ...]] = {
    "outer": ("outer",),
    "inner": ("inner",),
    "combined": ("outer", "inner"),
}

_BLACK = 0.02
"""Added to brightness in 0…1 before its logarithm: noise at black stays small."""

_INNER_SHARE = 0.5
"""Weight of the inner slab against the outer one, in units of their spread."""


@dataclass(frozen=True, eq=False)
class Projection:
    """A fundus reconstruction.

    Attributes
    ----------
    image
        (n_bscans, width) float32 in 0…1, B-scans in acquisition order. Brightness is
        relative: B-scans are evened out, and so is what changes slowly over the field.
    valid
        (n_bscans, width) bool: where the layers are known. Elsewhere `image` has the
        grey of the background.
    kind
        ``outer``, ``inner`` or ``combined``.
    grid
        Square pixels over the same field.
    notes
        What had to be assumed, in sentences.
    """

    image: Map
    valid: Mask
    kind: ProjectionKind
    grid: IsotropicGrid
    notes: tuple[str, ...] = ()

    def isotropic(self) -> Map:
        """The image with square pixels, (rows, columns) of `grid`."""
        return self.grid.expand(self.image)

    def as_volume(self) -> OCTVolume:
        """The image with square pixels as a scan of one picture, with its spacing.

        That is what functions that save or measure images take; its rows are B-scans,
        not depth.
        """
        step = self.grid.step_um
        spacing = Spacing.of((None, step, step), Origin.DERIVED)
        return OCTVolume(self.isotropic(), spacing=spacing, notes=self.notes)


def slabs_of(kind: ProjectionKind) -> tuple[Slab, ...]:
    """What has to be known of the layers for a kind of projection.

    Raises
    ------
    VolumeError
        If there is no such kind.
    """
    if kind not in _SLABS:
        raise VolumeError(f"The projection {kind!r}", allowed=", ".join(_SLABS))
    return _SLABS[kind]


def project(
    volume: OCTVolume,
    boundaries: Boundaries | None = None,
    kind: ProjectionKind = "combined",
) -> Projection:
    """Fundus reconstruction of a volume; `iter_project` describes the arguments."""
    return outcome(iter_project(volume, boundaries, kind))


def iter_project(
    volume: OCTVolume,
    boundaries: Boundaries | None = None,
    kind: ProjectionKind = "combined",
) -> Generator[Progress, None, Projection]:
    """Fundus reconstruction of a volume, yielding after each B-scan.

    Parameters
    ----------
    volume
        A raster scan; one B-scan at a time is in memory.
    boundaries
        Of its layers; those that came with the volume by default.
    kind
        ``outer``: mean brightness from the ellipsoid zone to Bruch's membrane, where
        vessels cast dark shadows. ``inner``: of the nerve fibre layer, where vessels
        are bright if anything. ``combined``: outer minus half the inner, each in units
        of its spread; vessels are dark, as on a fundus photograph, and what darkens
        both slabs alike (a cloudy lens, a shadow of the iris) cancels.

    Raises
    ------
    VolumeError
        If the volume is not a raster scan, has no boundaries, or they are of another
        shape or absent everywhere.
    LabelError
        If the boundaries do not enclose the slab.
    """
    notes = check_pattern(volume)
    heights = _boundaries_of(volume, boundaries)
    edges = {slab: slab_edges(heights, slab) for slab in slabs_of(kind)}
    shape = (volume.n_bscans, volume.width)
    means = {slab: np.full(shape, np.nan, np.float32) for slab in edges}
    for index in range(volume.n_bscans):
        shown = volume.bscan_as_shown(index)
        for slab, (top, bottom) in edges.items():
            means[slab][index] = slab_mean(shown, top[index], bottom[index])
        yield Progress(index + 1, volume.n_bscans, f"B-scan {index + 1}")
    valid: Mask = np.logical_and.reduce([np.isfinite(m) for m in means.values()])
    if not valid.any():
        raise VolumeError(
            "The layers are not known on any A-scan",
            todo="choose another layer model, or check that this is a retina",
        )
    grid = isotropic_grid(
        shape, (volume.spacing.between_bscans, volume.spacing.lateral)
    )
    if grid.step_um is None:
        notes = (*notes, "The spacing is not known: the field was taken to be square.")
    maps = []
    for mean in means.values():
        light = np.log(np.where(valid, np.maximum(mean, 0), 1) + np.float32(_BLACK))
        even = flattened(evened(light, valid), valid, grid)
        maps.append(even / spread(even[valid]))
    image = maps[0] if len(maps) == 1 else maps[0] - np.float32(_INNER_SHARE) * maps[1]
    return Projection(stretched(image, valid), valid, kind, grid, notes)


def phantom_projection(
    phantom: Phantom, kind: ProjectionKind = "combined"
) -> tuple[Map, Mask]:
    """A fundus reconstruction of a phantom and its vessels, for training and tests.

    Returns
    -------
    Image, float32 in 0…1, and vessels, bool; both (rows, columns) with square pixels,
    exactly what an en-face network is given of a volume whose layers are known.
    """
    projection = project(phantom.volume, phantom.boundaries, kind)
    vessels = projection.grid.expand(phantom.vessels) > 0.5
    return projection.isotropic(), vessels


def _boundaries_of(volume: OCTVolume, boundaries: Boundaries | None) -> Boundaries:
    chosen = volume.boundaries if boundaries is None else boundaries
    if chosen is None:
        raise VolumeError(
            "A projection needs boundaries, and the volume came with none",
            todo="segment it with a layer model and give its boundaries",
        )
    expected = (volume.n_bscans, volume.width)
    if chosen.heights.shape[1:] != expected:
        raise VolumeError(
            f"Boundaries of shape {chosen.heights.shape[1:]} for a volume with "
            f"(n_bscans, width) {expected}",
            todo="give the boundaries of this volume",
        )
    return chosen
