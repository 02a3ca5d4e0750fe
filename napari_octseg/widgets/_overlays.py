"""Boundaries and uncertainty drawn on top of a scan."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Vectors

from napari_octseg.labels import rgba_of
from napari_octseg.widgets._layers import KEY, bscan_on_screen

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_octseg.boundaries import Boundaries

_STRIP_HEIGHT = 0.03  # of the depth of a B-scan
_STRIP_GAP = 0.01


def boundary_colours(n_boundaries: int) -> list[str]:
    """Colours ``#rrggbb`` that are bright on grey; neighbours differ in hue."""
    # Steps of the golden ratio keep neighbours far apart whatever their number.
    hues = [(0.13 + i * 0.618) % 1 for i in range(n_boundaries)]
    rgb = [colorsys.hls_to_rgb(hue, 0.65, 1.0) for hue in hues]
    return [
        "#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in rgb
    ]


class BoundaryOverlay:
    """The boundaries of the B-scan on screen, as one layer that follows the slider.

    One two-dimensional layer is redrawn for every B-scan: a layer per boundary, or one
    that holds all B-scans, makes scrolling several times slower. With a `colour` all
    boundaries have that one, to tell them from those of another model.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        image_layer: Image,
        boundaries: Boundaries,
        *,
        name: str,
        colour: str | None = None,
    ) -> None:
        self._viewer = viewer
        self._image_layer = image_layer
        self._boundaries = boundaries
        self._drawn: int | None = None
        n_boundaries = len(boundaries.names)
        colours = [colour] * n_boundaries if colour else boundary_colours(n_boundaries)
        self._rgba = np.array([rgba_of(one) for one in colours])
        self.layer = Vectors(
            np.zeros((0, 2, 2)),
            ndim=2,
            name=name,
            units=image_layer.units[-2:],
            axis_labels=image_layer.axis_labels[-2:],
            vector_style="line",
            metadata={KEY: {"overlay": True}},
        )
        _add_inactive(viewer, self.layer)
        viewer.dims.events.current_step.connect(self._on_step)
        for event in (image_layer.events.scale, image_layer.events.units):
            event.connect(self.redraw)
        self.redraw()

    def remove(self) -> None:
        """Take the layer out of the viewer and stop following."""
        self._viewer.dims.events.current_step.disconnect(self._on_step)
        image_events = self._image_layer.events
        for event in (image_events.scale, image_events.units):
            event.disconnect(self.redraw)
        _remove(self._viewer, self.layer)

    def redraw(self, event: Any = None) -> None:
        """Draw the B-scan on screen anew: heights or spacing have changed."""
        self._drawn = bscan_on_screen(self._viewer, self._image_layer)
        image = self._image_layer
        # Drawn in world units, where a line is equally thick in both directions.
        lines, owner = polylines(
            self._boundaries.heights[:, self._drawn],
            scale=image.scale[-2:],
            origin=image.translate[-2:],
        )
        self.layer.units = image.units[-2:]
        self.layer.data = lines
        if len(lines):
            self.layer.edge_color = self._rgba[owner]
        # Thin when zoomed in, and still there when the whole B-scan is in view.
        across = self._boundaries.heights.shape[-1] * image.scale[-1]
        self.layer.edge_width = float(max(1.5 * min(image.scale[-2:]), across / 800))

    def _on_step(self, event: Any = None) -> None:
        if bscan_on_screen(self._viewer, self._image_layer) != self._drawn:
            self.redraw()


def polylines(
    heights: NDArray[np.float32],
    *,
    scale: NDArray[np.float64],
    origin: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Line pieces between neighbouring A-scans.

    Parameters
    ----------
    heights
        (n_boundaries, width) float32, px from the top; nothing is drawn at NaN.
    scale, origin
        (axial, lateral) scale and translation of the image layer.

    Returns
    -------
    (n_pieces, 2, 2) start and direction in world units, and the boundary that each
    piece belongs to.
    """
    columns = np.broadcast_to(np.arange(heights.shape[1]), heights.shape)
    points = np.stack([heights, columns], axis=-1) * scale + origin
    pieces = np.stack([points[:, :-1], np.diff(points, axis=1)], axis=2)
    whole = np.isfinite(pieces).all(axis=(2, 3))
    return pieces[whole], np.nonzero(whole)[0]


class ColumnStrip:
    """A strip above the B-scan: of each column a value in 0…1, bright where high."""

    def __init__(
        self,
        viewer: napari.Viewer,
        image_layer: Image,
        of_columns: NDArray[np.float32],
        *,
        name: str,
        colormap: str = "inferno",
    ) -> None:
        self._viewer = viewer
        self._image_layer = image_layer
        self._of_columns = of_columns
        self.layer = Image(
            self._values(),
            name=name,
            colormap=colormap,
            contrast_limits=(0.0, 1.0),
            axis_labels=image_layer.axis_labels,
            metadata={KEY: {"overlay": True}},
        )
        self._place()
        _add_inactive(viewer, self.layer)
        for event in (image_layer.events.scale, image_layer.events.units):
            event.connect(self._place)

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        image_events = self._image_layer.events
        for event in (image_events.scale, image_events.units):
            event.disconnect(self._place)
        _remove(self._viewer, self.layer)

    def redraw(self) -> None:
        """Show the values anew: B-scans were added."""
        self.layer.data = self._values()

    def _values(self) -> NDArray[np.float32]:
        values = np.nan_to_num(self._of_columns)[:, None, :]
        return values[0] if self._image_layer.ndim == 2 else values

    def _place(self, event: Any = None) -> None:
        place_above(self.layer, self._image_layer)


def place_above(layer: Layer, image_layer: Image, *, slot: int = 0) -> None:
    """Make a layer of one row per B-scan a strip above the B-scans of a scan.

    Parameters
    ----------
    layer
        Its data are one pixel deep.
    image_layer
        The scan.
    slot
        Number of strips that have room in between.
    """
    axial = float(image_layer.scale[-2])
    depth = image_layer.data.shape[image_layer.ndim - 2]
    rows = max(depth * _STRIP_HEIGHT, 4.0)
    gap = max(depth * _STRIP_GAP, 1.0)
    scale, translate = np.array(image_layer.scale), np.array(image_layer.translate)
    scale[-2] = rows * axial
    # Positions are those of pixel centres.
    translate[-2] -= (rows / 2 + gap + 0.5 + slot * (rows + gap)) * axial
    layer.scale, layer.translate = scale, translate
    layer.units = image_layer.units


def _add_inactive(viewer: napari.Viewer, layer: Layer) -> None:
    """Add a layer, and leave the one that the person works on the active one."""
    active = viewer.layers.selection.active
    viewer.add_layer(layer)
    viewer.layers.selection.active = active


def _remove(viewer: napari.Viewer, layer: Layer) -> None:
    if layer in list(viewer.layers):
        viewer.layers.remove(layer)
