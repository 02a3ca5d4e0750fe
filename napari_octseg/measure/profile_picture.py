"""The occupancy profile of a volume as a picture in three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.io.atomic import written_whole
from napari_octseg.measure.opacity import opacity_of

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.measure.quantify import ClassQuantity, Quantification

_SIZE_INCH, _DPI = (11.0, 7.5), 150
_PAPER, _INK, _FAINT = "#15181c", "#e8e8e8", "#5a6068"
_MOST_CELLS = 110  # along the longer side; more are slow and no better to see
_HAIR = 1e-3  # B-scans
_LONGEST_TITLE = 65  # characters that fit into its line
_LIGHT = np.array([-0.4, -0.5, 0.77])  # from the upper left, towards the reader


def save_profile(
    occupancy: NDArray[np.uint16],
    found: Quantification,
    path: Path,
    *,
    title: str,
) -> None:
    """Draw on how many B-scans each pixel has each class, and write it as PNG.

    Every class is a relief over the B-scan: the further it stands out, the more B-scans
    have the class there. Classes have their colours and the opacities of `opacity_of`;
    the legend begins with the class that takes most.

    Parameters
    ----------
    occupancy
        (n_classes, depth, width) counts of `iter_occupancy`, background first.
    found
        Percentages of the same labels.
    path
        PNG to write; the whole file or nothing.
    title
        Of the scan.

    Raises
    ------
    WriteError
        If the disk refuses.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCH, dpi=_DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    axes: Any = figure.add_axes((-0.03, 0.03, 0.84, 0.9), projection="3d")
    shown = sorted(
        (one for one in found.classes if one.predicted.area_px),
        key=lambda one: -one.predicted.percent,
    )
    _draw_reliefs(axes, occupancy, shown)
    _set_axes(axes, occupancy.shape[1:], found.n_bscans)
    _add_legend(figure, shown)
    short = title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"
    figure.text(0.03, 0.94, short, color=_INK, fontsize=15, weight="bold")
    caption = (
        f"Height: on how many of the {found.n_bscans} B-scans a pixel has the class. "
        "Research use only."
    )
    figure.text(0.03, 0.025, caption, color=_INK, fontsize=9)
    with written_whole(path) as target:
        figure.savefig(target, format="png", facecolor=_PAPER)


def _draw_reliefs(
    axes: Any, occupancy: NDArray[np.uint16], shown: list[ClassQuantity]
) -> None:
    from matplotlib.colors import to_rgb
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    step = -(-max(occupancy.shape[1:]) // _MOST_CELLS)
    quads: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.float64]] = []
    edges: list[NDArray[np.float64]] = []
    for rank, one in enumerate(shown):
        relief = relief_quads(occupancy[one.class_index], step)
        # Where two classes are equally high, the rarer one is seen as a whole instead
        # of the faces of both by turns.
        relief[..., 2] += rank * _HAIR
        face, edge = opacity_of(one.label_class.name)
        light = _brightness(relief)[:, None]
        rgb = np.clip(np.array(to_rgb(one.label_class.colour)) * light, 0, 1)
        quads.append(relief)
        faces.append(np.column_stack([rgb, np.full(len(rgb), face)]))
        edges.append(np.column_stack([rgb, np.full(len(rgb), edge * 0.35)]))
    if not quads:
        return
    # One collection for all classes: only within it are faces sorted by distance.
    axes.add_collection3d(
        Poly3DCollection(
            np.concatenate(quads),
            facecolors=np.concatenate(faces),
            edgecolors=np.concatenate(edges),
            linewidths=0.25,
        )
    )


def relief_quads(counts: NDArray[np.uint16], step: int) -> NDArray[np.float64]:
    """The relief of one class as quadrangles.

    Parameters
    ----------
    counts
        (depth, width) number of B-scans.
    step
        Pixels along each side of a cell; a cell is as high as its highest pixel.

    Returns
    -------
    (n, 4, 3) corners as (column, row from the bottom, number of B-scans): the tops of
    all cells that are not 0, and walls down to 0 around them.
    """
    depth, width = counts.shape
    rows, columns = -(-depth // step), -(-width // step)
    padded = np.zeros((rows * step, columns * step))
    padded[:depth, :width] = counts
    cells = padded.reshape(rows, step, columns, step).max(axis=(1, 3))
    heights = _corner_heights(cells)

    row, column = np.nonzero(cells)

    def corner(down: int, right: int) -> NDArray[np.float64]:
        r, c = row + down, column + right
        return np.column_stack(
            [
                np.minimum(c * step, width),
                depth - np.minimum(r * step, depth),
                heights[r, c],
            ]
        ).astype(float)

    around = [corner(0, 0), corner(0, 1), corner(1, 1), corner(1, 0)]
    quads = [np.stack(around, axis=1)]
    edge = np.pad(cells, 1)
    neighbours = ((0, 1), (1, 2), (2, 1), (1, 0))  # beyond the side from corner i on
    for side, (down, right) in enumerate(neighbours):
        is_open = edge[row + down, column + right] == 0
        one, two = around[side][is_open], around[(side + 1) % 4][is_open]
        floor = np.array([1.0, 1.0, 0.0])
        quads.append(np.stack([one, two, two * floor, one * floor], axis=1))
    return np.concatenate(quads)


def _corner_heights(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the cells that meet in a corner and are not 0."""
    padded = np.pad(cells, 1)
    four = (padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:])
    around = np.stack(four)
    n = np.count_nonzero(around, axis=0)
    mean: NDArray[np.float64] = around.sum(axis=0) / np.maximum(n, 1)
    return mean


def _brightness(quads: NDArray[np.float64]) -> NDArray[np.float64]:
    """0.6…1.1 by how much a quadrangle faces the light."""
    normal = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    length = np.linalg.norm(normal, axis=1)
    facing = np.abs(normal @ _LIGHT) / np.where(length > 0, length, 1)
    brightness: NDArray[np.float64] = 0.6 + 0.5 * facing
    return brightness


def _set_axes(axes: Any, size: tuple[int, ...], n_bscans: int) -> None:
    depth, width = size
    axes.set_facecolor(_PAPER)
    axes.set(xlim=(0, width), ylim=(0, depth), zlim=(0, max(n_bscans, 1)))
    # One box for B-scans of every shape: others would not fit between the texts.
    axes.set_box_aspect((1.0, 0.9, 0.45), zoom=1.05)
    axes.view_init(elev=42, azim=-74)
    axes.set_xlabel("A-scan, px", color=_INK, labelpad=10)
    axes.set_ylabel("row from the bottom, px", color=_INK, labelpad=10)
    axes.set_zlabel("number of B-scans", color=_INK, labelpad=4)
    axes.tick_params(colors=_INK, labelsize=9)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1.0, 1.0, 1.0, 0.03))
        axis.line.set_color(_FAINT)
        axis._axinfo["grid"].update(color=_FAINT, linewidth=0.4)


def _add_legend(figure: Any, shown: list[ClassQuantity]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(
            facecolor=one.label_class.colour,
            edgecolor=_FAINT,
            label=f"{_percent(one.predicted.percent)} %  {one.label_class.name}",
        )
        for one in shown
    ]
    legend = figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(0.985, 0.91),
        frameon=False,
        labelcolor=_INK,
        # Figures of one width: the decimal points stand below each other.
        prop={"family": "DejaVu Sans Mono", "size": 11},
    )
    legend.set_title("Share of all classes", prop={"size": 10})
    legend.get_title().set_color(_INK)


def _percent(value: float) -> str:
    return f"{value:5.2f}" if value >= 0.01 else "<0.01"
