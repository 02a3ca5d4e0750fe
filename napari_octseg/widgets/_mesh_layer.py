"""A layer that shows a mesh over a B-scan and is redrawn many times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Surface

from napari_octseg.widgets._layers import KEY, redraw
from napari_octseg.widgets._overlays import _add_inactive, _remove

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_octseg.widgets._mesh import Mesh

_SPARE = 1024
"""Vertices and faces in store beyond what is drawn."""


class MeshLayer:
    """Draws meshes in world units, as a two-dimensional layer over a scan.

    Its arrays are overwritten in place: giving a layer new data makes napari work out
    the extent of all layers, which takes longer than a frame.
    """

    def __init__(
        self, viewer: napari.Viewer, image_layer: Image, mesh: Mesh, name: str
    ) -> None:
        self._viewer = viewer
        self._image_layer = image_layer
        vertices, faces, colours = self._stored(mesh, 0)
        self.layer = Surface(
            (vertices, faces),
            vertex_colors=colours,
            name=name,
            units=image_layer.units[-2:],
            axis_labels=image_layer.axis_labels[-2:],
            shading="none",
            # Later triangles lie on top of earlier ones, not behind them.
            blending="translucent_no_depth",
            metadata={KEY: {"overlay": True}},
        )
        _add_inactive(viewer, self.layer)
        _keep_shaders(self.layer)

    def draw(self, mesh: Mesh) -> None:
        """Show another mesh."""
        layer = self.layer
        if layer.units != self._image_layer.units[-2:]:
            layer.units = self._image_layer.units[-2:]
        n_vertices, n_faces = len(mesh.vertices), len(mesh.faces)
        if n_vertices > len(layer.vertices) or n_faces > len(layer.faces):
            vertices, faces, colours = self._stored(mesh, _SPARE)
            # One after the other they would not fit together.
            layer.vertex_colors = None
            layer.data = (vertices, faces)
            layer.vertex_colors = colours
            return
        layer.vertices[:n_vertices] = mesh.vertices
        layer.vertices[n_vertices:] = self._corner(mesh)
        layer.faces[:n_faces] = mesh.faces
        layer.faces[n_faces:] = 0
        layer.vertex_colors[:n_vertices] = mesh.colours
        redraw(layer)

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        _remove(self._viewer, self.layer)

    def _stored(
        self, mesh: Mesh, spare: int
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32], NDArray[np.float32]]:
        n_vertices = max(len(mesh.vertices) + spare, 3)
        n_faces = max(len(mesh.faces) + spare, 1)
        vertices = np.empty((n_vertices, 2), np.float32)
        vertices[:] = self._corner(mesh)
        vertices[: len(mesh.vertices)] = mesh.vertices
        faces = np.zeros((n_faces, 3), np.uint32)
        faces[: len(mesh.faces)] = mesh.faces
        colours = np.zeros((n_vertices, 4), np.float32)
        colours[: len(mesh.colours)] = mesh.colours
        return vertices, faces, colours

    def _corner(self, mesh: Mesh) -> NDArray[np.float32]:
        """Where vertices that are not drawn do not stretch the extent."""
        if len(mesh.vertices):
            first: NDArray[np.float32] = mesh.vertices[0]
            return first
        return np.asarray(self._image_layer.translate[-2:], np.float32)


def _keep_shaders(layer: Surface) -> None:
    """Keep the shaders of a layer while its mesh changes.

    vispy puts a new function, equal to the one before, into the shaders of a mesh
    whenever its vertices change, and compiles them anew: about half of the time of a
    redraw. napari has no public way to what it draws a layer with; where it is not to
    be found, redraws are as slow as ever.
    """
    for callback in layer.events.set_data.callbacks:
        # A method is kept as a weak reference to its object, and its name.
        owner = callback[0]() if isinstance(callback, tuple) else None
        node: Any = getattr(owner, "node", None)
        build = getattr(node, "_build_color_transform", None)
        if build is not None:
            node._build_color_transform = _KeptTransform(build)


class _KeptTransform:
    """Gives the same function every time for colours of vertices."""

    def __init__(self, build: Callable[[np.ndarray], Any]) -> None:
        self._build = build
        self._plain = build(np.zeros((1, 4), np.float32))

    def __call__(self, colours: np.ndarray) -> Any:
        # A single value per vertex goes through a colour map.
        of_values = colours.ndim == 2 and colours.shape[1] == 1
        return self._build(colours) if of_values else self._plain
