"""Deposits: drusen, reticular pseudodrusen, hyperreflective foci and exudates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.phantom.eye import RPE_BOTTOM, Body, dome, outline
from napari_octseg.phantom.fluid import lift_rpe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.phantom.eye import Eye


def _mounds(
    eye: Eye,
    rng: np.random.Generator,
    n: int,
    spread_um: float,
    radius_um: tuple[float, float],
    height_um: tuple[float, float],
    power: float,
) -> NDArray[np.float32]:
    """Heights of `n` mounds scattered about one place; where they meet, the higher."""
    centre = eye.place(rng)
    total = np.zeros(eye.grid.nasal_um.shape, np.float32)
    for k in range(n):
        spot = centre
        if k:
            spot = (
                centre[0] + rng.normal(0, spread_um),
                centre[1] + rng.normal(0, spread_um),
            )
        radius = rng.uniform(*radius_um)
        # Big mounds are high mounds.
        size = (radius - radius_um[0]) / (radius_um[1] - radius_um[0])
        height = height_um[0] + (height_um[1] - height_um[0]) * size
        height *= rng.uniform(0.7, 1.2)
        # A mound narrower than the distance of the B-scans is met by chance; the
        # first one is centred on a B-scan.
        window = eye.window(spot, (1.5 * radius, 1.5 * radius))
        if window is None:
            continue
        distance = outline(eye, rng, spot, (radius, radius), 0.1, window)
        np.maximum(total[window], height * dome(distance, power), out=total[window])
    return total


def add_drusen(eye: Eye, rng: np.random.Generator) -> None:
    """Drusen: mounds of medium brightness below the RPE."""
    n = int(rng.integers(4, 40))
    lift = _mounds(eye, rng, n, rng.uniform(500, 1300), (60, 260), (20, 95), 1.1)
    lift_rpe(eye, lift, rng.uniform(0.05, 0.35), blur_um=150)
    eye.fill(
        "drusen",
        (RPE_BOTTOM, 0),
        ("BM", 0),
        lift > 5,
        grey=rng.uniform(90, 155),
        texture=0.25,
    )


def add_rpd(eye: Eye, rng: np.random.Generator) -> None:
    """Reticular pseudodrusen: bright peaks on the RPE, into the receptors."""
    n = int(rng.integers(25, 90))
    peaks = _mounds(eye, rng, n, rng.uniform(900, 1600), (40, 110), (18, 62), 1.6)
    eye.lift(np.maximum(peaks - 22, 0), "EZ/OS", at_ilm=0.0)
    eye.lift(np.maximum(peaks - 45, 0), "ELM", at_ilm=0.0)
    eye.fill(
        "RPD",
        ("EZ/RPE", -peaks),
        ("EZ/RPE", 0),
        peaks > 5,
        grey=rng.uniform(110, 165),
        texture=0.2,
    )


def add_hf(eye: Eye, rng: np.random.Generator) -> None:
    """Hyperreflective foci and hard exudates: small, very bright, with a shadow."""
    zones = (("IPL/INL", "INL/OPL"), ("INL/OPL", "OPL/ONL"), ("OPL/ONL", "ELM"))
    clusters = [eye.place(rng, 0.7) for _ in range(int(rng.integers(1, 5)))]
    n = int(rng.integers(25, 120))
    for k in range(n):
        centre = clusters[k % len(clusters)]
        if k >= len(clusters):
            centre = (
                centre[0] + rng.normal(0, 420),
                centre[1] + rng.normal(0, 420),
            )
        within = zones[int(rng.integers(3))]
        if k >= len(clusters) and rng.random() < 0.75:
            _add_focus(eye, rng, within, centre, rng.uniform(8, 20), 0.1)
            continue
        # An exudate is a clump of deposits that grew together.
        for _ in range(int(rng.integers(2, 7))):
            part = centre[0] + rng.normal(0, 35), centre[1] + rng.normal(0, 35)
            _add_focus(eye, rng, within, part, rng.uniform(18, 48), 0.3)


def _add_focus(
    eye: Eye,
    rng: np.random.Generator,
    within: tuple[str, str],
    centre: tuple[float, float],
    radius_um: float,
    shadow: float,
) -> None:
    between, _, lateral = eye.grid.spacing_um
    radii = max(radius_um, 0.7 * lateral), max(radius_um, 0.51 * between)
    window = eye.window(centre, (1.8 * radii[0], 1.8 * radii[1]))
    if window is None:
        return
    distance = outline(eye, rng, centre, radii, 0.2, window)
    inside = distance < 1
    thickness = eye[within[1]][window] - eye[within[0]][window]
    middle = thickness * rng.uniform(0.2, 0.8)
    half = min(radius_um * rng.uniform(0.4, 0.8), 26.0) * np.sqrt(dome(distance))
    eye.bodies.append(
        Body(
            "HF",
            window,
            (within[0], np.where(inside, middle - half, np.nan).astype(np.float32)),
            (within[0], np.where(inside, middle + half, np.nan).astype(np.float32)),
            grey=rng.uniform(140, 230),
            texture=0.15,
            shadow=shadow,
            within=("RNFL/GCL", "ELM"),
        )
    )
