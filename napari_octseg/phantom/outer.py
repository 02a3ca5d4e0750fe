"""Disease of the outer retina: atrophy, excavation, neovascular and other material."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.phantom.eye import RPE_BOTTOM, dome, outline, plateau
from napari_octseg.phantom.fluid import lift_rpe
from napari_octseg.phantom.randomness import waves

if TYPE_CHECKING:
    from napari_octseg.phantom.eye import Eye


def add_ga(eye: Eye, rng: np.random.Generator) -> None:
    """Geographic atrophy: photoreceptors and RPE gone, light reaches the choroid.

    The boundaries of what is lost fall onto Bruch's membrane; the ELM is absent (NaN
    in the finished phantom). The label spans the choroid under the loss.
    """
    radii = rng.uniform(350, 1300), rng.uniform(350, 1300)
    distance = outline(eye, rng, eye.place(rng), radii, 0.3)
    lost = plateau(distance, min(0.5, 120 / radii[0]))
    bm = eye["BM"]
    outer = bm - eye["ELM"]
    thinning = rng.uniform(0.3, 0.75) * (eye["ELM"] - eye["OPL/ONL"])
    # The inner retina sinks into the gap over a wider zone than that of the loss.
    sink = lost * (outer + thinning)
    eye.lift(-sink, "OPL/ONL", blur_um=rng.uniform(200, 420))
    for name in ("ELM", "ELM/EZ", "EZ/OS", "EZ/RPE"):
        eye[name][...] = bm - (1 - lost) * (bm - eye[name])
    eye.sub_rpe *= 1 - lost
    eye.subretinal *= 1 - lost
    eye.keep_order()
    np.maximum(eye.loss, lost, out=eye.loss)
    eye.transmission += np.float32(rng.uniform(0.7, 1.5)) * lost
    eye.fill("GA", ("BM", 0), ("CSI", 0), lost > 0.5, grey=None)


def add_fce(eye: Eye, rng: np.random.Generator) -> None:
    """Focal choroidal excavation: BM and all above it sink into the choroid.

    The label spans from where Bruch's membrane would be to the floor of the pit.
    """
    radius = rng.uniform(260, 620)
    centre = eye.near_fovea() if rng.random() < 0.5 else eye.place(rng)
    distance = outline(eye, rng, centre, (radius, radius * rng.uniform(0.8, 1.3)), 0.1)
    choroid = eye["CSI"] - eye["BM"]
    deep = min(rng.uniform(90, 240), 0.75 * float(choroid[distance < 1].min()))
    pit = (np.float32(deep) * plateau(distance, 0.9)).astype(np.float32)
    eye.lift(-pit, "BM", at_ilm=rng.uniform(0.1, 0.5))
    floor = np.minimum(25, eye["CSI"] - eye["BM"])
    eye.fill("FCE", ("BM", -pit), ("BM", floor), pit > 8, grey=None)


def add_cnvm(eye: Eye, rng: np.random.Generator) -> None:
    """Choroidal neovascular membrane: uneven bright tissue under a broken RPE."""
    radii = rng.uniform(450, 1300), rng.uniform(400, 1100)
    distance = outline(eye, rng, eye.place(rng), radii, 0.25)
    x, y = eye.grid.nasal_um, eye.grid.y_um
    lumps = 1 + 0.16 * waves(rng, x, y, 260) + 0.05 * waves(rng, x, y, 110)
    lift = rng.uniform(80, 230) * dome(distance, 0.8) * np.maximum(lumps, 0.3)
    lift_rpe(
        eye, lift.astype(np.float32), rng.uniform(0.5, 0.85), blur_um=0.45 * radii[0]
    )
    gone = rng.uniform(0.5, 0.95) * plateau(distance, 0.4)
    np.maximum(eye.loss, gone.astype(np.float32), out=eye.loss)
    eye.fill(
        "CNVM",
        (RPE_BOTTOM, 0),
        ("BM", 0),
        lift > 8,
        grey=rng.uniform(105, 165),
        texture=0.28,
        shadow=rng.uniform(0.25, 0.6),
    )


def add_shrm(eye: Eye, rng: np.random.Generator) -> None:
    """Subretinal hyperreflective material: bright, hazy, on top of the RPE."""
    radii = rng.uniform(350, 1000), rng.uniform(300, 900)
    distance = outline(eye, rng, eye.place(rng), radii, 0.25)
    x, y = eye.grid.nasal_um, eye.grid.y_um
    lumps = np.maximum(1 + 0.12 * waves(rng, x, y, 220), 0.3)
    lift = (rng.uniform(50, 170) * dome(distance, 1.1) * lumps).astype(np.float32)
    eye.lift(lift, "EZ/OS", rng.uniform(0.4, 0.8), blur_um=0.4 * radii[0])
    eye.subretinal += lift
    gone = rng.uniform(0.1, 0.5) * plateau(distance, 0.5)
    np.maximum(eye.loss, gone.astype(np.float32), out=eye.loss)
    eye.fill(
        "SHRM",
        ("EZ/RPE", -lift),
        ("EZ/RPE", 0),
        lift > 6,
        grey=rng.uniform(95, 160),
        texture=0.22,
        shadow=rng.uniform(0.05, 0.35),
    )
