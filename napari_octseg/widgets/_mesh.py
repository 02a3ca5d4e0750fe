"""Triangles of the lines, dots and rings that are drawn over a B-scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HALO = (0.0, 0.0, 0.0, 0.65)
"""What lies around everything drawn: bright lines stay visible on a bright scan."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Coloured triangles; later ones lie on top of earlier ones.

    Attributes
    ----------
    vertices
        (n, 2) float32, (down, right) in world units; all finite.
    faces
        (m, 3) uint32, indices of vertices.
    colours
        (n, 4) float32 RGBA in 0…1, of each vertex.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.uint32]
    colours: NDArray[np.float32]


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """All triangles of several meshes, the last on top; empty if there are none."""
    if not meshes:
        return Mesh(
            np.zeros((0, 2), np.float32),
            np.zeros((0, 3), np.uint32),
            np.zeros((0, 4), np.float32),
        )
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [
                mesh.faces + np.uint32(start)
                for mesh, start in zip(meshes, starts, strict=False)
            ]
        ),
        np.concatenate([mesh.colours for mesh in meshes]),
    )


def ribbons(
    points: NDArray[np.float64],
    widths: NDArray[np.float64],
    colours: NDArray[np.float64],
) -> Mesh:
    """Lines of some width. Their number of triangles does not depend on gaps.

    Parameters
    ----------
    points
        (n_lines, n_points, 2), (down, right) in world units; no line at NaN.
    widths
        (n_lines,) in world units.
    colours
        (n_lines, 4) RGBA in 0…1.
    """
    n_lines, n_points, _ = points.shape
    if n_lines == 0 or n_points < 2:
        return joined([])
    # Faster than `all` over an axis of two.
    there = np.isfinite(points[..., 0]) & np.isfinite(points[..., 1])
    aside = _normals(points) * (widths[:, None, None] / 2)
    aside = np.where(np.isfinite(aside), aside, 0)
    whole = np.where(there[..., None], points, _any_point(points, there))
    vertices = np.stack([whole - aside, whole + aside], axis=2)
    first = 2 * np.arange(n_lines * n_points).reshape(n_lines, n_points)[:, :-1]
    faces = first[..., None, None] + np.array([[0, 1, 2], [1, 3, 2]])
    faces[~(there[:, :-1] & there[:, 1:])] = 0
    return Mesh(
        vertices.reshape(-1, 2).astype(np.float32),
        faces.reshape(-1, 3).astype(np.uint32),
        np.repeat(colours, 2 * n_points, axis=0).astype(np.float32),
    )


def outlined(
    points: NDArray[np.float64],
    widths: NDArray[np.float64],
    colours: NDArray[np.float64],
    *,
    halo: float,
) -> Mesh:
    """`ribbons` with a dark border of `halo` world units on both sides."""
    dark = np.broadcast_to(np.array(HALO), (len(points), 4))
    return joined(
        [
            ribbons(points, widths + 2 * halo, dark),
            ribbons(points, widths, colours),
        ]
    )


def dots(
    centres: NDArray[np.float64], size: float, colours: NDArray[np.float64]
) -> Mesh:
    """Squares around points.

    Parameters
    ----------
    centres
        (n, 2), (down, right) in world units, finite.
    size
        Length of an edge in world units.
    colours
        (n, 4) RGBA in 0…1.
    """
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * size / 2
    vertices = centres[:, None] + corners
    faces = 4 * np.arange(len(centres))[:, None, None] + [[0, 1, 2], [1, 3, 2]]
    return Mesh(
        vertices.reshape(-1, 2).astype(np.float32),
        faces.reshape(-1, 3).astype(np.uint32),
        np.repeat(colours, 4, axis=0).astype(np.float32),
    )


def outlined_dots(
    centres: NDArray[np.float64],
    size: float,
    colours: NDArray[np.float64],
    *,
    halo: float,
) -> Mesh:
    """`dots` with a dark border of `halo` world units."""
    dark = np.broadcast_to(np.array(HALO), (len(centres), 4))
    return joined([dots(centres, size + 2 * halo, dark), dots(centres, size, colours)])


def circle(
    centre: tuple[float, float], radii: tuple[float, float], n_points: int = 49
) -> NDArray[np.float64]:
    """Points around an ellipse, the last on the first.

    Parameters
    ----------
    centre, radii
        (down, right) in world units.
    n_points
        Number of points.

    Returns
    -------
    (1, n_points, 2), as `ribbons` takes it.
    """
    turn = np.linspace(0, 2 * np.pi, n_points)
    around = np.stack([np.sin(turn), np.cos(turn)], axis=-1)
    points: NDArray[np.float64] = (np.array(centre) + around * np.array(radii))[None]
    return points


def _normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors across each line at its points; NaN where it has no direction."""
    step = np.diff(points, axis=1)
    before = np.concatenate([step[:, :1], step], axis=1)
    after = np.concatenate([step, step[:, -1:]], axis=1)
    # Next to a gap there is one neighbour only.
    before = np.where(np.isfinite(before), before, after)
    after = np.where(np.isfinite(after), after, before)
    along = before + after
    length = np.hypot(along[..., 0], along[..., 1])
    length[length == 0] = np.nan
    across = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    normals: NDArray[np.float64] = across / length[..., None]
    return normals


def _any_point(
    points: NDArray[np.float64], there: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Some point of the lines, to hide the corners of triangles that are not drawn."""
    at = there.argmax()
    return points.reshape(-1, 2)[at] if there.flat[at] else np.zeros(2)
