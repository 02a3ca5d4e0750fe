"""Fluid: cysts in the retina, fluid under the retina, fluid under the RPE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.phantom.eye import (
    OS_BOTTOM,
    RPE_BOTTOM,
    Body,
    dome,
    outline,
    plateau,
)
from napari_octseg.phantom.randomness import waves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.eye import Eye


def add_irf(eye: Eye, rng: np.random.Generator) -> None:
    """Intraretinal fluid: dark cysts in INL and ONL of a thickened retina."""
    centre = eye.near_fovea() if rng.random() < 0.5 else eye.place(rng)
    reach = rng.uniform(700, 1500), rng.uniform(600, 1200)
    swelling = dome(outline(eye, rng, centre, reach), 1.3)
    # The nuclear layers take up the fluid, so it is they that thicken.
    severity = rng.uniform(0.2, 1.0)
    thickening = min(30 + 230 * severity, 0.28 * min(reach))
    eye.lift(np.float32(thickening) * swelling, "OPL/ONL")
    eye.lift(np.float32(10 + 60 * severity) * swelling, "IPL/INL")

    main = rng.uniform(0.25, 0.5) * reach[0] * (0.4 + 0.6 * severity)
    _add_cyst(eye, rng, ("OPL/ONL", "ELM"), centre, main)
    for _ in range(int(12 + 50 * severity * rng.random())):
        within = ("IPL/INL", "INL/OPL") if rng.random() < 0.4 else ("OPL/ONL", "ELM")
        angle, far = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random()) * 0.9
        spot = (
            centre[0] + far * reach[0] * np.cos(angle),
            centre[1] + far * reach[1] * np.sin(angle),
        )
        largest = 90 if within[0] == "IPL/INL" else 210
        _add_cyst(eye, rng, within, spot, rng.uniform(30, largest))


def _add_cyst(
    eye: Eye,
    rng: np.random.Generator,
    within: tuple[str, str],
    centre: tuple[float, float],
    radius_um: float,
) -> None:
    radii = radius_um, max(radius_um, 1.2 * eye.grid.spacing_um[0])
    window = eye.window(centre, (1.8 * radii[0], 1.8 * radii[1]))
    if window is None:
        return
    distance = outline(eye, rng, centre, radii, 0.2, window)
    inside = distance < 1
    if not inside.any():
        return
    upper, lower = eye[within[0]][window], eye[within[1]][window]
    thickness = lower - upper
    middle = thickness * rng.uniform(0.4, 0.6)
    tall = min(radius_um * rng.uniform(0.7, 1.8), 0.47 * float(thickness[inside].max()))
    half = np.float32(tall) * dome(distance, rng.uniform(0.35, 0.7))
    top = np.where(inside, middle - half, np.nan).astype(np.float32)
    bottom = np.where(inside, middle + half, np.nan).astype(np.float32)
    eye.bodies.append(
        Body(
            "IRF",
            window,
            (within[0], top),
            (within[0], bottom),
            grey=rng.uniform(5, 24),
            texture=0.1,
            within=within,
        )
    )


def add_srf(eye: Eye, rng: np.random.Generator) -> None:
    """Subretinal fluid: a dark dome between photoreceptors and RPE."""
    centre = eye.near_fovea() if rng.random() < 0.6 else eye.place(rng)
    radii = rng.uniform(500, 1500), rng.uniform(450, 1300)
    highest = np.float32(min(rng.uniform(70, 260), 0.32 * min(radii)))
    lift = highest * dome(outline(eye, rng, centre, radii), 1.2)
    eye.lift(lift, "EZ/OS", rng.uniform(0.65, 0.95), blur_um=0.3 * radii[0])
    # Photoreceptors that hang free grow shaggy outer segments.
    shaggy = 0.95 + 0.03 * waves(rng, eye.grid.nasal_um, eye.grid.y_um, 100)
    shaggy += 0.04 * waves(rng, eye.grid.nasal_um, eye.grid.y_um, 300)
    eye.subretinal += lift * np.clip(shaggy, 0.6, 1.0)
    grey = rng.uniform(3, 20)
    eye.fill("SRF", (OS_BOTTOM, 0), ("EZ/RPE", 0), lift > 4, grey=grey)


def add_ped(eye: Eye, rng: np.random.Generator) -> None:
    """Pigment epithelial detachment: the RPE lifted off Bruch's membrane as a dome."""
    centre = eye.place(rng)
    radii = rng.uniform(300, 950), rng.uniform(300, 900)
    distance = outline(eye, rng, centre, radii)
    serous = rng.random() < 0.5
    highest = np.float32(min(rng.uniform(90, 330), 0.5 * min(radii)))
    lift = highest * dome(distance, 0.8 if serous else 1.2)
    if not serous:
        lumps = 0.12 * waves(rng, eye.grid.nasal_um, eye.grid.y_um, 300)
        lift *= np.maximum(1 + lumps, 0)
    lift_rpe(eye, lift, rng.uniform(0.6, 0.9), blur_um=0.45 * radii[0])
    eye.fill(
        "PED",
        (RPE_BOTTOM, 0),
        ("BM", 0),
        lift > 4,
        grey=rng.uniform(16, 45) if serous else rng.uniform(55, 95),
        texture=0.15 if serous else 0.5,
    )
    eye.transmission -= np.float32(0.25) * plateau(distance, 0.4)


def lift_rpe(
    eye: Eye, lift_um: NDArray[np.float32], at_ilm: float, blur_um: float
) -> None:
    """Hold the RPE, and all above it, off Bruch's membrane by `lift_um`."""
    eye.lift(lift_um, "EZ/RPE", at_ilm, blur_um)
    eye.sub_rpe += lift_um
