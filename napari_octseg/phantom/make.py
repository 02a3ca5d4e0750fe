"""Putting a phantom together: eye, findings, light, noise and the exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octseg.boundaries import Boundaries, boundaries_to_labels
from napari_octseg.phantom.anatomy import healthy_eye
from napari_octseg.phantom.choroid import grow_choroid
from napari_octseg.phantom.devices import DEVICES
from napari_octseg.phantom.findings import add_findings
from napari_octseg.phantom.grid import scan_grid
from napari_octseg.phantom.noise import bscan_generator, draw_exposure, record
from napari_octseg.phantom.optics import draw_optics, tissue_image, transmitted_light
from napari_octseg.phantom.randomness import correlated_noise
from napari_octseg.phantom.raster import coverage, inside, rows_between
from napari_octseg.phantom.settings import (
    BOUNDARIES,
    FINDING_SET,
    LAYER_BOUNDARIES,
    PhantomSettings,
)
from napari_octseg.phantom.vessels import grow_vessels
from napari_octseg.volume import OCTVolume, Origin, ScanPattern, Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.eye import Body, Eye


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic volume and its exact truth.

    Parameters
    ----------
    volume
        uint8; spacing exact; no device boundaries.
    boundaries
        Heights of all `BOUNDARIES`, (12, n_bscans, width) float32 px, in order. What
        lies outside the image keeps its height (below 0 or beyond the depth). NaN only
        for the ELM where atrophy has removed it; the other boundaries of lost layers
        coincide, as those of the inner layers do in the foveola.
    layers
        Classes of `LAYER_SET`, (n_bscans, depth, width) uint8: everywhere exactly
        ``boundaries_to_labels`` of the boundaries without the ELM. Layers run on behind
        findings: subretinal fluid lies within OS, what lifts the RPE within RPE, cysts
        within INL and ONL. Combine with `findings` to mask or replace them.
    findings
        Classes of `FINDING_SET`, (n_bscans, depth, width) uint8.
    vessels
        Retinal vessels en face, (n_bscans, width) bool.
    settings
        What it was made from.
    """

    volume: OCTVolume
    boundaries: Boundaries
    layers: NDArray[np.uint8]
    findings: NDArray[np.uint8]
    vessels: NDArray[np.bool_]
    settings: PhantomSettings


def make_phantom(settings: PhantomSettings | None = None) -> Phantom:
    """Phantom of the settings; the same settings give the same bits.

    Parameters
    ----------
    settings
        `PhantomSettings()` by default: a healthy right eye, Spectralis look.
    """
    settings = settings or PhantomSettings()
    device = DEVICES[settings.look]
    grid = scan_grid(settings, device)
    n_bscans, depth, _ = grid.shape
    axial_um = grid.spacing_um[1]

    eye = healthy_eye(grid, settings.seed)
    add_findings(eye, settings.findings, settings.seed)
    _keep_in_view(eye)
    vessels = grow_vessels(grid, settings.seed)
    choroid = grow_choroid(grid, settings.seed)
    optics = draw_optics(eye, device, settings.seed)
    exposure = draw_exposure(device, settings.seed)

    data = np.empty(grid.shape, np.uint8)
    findings = np.zeros(grid.shape, np.uint8)
    for bscan in range(n_bscans):
        rng = bscan_generator(settings.seed, bscan)
        light = tissue_image(eye, optics, choroid, vessels, bscan)
        shadows = []
        for body in eye.bodies:
            rows = body.window[0]
            if rows.start <= bscan < rows.stop:
                shadow = _draw_body(eye, body, bscan, light, findings[bscan], rng)
                shadows.append(shadow)
        light *= transmitted_light(eye, optics, vessels, bscan, rng, shadows)
        data[bscan] = record(light, device, exposure, axial_um, rng)

    heights = (eye.heights / np.float32(axial_um)).astype(np.float32)
    kept = [BOUNDARIES.index(name) for name in LAYER_BOUNDARIES]
    layers = boundaries_to_labels(heights[kept], depth)
    heights[BOUNDARIES.index("ELM")][eye.loss > 0.95] = np.nan
    volume = OCTVolume(
        data,
        spacing=Spacing.of(grid.spacing_um, Origin.FILE),
        laterality=settings.laterality,
        scan_pattern=ScanPattern.RASTER,
        positions=grid.positions_mm,
        device=device.name,
        notes=("Synthetic: made by napari-octseg, not a scan of an eye.",),
    )
    return Phantom(
        volume=volume,
        boundaries=Boundaries(BOUNDARIES, heights),
        layers=layers,
        findings=findings,
        vessels=vessels.profile > 0,
        settings=settings,
    )


def _keep_in_view(eye: Eye) -> None:
    """Lower the retina where findings have raised it out of the image."""
    missing = 0.02 * eye.grid.depth_um - float(eye["ILM"].min())
    if missing > 0:
        eye.heights += np.float32(missing)


def _draw_body(
    eye: Eye,
    body: Body,
    bscan: int,
    light: NDArray[np.float32],
    findings: NDArray[np.uint8],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Paint a body and its label into a B-scan; returns its shadow."""
    depth, width = light.shape
    axial = np.float32(eye.grid.spacing_um[1])
    row, columns = bscan - body.window[0].start, body.window[1]
    top, bottom = (
        (eye[surface][bscan, columns] + offset[row]) / axial
        for surface, offset in (body.top, body.bottom)
    )
    if body.within is not None:
        upper, lower = (eye[name][bscan, columns] / axial for name in body.within)
        top, bottom = np.clip(top, upper, lower), np.clip(bottom, upper, lower)
    height = np.full(width, np.nan, np.float32)
    taken = np.zeros(width, np.float32)
    first, last = rows_between(top, bottom, depth)
    if first == last:
        return height, taken
    box = (slice(first, last), columns)
    label = inside(top, bottom, first, last)
    findings[box][label] = FINDING_SET.index(body.finding)
    if body.grey is not None:
        share = coverage(top, bottom, first, last)
        texture = correlated_noise(rng, share.shape, (9 / float(axial), 3.5)).clip(
            -1.3, 1.8
        )
        grey = np.maximum(body.grey * (1 + body.texture * texture), 0)
        share = gaussian_filter1d(share, 0.6, axis=1, mode="nearest")
        light[box] += share * (grey - light[box])
    if body.shadow:
        height[columns] = bottom
        # A shadow is as strong as the body is thick, and has no sharp sides.
        thick = np.nan_to_num(bottom - top) * axial
        taken[columns] = body.shadow * np.clip(thick / 80, 0, 1)
        taken = gaussian_filter1d(taken, 1.5)
    return height, taken
