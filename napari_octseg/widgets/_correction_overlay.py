"""The boundaries of the B-scan that is corrected, and what the tool in hand draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_octseg.labels import rgba_of
from napari_octseg.widgets._mesh import (
    Mesh,
    circle,
    joined,
    outlined,
    outlined_dots,
    ribbons,
)
from napari_octseg.widgets._mesh_layer import MeshLayer
from napari_octseg.widgets._overlays import boundary_colours
from napari_octseg.widgets._pointer import shows_bscans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import ArrayLike, NDArray

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.widgets._grading_view import GradingView

_LINE, _CHOSEN, _HOVERED, _HALO = 1.5, 2.6, 4.2, 1.0
"""Widths in pixels of the screen."""

_POINT_EVERY = 1.5
"""Pixels of the screen from point to point of a line, at least: its own width."""

_KNOT, _KNOT_AT_HAND = 6.0, 9.0
_WHITE = (1.0, 1.0, 1.0, 1.0)
_YELLOW = (1.0, 0.9, 0.2, 1.0)
_GREY = (0.5, 0.5, 0.5, 0.35)


class CorrectionOverlay(QObject):
    """Two layers over the scan: all boundaries, and the drawings of the tool in hand.

    Both hold one B-scan in world units, follow the slider, and are redrawn at most once
    between two turns of the event loop. Lines keep their width on the screen.

    Attributes
    ----------
    boundary_layer, tool_layer
        The layers while a grading is open.
    """

    def __init__(self, view: GradingView) -> None:
        super().__init__(view)
        self._view = view
        self._viewer = view.viewer
        self.boundary_layer: MeshLayer | None = None
        self.tool_layer: MeshLayer | None = None
        self._image: Image | None = None
        self._hovered: int | None = None
        self._chosen: int | None = None
        self._wanted = True
        self._marks: dict[str, Mesh] = {}
        self._stale: set[str] = set()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self.flush)
        view.opened.connect(self._on_opened)
        view.changed.connect(self._on_changed)
        view.stepped.connect(self._on_step)
        if view.grading is not None:
            self._on_opened(view.grading)

    @property
    def hovered(self) -> int | None:
        """The boundary that the pointer is at: thickest."""
        return self._hovered

    @property
    def chosen(self) -> int | None:
        """The boundary that the tool in hand changes: thicker than the others."""
        return self._chosen

    @property
    def visible(self) -> bool:
        """Whether boundaries and drawings are wanted on the B-scan."""
        return self._wanted

    @visible.setter
    def visible(self, wanted: bool) -> None:
        self._wanted = wanted
        self._show_or_hide()

    def highlight(self, hovered: int | None, chosen: int | None) -> None:
        """Thicken the boundary at the pointer and the one that is chosen."""
        if (hovered, chosen) != (self._hovered, self._chosen):
            self._hovered, self._chosen = hovered, chosen
            self._redraw_soon("boundaries")

    def show_knots(self, knots: ArrayLike, at_hand: int | None = None) -> None:
        """Squares at (n, 2) (row, column); the one at hand is larger and yellow."""
        points = self._world(knots)
        colours = np.tile(_WHITE, (len(points), 1))
        size, halo = self._screen(_KNOT), self._screen(1.5)
        meshes = [outlined_dots(points, size, colours, halo=halo)]
        if at_hand is not None:
            one = slice(at_hand, at_hand + 1)
            meshes.append(
                outlined_dots(
                    points[one],
                    self._screen(_KNOT_AT_HAND),
                    np.array([_YELLOW]),
                    halo=halo,
                )
            )
        self._mark("knots", joined(meshes))

    def show_path(self, path: ArrayLike | None) -> None:
        """A line through (n, 2) (row, column), where a boundary will lie; or none."""
        if path is None or len(np.asarray(path)) < 2:
            self._mark("path", None)
            return
        self._mark_line("path", self._world(path), _CHOSEN, _YELLOW, halo=1.5)

    def show_offer(self, path: ArrayLike | None) -> None:
        """A thin line through (n, 2) (row, column), which Enter would draw; or none."""
        if path is None:
            self._mark("offer", None)
            return
        self._mark_line("offer", self._world(path), _LINE, _WHITE, halo=1)

    def show_clicks(self, clicks: Sequence[tuple[float, float]]) -> None:
        """Squares at the (row, column) of clicks that wait for another one."""
        if not clicks:
            self._mark("clicks", None)
            return
        colours = np.tile(_YELLOW, (len(clicks), 1))
        size, halo = self._screen(_KNOT), self._screen(1.5)
        points = self._world(clicks)
        self._mark("clicks", outlined_dots(points, size, colours, halo=halo))

    def show_circle(
        self, centre: tuple[float, float] | None, radii: tuple[float, float] = (0, 0)
    ) -> None:
        """The reach of a brush: centre and radii as (rows, columns); None: none."""
        if centre is None or self._image is None:
            self._mark("circle", None)
            return
        middle = self._world([centre])[0]
        across = np.abs(self._image.scale[-2:]) * radii
        line = circle((middle[0], middle[1]), (across[0], across[1]))
        self._mark_line("circle", line[0], _LINE, _WHITE, halo=1)

    def show_columns(self, first: float, last: float) -> None:
        """A grey band over columns, `last` among them; none if it is before `first`."""
        grading = self._view.grading
        if grading is None or last < first:
            self._mark("columns", None)
            return
        depth = grading.volume.depth
        middle, half = (first + last) / 2, (last - first + 1) / 2
        ends = self._world([(-0.5, middle), (depth - 0.5, middle)])[None]
        sides = self._world([(0, middle - half), (0, middle + half)])
        width = np.array([abs(sides[1, 1] - sides[0, 1])])
        self._mark("columns", ribbons(ends, width, np.array([_GREY])))

    def clear(self) -> None:
        """Take away what the tool has drawn, and the highlights."""
        self._marks.clear()
        self._redraw_soon("tool")
        self.highlight(None, None)

    def flush(self) -> None:
        """Draw now what has changed."""
        self._soon.stop()
        stale, self._stale = self._stale, set()
        if "boundaries" in stale and self._is_there(self.boundary_layer):
            assert self.boundary_layer is not None
            self.boundary_layer.draw(self._boundaries())
        if "tool" in stale and self._is_there(self.tool_layer):
            assert self.tool_layer is not None
            self.tool_layer.draw(joined([*self._marks.values()]))

    def _on_opened(self, grading: Grading | None) -> None:
        self._remove()
        image = self._view.image_layer
        if grading is None or image is None:
            return
        self._image = image
        self.boundary_layer = MeshLayer(
            self._viewer, image, self._boundaries(), "correction: boundaries"
        )
        self.tool_layer = MeshLayer(
            self._viewer, image, joined([]), "correction: marks of the tool"
        )
        for event in self._events():
            event.connect(self._on_geometry)
        self._viewer.scene.camera.events.zoom.connect(self._on_zoom)
        for event in self._dims_events():
            event.connect(self._show_or_hide)
        self._show_or_hide()

    def _remove(self) -> None:
        self._soon.stop()
        self._stale.clear()
        self._marks.clear()
        self._hovered = self._chosen = None
        if self._image is not None:
            for event in self._events():
                event.disconnect(self._on_geometry)
            self._viewer.scene.camera.events.zoom.disconnect(self._on_zoom)
            for event in self._dims_events():
                event.disconnect(self._show_or_hide)
        for layer in (self.boundary_layer, self.tool_layer):
            if layer is not None:
                layer.remove()
        self.boundary_layer = self.tool_layer = self._image = None

    def _events(self) -> tuple[Any, ...]:
        assert self._image is not None
        events = self._image.events
        return events.scale, events.translate, events.units

    def _dims_events(self) -> tuple[Any, ...]:
        return self._viewer.dims.events.ndisplay, self._viewer.dims.events.order

    def _on_changed(self, change: Change) -> None:
        if "heights" in change.targets and self._view.bscan in change.bscans:
            self._redraw_soon("boundaries")

    def _on_step(self, bscan: int) -> None:
        self._redraw_soon("boundaries")

    def _on_geometry(self, event: Any = None) -> None:
        # The tool draws anew at the next move of the mouse; this is out of place.
        self._marks.clear()
        self._redraw_soon("tool")
        self._redraw_soon("boundaries")

    def _on_zoom(self, event: Any = None) -> None:
        self._redraw_soon("boundaries")

    def _show_or_hide(self, event: Any = None) -> None:
        if self._image is None:
            return
        shown = self._wanted and shows_bscans(self._viewer, self._image)
        for layer in (self.boundary_layer, self.tool_layer):
            if layer is not None and self._is_there(layer):
                layer.layer.visible = shown

    def _mark(self, name: str, mesh: Mesh | None) -> None:
        if mesh is None and name not in self._marks:
            return
        if mesh is None:
            del self._marks[name]
        else:
            self._marks[name] = mesh
        self._redraw_soon("tool")

    def _mark_line(
        self,
        name: str,
        points: NDArray[np.float64],
        width_px: float,
        colour: tuple[float, float, float, float],
        *,
        halo: float,
    ) -> None:
        """A line through (n, 2) world coordinates; widths in pixels of the screen."""
        widths, colours = np.array([self._screen(width_px)]), np.array([colour])
        line = outlined(points[None], widths, colours, halo=self._screen(halo))
        self._mark(name, line)

    def _redraw_soon(self, what: str) -> None:
        self._stale.add(what)
        if not self._soon.isActive():
            self._soon.start()

    def _boundaries(self) -> Mesh:
        grading = self._view.grading
        if grading is None or not len(grading.heights):
            return joined([])
        heights = grading.heights[:, self._view.bscan]
        n_boundaries, width = heights.shape
        columns = self._columns_to_draw(width)
        heights = heights[:, columns]
        across = np.broadcast_to(columns, heights.shape)
        points = self._world(np.stack([heights, across], axis=-1))
        widths = np.full(n_boundaries, _LINE)
        if self._chosen is not None:
            widths[self._chosen] = _CHOSEN
        if self._hovered is not None:
            widths[self._hovered] = _HOVERED
        scale = self._screen(1.0)
        return outlined(points, widths * scale, self._colours(), halo=_HALO * scale)

    def _columns_to_draw(self, width: int) -> NDArray[np.intp]:
        """All columns, or as many as the screen can show where they are narrow."""
        assert self._image is not None
        px_per_column = abs(self._image.scale[-1]) * self._viewer.scene.camera.zoom
        step = max(int(_POINT_EVERY / max(px_per_column, 1e-6)), 1)
        columns = np.arange(0, width, min(step, max(width // 2, 1)))
        # The line reaches the edge.
        return np.union1d(columns, [width - 1])

    def _colours(self) -> NDArray[np.float64]:
        grading = self._view.grading
        assert grading is not None
        codes = boundary_colours(len(grading.boundary_names))
        return np.array([rgba_of(code) for code in codes])

    def _world(self, points: ArrayLike) -> NDArray[np.float64]:
        """(…, 2) (row, column) as world coordinates of the two axes on screen."""
        image = self._view.image_layer
        assert image is not None
        world: NDArray[np.float64] = (
            np.asarray(points, float) * image.scale[-2:] + image.translate[-2:]
        )
        return world

    def _screen(self, px: float) -> float:
        """Pixels of the screen as a length in the world."""
        return float(px / self._viewer.scene.camera.zoom)

    def _is_there(self, layer: MeshLayer | None) -> bool:
        """Whether the person has not taken the layer out of the viewer."""
        return layer is not None and layer.layer in list(self._viewer.layers)
