"""Surfaces around the classes of a volume: the stacked B-scans as bodies in 3-D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.engine.progress import Progress
from napari_octseg.measure.quantify import as_stack

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_octseg.labels import LabelSet

# More triangles than this for each of a dozen classes cannot be turned smoothly without
# a graphics card.
_MOST_FACES = 60_000
# Rows and columns per cell, one after the other until there are few enough faces. Rows
# come first: they lie closer together than A-scans.
_STEPS = ((1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8))
_SMOOTH = 1.0  # columns
_BORDER = np.array([1, 1, 4])  # the smoothing looks four columns far
_LEAST = 0.05  # cells


@dataclass(frozen=True, eq=False)
class ClassSurface:
    """The closed surface around all that has one class.

    `vertices` are (n, 3) float32, (B-scan, row, column) as indices into the labels;
    `faces` are (m, 3) int32 triangles; `n_voxels` are those with the class.
    """

    class_index: int
    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    n_voxels: int


def iter_surfaces(
    labels: Any, label_set: LabelSet
) -> Generator[Progress, None, tuple[ClassSurface, ...]]:
    """Find the surface of every class that occurs, but not of the background.

    Between neighbouring B-scans the outline moves from one to the other, by the
    distance of each pixel from it; beyond the first and the last it ends half way to
    where the next would be. Large classes are sought on a coarser grid.

    Parameters
    ----------
    labels
        (n_bscans, depth, width) or (depth, width) class indices.
    label_set
        Their classes.

    Yields
    ------
    Progress, after each class.

    Returns
    -------
    Surfaces in the order of the label set.

    Raises
    ------
    LabelError
        If the labels are no integers, or have other axes.

    References
    ----------
    Raya and Udupa, *Shape-based interpolation of multidimensional objects*, IEEE
    Trans. Med. Imaging 9, 1990.
    """
    from scipy.ndimage import find_objects

    stack = np.asarray(as_stack(labels, "labels"))
    n = len(label_set) - 1
    boxes = find_objects(stack, max_label=n)
    found = []
    for class_index, box in enumerate(boxes, start=1):
        if box is not None:
            found.append(_surface(stack, class_index, box))
        yield Progress(class_index, n, label_set.names[class_index])
    return tuple(found)


def _surface(
    stack: NDArray[Any], class_index: int, box: tuple[slice, ...]
) -> ClassSurface:
    inside = stack[box] == class_index
    vertices, faces = _around(inside, *_steps(inside))
    corner = np.array([part.start for part in box], np.float32)
    n_voxels = int(np.count_nonzero(inside))
    return ClassSurface(class_index, vertices + corner, faces, n_voxels)


def _steps(inside: NDArray[np.bool_]) -> tuple[int, int]:
    """Rows and columns per cell that give no more faces than wanted, as estimated."""
    # Two triangles stand between every pair of neighbours that differ.
    between, rows, columns = (
        2 * np.count_nonzero(np.diff(inside, axis=axis)) for axis in range(3)
    )
    for n_rows, n_columns in _STEPS:
        area = n_rows * n_columns
        if rows / n_columns + columns / n_rows + between / area <= _MOST_FACES:
            break
    return n_rows, n_columns


def _around(
    inside: NDArray[np.bool_], rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Vertices and faces around what is inside, on cells of so many pixels."""
    from skimage.measure import marching_cubes

    share = _pooled(inside, rows, columns)
    # What is thinner than half a cell would be nowhere inside.
    border = [(width, width) for width in _BORDER]
    filled = np.pad(share >= min(0.5, float(share.max())), border)
    distances = np.zeros(filled.shape, np.float32)
    occupied = np.flatnonzero(filled.any(axis=(1, 2)))
    for index in occupied:
        distances[index] = _distance_inside(filled[index])
    for index in np.flatnonzero(~filled.any(axis=(1, 2))):
        # An empty B-scan: the outline of its neighbours ends half way to it.
        near = [i for i in (index - 1, index + 1) if i in occupied]
        distances[index] = -np.abs(distances[near]).max(axis=0) if near else -1
    vertices, faces, *_ = marching_cubes(distances, 0.0)  # type: ignore[no-untyped-call]
    vertices = vertices - _BORDER
    vertices[:, 1:] = (vertices[:, 1:] + 0.5) * np.array([rows, columns]) - 0.5
    return vertices.astype(np.float32), faces.astype(np.int32)


def _distance_inside(filled: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance of each cell of a B-scan from the outline; negative outside, cells."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter1d

    within = distance_transform_edt(filled)
    beyond = distance_transform_edt(~filled)
    # The outline runs half a cell from the centres of the last cells inside.
    signed = np.where(filled, within - 0.5, 0.5 - beyond)
    smooth = gaussian_filter1d(signed, _SMOOTH, axis=1, mode="nearest")
    # Every cell stays on its side: what is tiny does not vanish.
    kept = np.where(filled, np.maximum(smooth, _LEAST), np.minimum(smooth, -_LEAST))
    distance: NDArray[np.float32] = kept.astype(np.float32)
    return distance


def _pooled(inside: NDArray[np.bool_], rows: int, columns: int) -> NDArray[np.float32]:
    """Share of each cell of so many rows and columns that is inside."""
    n_bscans, depth, width = inside.shape
    n_rows, n_columns = -(-depth // rows), -(-width // columns)
    padded = np.zeros((n_bscans, n_rows * rows, n_columns * columns), np.float32)
    padded[:, :depth, :width] = inside
    cells = padded.reshape(n_bscans, n_rows, rows, n_columns, columns)
    share: NDArray[np.float32] = cells.mean(axis=(2, 4))
    return share
