"""The vitreoretinal interface: traction by the hyaloid, epiretinal membrane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.phantom.eye import outline, plateau
from napari_octseg.phantom.randomness import waves

if TYPE_CHECKING:
    from napari_octseg.phantom.eye import Eye


def add_vmt(eye: Eye, rng: np.random.Generator) -> None:
    """Vitreomacular traction: a detached hyaloid that pulls at the fovea."""
    centre = eye.near_fovea()
    x, y = eye.grid.nasal_um, eye.grid.y_um
    r = np.hypot(x - np.float32(centre[0]), y - np.float32(centre[1]))
    attached = rng.uniform(40, 180)
    cusp = np.exp(-((r / rng.uniform(180, 420)) ** rng.uniform(1.2, 2.0)))
    pull = (rng.uniform(80, 190) * cusp).astype(np.float32)
    eye.lift(pull, "OPL/ONL", at_ilm=1.15)
    # The hyaloid rises steeply beside the attachment and flattens outwards; it is a
    # surface of its own and does not follow the retina below.
    away = np.maximum(r - attached, 0)
    steepest = rng.uniform(0.22, 0.5) * (
        1 + 0.35 * np.clip(rng.normal(), -2, 2) * np.tanh((x - centre[0]) / 300)
    )
    length = rng.uniform(900, 3000)
    rise = steepest * length * (1 - np.exp(-away / length))
    ring = r <= max(attached, float(r.min()))
    hyaloid = eye["ILM"][ring].mean() - rise + away / 900 * 6 * waves(rng, x, y, 2000)
    hyaloid = np.where(away > 0, np.minimum(hyaloid, eye["ILM"] - 1), eye["ILM"])
    above = (hyaloid - eye["ILM"]).astype(np.float32)
    thick = np.float32(rng.uniform(8, 13))
    eye.fill(
        "VMT",
        ("ILM", above - thick),
        ("ILM", above),
        r < rng.uniform(2200, 9000),
        grey=rng.uniform(60, 130),
        texture=0.35,
    )


def add_erm(eye: Eye, rng: np.random.Generator) -> None:
    """Epiretinal membrane: a bright line spanning the folds of the ILM below it."""
    radii = rng.uniform(900, 2400), rng.uniform(900, 2400)
    distance = outline(eye, rng, eye.place(rng, 0.4), radii, 0.25)
    inside = plateau(distance, 0.25)
    x, y = eye.grid.nasal_um, eye.grid.y_um
    # The membrane contracts: retina thickens, the pit flattens, the surface folds.
    eye.lift(np.float32(rng.uniform(10, 60)) * inside, "OPL/ONL", at_ilm=1.6)
    angle = rng.uniform(-0.6, 0.6)
    along = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
    bend = 150 * waves(rng, x, y, 1100) + 40 * waves(rng, x, y, 350)
    fold = 0.5 + 0.5 * np.cos(2 * np.pi * (along + bend) / rng.uniform(170, 420))
    strength = np.clip(0.4 + 0.6 * waves(rng, x, y, 700), 0, 1)
    depth = rng.uniform(10, 28) * inside * strength * fold**1.5
    for name, share in (("ILM", 1.0), ("RNFL/GCL", 0.7), ("GCL/IPL", 0.4)):
        eye[name][...] += np.float32(share) * depth.astype(np.float32)
    eye.keep_order()
    thick = rng.uniform(9, 15)
    eye.fill(
        "ERM",
        ("ILM", -depth - np.float32(thick)),
        ("ILM", -depth),
        inside > 0.5,
        grey=rng.uniform(170, 240),
        texture=0.2,
    )
