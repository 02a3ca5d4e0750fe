"""From tissue to grey levels without noise: reflectivity, absorption, shadows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from napari_octseg.phantom.eye import OS_BOTTOM, RPE_BOTTOM
from napari_octseg.phantom.randomness import Stream, correlated_noise, generator, waves
from napari_octseg.phantom.raster import Steps
from napari_octseg.phantom.settings import BOUNDARIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.choroid import Choroid
    from napari_octseg.phantom.devices import Device
    from napari_octseg.phantom.eye import Eye
    from napari_octseg.phantom.vessels import Vessels

# Grey levels of a well exposed Spectralis B-scan; other looks scale them.
_GREY = {
    "RNFL": 158.0,
    "GCL": 104.0,
    "IPL": 116.0,
    "INL": 80.0,
    "OPL": 108.0,
    "HFL": 74.0,
    "ONL": 58.0,
    "ELM": 44.0,
    "myoid": 72.0,
    "EZ": 188.0,
    "OS": 104.0,
    "IZ": 150.0,
    "RPE": 196.0,
    "sub-RPE": 60.0,
    "BM": 48.0,
    "choriocapillaris": 104.0,
    "choroid": 98.0,
    "sclera": 92.0,
}


@dataclass(frozen=True, eq=False)
class Optics:
    """How bright each tissue of one eye is, and how light fades.

    `grey` by tissue; `outer_segments` is the darker share of OS, the rest is the
    interdigitation zone; `fade_um` is the depth below the RPE in which light falls to
    37 %; (n_bscans, width) are `illumination`, the light that enters each A-scan,
    `gloss` of the ILM, 0…1, and `hyaloid_um`, the height of the detached posterior
    hyaloid above the ILM, above which the vitreous is hazy.
    """

    grey: dict[str, float]
    fade_um: float
    haze: float
    outer_segments: float
    streaks: float
    illumination: NDArray[np.float32]
    gloss: NDArray[np.float32]
    hyaloid_um: NDArray[np.float32]
    hyaloid_grey: float


def draw_optics(eye: Eye, device: Device, seed: int) -> Optics:
    """Optics of one eye, seen in the light of one device."""
    rng = generator(seed, Stream.OPTICS)
    grey = {name: g * np.exp(rng.normal(0, 0.07)) for name, g in _GREY.items()}
    grey["choroid"] *= rng.uniform(0.85, 1.35)
    # Henle's fibres shine when the beam meets them at an angle, else they do not.
    grey["HFL"] *= rng.uniform(0.8, 1.3)
    x, y = eye.grid.nasal_um, eye.grid.y_um
    clouds = np.maximum(waves(rng, x, y, 4200) - rng.uniform(0.8, 2.2), 0)
    light = 1 - rng.uniform(0, 0.35) * clouds + 0.05 * waves(rng, x, y, 3500)
    light = light * (1 + rng.normal(0, 0.03, (len(y), 1)))
    hyaloid_grey = float(rng.choice((0.0, rng.uniform(8, 45))))
    # Under traction the hyaloid is a finding and drawn as such.
    pulled = any(body.finding == "VMT" for body in eye.bodies)
    # The hyaloid spans the pit; what bends the retina leaves it where it was.
    hyaloid = eye["BM"] - rng.uniform(380, 800) - 35 * waves(rng, x, y, 5000)
    return Optics(
        grey=grey,
        fade_um=rng.uniform(*device.fade_um),
        haze=rng.uniform(0, 6),
        outer_segments=rng.uniform(0.25, 0.55),
        streaks=rng.uniform(0.02, 0.07),
        illumination=np.clip(light, 0.3, 1.3).astype(np.float32),
        gloss=np.clip(0.3 + 0.7 * waves(rng, x, y, 700), 0, 1),
        hyaloid_um=np.maximum(eye["ILM"] - hyaloid, 25),
        hyaloid_grey=0.0 if pulled else hyaloid_grey,
    )


def tissue_image(
    eye: Eye, optics: Optics, choroid: Choroid, vessels: Vessels, bscan: int
) -> NDArray[np.float32]:
    """Brightness of the layers of one B-scan, before findings, (depth, width) float32.

    In grey levels of `_GREY`; light that is lost on the way is not yet counted.
    """
    _, depth, width = eye.grid.shape
    axial = np.float32(eye.grid.spacing_um[1])
    at = {name: eye[name][bscan] / axial for name in BOUNDARIES}
    os_bottom, rpe_bottom = (
        eye[OS_BOTTOM][bscan] / axial,
        eye[RPE_BOTTOM][bscan] / axial,
    )
    grey = optics.grey
    kept = 1 - eye.loss[bscan]

    steps = Steps(depth, width)
    hyaloid = at["ILM"] - optics.hyaloid_um[bscan] / axial
    steps.between(np.zeros(width, np.float32), hyaloid, optics.haze)
    steps.between(hyaloid, hyaloid + 7 / axial, optics.hyaloid_grey)
    gloss = 55 * optics.gloss[bscan]
    steps.between(at["ILM"], at["ILM"] + 6 / axial, gloss)
    for name, top, bottom in (
        ("RNFL", "ILM", "RNFL/GCL"),
        ("GCL", "RNFL/GCL", "GCL/IPL"),
        ("IPL", "GCL/IPL", "IPL/INL"),
        ("INL", "IPL/INL", "INL/OPL"),
        ("OPL", "INL/OPL", "OPL/ONL"),
    ):
        steps.between(at[top], at[bottom], grey[name])
    henle = at["OPL/ONL"] + np.float32(0.38) * (at["ELM"] - at["OPL/ONL"])
    steps.between(at["OPL/ONL"], henle, grey["HFL"])
    steps.between(henle, at["ELM"], grey["ONL"])
    steps.between(at["ELM"] - 2 / axial, at["ELM"] + 3 / axial, grey["ELM"] * kept)
    steps.between(at["ELM"], at["ELM/EZ"], grey["myoid"])
    weak = grey["OPL"] * 0.7
    steps.between(at["ELM/EZ"], at["EZ/OS"], weak + (grey["EZ"] - weak) * kept)
    outer_segments = np.float32(optics.outer_segments) * (os_bottom - at["EZ/OS"])
    tips = at["EZ/OS"] + outer_segments
    steps.between(at["EZ/OS"], tips, grey["OS"])
    steps.between(tips, os_bottom, weak + (grey["IZ"] - weak) * kept)
    steps.between(os_bottom, at["EZ/RPE"], 10.0)
    steps.between(at["EZ/RPE"], rpe_bottom, weak + (grey["RPE"] - weak) * kept)
    steps.between(rpe_bottom, at["BM"], grey["sub-RPE"])
    lifted = np.clip(eye.sub_rpe[bscan] / 10 + eye.loss[bscan], 0, 1)
    steps.between(at["BM"], at["BM"] + 7 / axial, grey["BM"] * lifted)
    capillaries = np.minimum(at["BM"] + 12 / axial, at["CSI"])
    steps.between(at["BM"], capillaries, grey["choriocapillaris"])
    steps.between(capillaries, at["CSI"], grey["choroid"])
    steps.below(at["CSI"], grey["sclera"])
    _draw_vessels(steps, at["ILM"], vessels, bscan, axial)
    image = steps.image()
    _fade(image, at, optics, choroid, bscan, float(axial))
    return image


def _draw_vessels(
    steps: Steps,
    ilm: NDArray[np.float32],
    vessels: Vessels,
    bscan: int,
    axial: np.float32,
) -> None:
    """Bright walls above and below a lumen; it lies just under the ILM."""
    radius, profile = vessels.radius_um[bscan], vessels.profile[bscan]
    half = np.where(profile > 0, 0.75 * radius * profile, np.nan)
    centre = ilm + (6 + radius) / axial
    top, bottom = centre - half / axial, centre + half / axial
    wall = np.minimum(9 / axial, (bottom - top) / 2)
    steps.between(top, top + wall, 62.0)
    steps.between(top + wall, bottom - wall, -14.0)
    steps.between(bottom - wall, bottom, 45.0)


def _fade(
    image: NDArray[np.float32],
    at: dict[str, NDArray[np.float32]],
    optics: Optics,
    choroid: Choroid,
    bscan: int,
    axial_um: float,
) -> None:
    """Multiply what lies below Bruch's membrane by its texture and light, in place."""
    depth = image.shape[0]
    thickness = np.maximum(at["CSI"] - at["BM"], 1) * np.float32(axial_um)
    light = choroid.light(bscan, axial_um, thickness)
    z_um = np.arange(len(light), dtype=np.float32)[:, None] * np.float32(axial_um)
    light *= np.exp(-z_um / np.float32(optics.fade_um))
    first = np.clip(np.ceil(at["BM"]), 0, depth).astype(np.intp)
    start = int(first.min())
    rows = np.arange(start, depth)[:, None] - first[None]
    inside = np.take_along_axis(light, np.clip(rows, 0, len(light) - 1), axis=0)
    image[start:] *= np.where(rows >= 0, inside, 1)


def transmitted_light(
    eye: Eye,
    optics: Optics,
    vessels: Vessels,
    bscan: int,
    rng: np.random.Generator,
    shadows: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> NDArray[np.float32]:
    """Share of the light that reaches each pixel and returns, (depth, width) float32.

    `shadows` are (height px, share taken) per A-scan, of the bodies of this B-scan.
    """
    _, depth, width = eye.grid.shape
    axial = np.float32(eye.grid.spacing_um[1])
    steps = Steps(depth, width)
    top = np.zeros(width, np.float32)
    steps.below(top, 1.0)
    radius, profile = vessels.radius_um[bscan], vessels.profile[bscan]
    taken = 0.45 * profile * np.clip(radius / 45, 0.35, 1)
    taken = gaussian_filter1d(taken, 0.8)
    below = eye["ILM"][bscan] / axial + (6 + 1.4 * radius) / axial
    steps.below(below, -taken)
    for height, share in shadows:
        steps.below(height, -share)
    bm = eye["BM"][bscan] / axial
    steps.below(bm, eye.transmission[bscan])
    # Fine vertical streaks: what capillaries and melanin take away, A-scan by A-scan.
    streak = np.float32(optics.streaks) * correlated_noise(rng, (width,), (0.8,))
    steps.below(top, 0.4 * streak)
    steps.below(bm, streak * (1 + 2.5 * eye.transmission[bscan].clip(0, 2)))
    light = np.maximum(steps.image(), np.float32(0.06))
    light *= optics.illumination[bscan]
    return light
