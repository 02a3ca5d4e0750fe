"""Bring a place of a B-scan into view."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.widgets._grading_view import GradingView

_LEAST_COLUMNS = 80


def look_at(
    view: GradingView, bscan: int, columns: tuple[int, int], row: float | None
) -> None:
    """Show a B-scan, with some of its columns in the middle of the canvas.

    It is never zoomed out, and zoomed in only as far as the columns need to be seen.

    Parameters
    ----------
    view
        Shows the scan.
    bscan
        Index of the B-scan.
    columns
        First and last column.
    row
        Where along depth, px from the top; None to stay at that depth.
    """
    view.go_to(bscan)
    image = view.image_layer
    if image is None or view.viewer.dims.ndisplay != 2:
        return
    first, last = columns
    place = [bscan, row or 0.0, (first + last) / 2][-image.ndim :]
    axial, lateral = image.data_to_world(place)[-2:]
    camera = view.viewer.scene.camera
    shown = max(4 * (last - first + 1), _LEAST_COLUMNS) * float(image.scale[-1])
    wanted = float(view.viewer.canvas.size[1]) / shown
    camera.zoom = max(camera.zoom, wanted)
    before = camera.center
    camera.center = (*before[:-2], before[-2] if row is None else axial, lateral)
