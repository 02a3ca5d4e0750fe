"""The classes of a volume as bodies in three dimensions, in the viewer itself."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Surface

from napari_octseg.measure.opacity import opacity_of
from napari_octseg.widgets._layers import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import napari
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_octseg.labels import LabelSet
    from napari_octseg.measure.surfaces import ClassSurface
    from napari_octseg.volume import OCTVolume

_ANGLES = (0.0, 25.0, 25.0)  # from in front, a little from above and from the left
_MARGIN = 0.08


class StackView:
    """Shows surfaces instead of the layers of the viewer, until `leave` is called.

    Every class is a layer of its own: the layer list shows and hides it, and changes
    how solid it is. What was shown before is hidden meanwhile and comes back as it was,
    with B-scan and camera.

    Parameters
    ----------
    viewer
        The viewer; it shows three dimensions from now on.
    labels_layer
        (B-scan, depth, A-scan); gives units and names of the axes.
    surfaces, label_set
        Surfaces of the classes, in indices of the labels.
    scale
        (between_bscans, axial, lateral), sides of a voxel.
    volume
        The scan, of which one B-scan stands within the stack; None if it is not known.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        labels_layer: Labels,
        surfaces: Sequence[ClassSurface],
        label_set: LabelSet,
        *,
        scale: tuple[float, float, float],
        volume: OCTVolume | None,
    ) -> None:
        self._viewer = viewer
        self._scale = np.array(scale)
        self._volume = volume
        self._before = _Before(viewer)
        for layer in self._before.shown:
            layer.visible = False
        viewer.dims.ndisplay = 3
        self._common: dict[str, Any] = {
            # One unit for all layers, or napari would not use any.
            "units": labels_layer.units,
            "axis_labels": labels_layer.axis_labels,
            "metadata": {KEY: {"overlay": True}},
        }
        self.bscan_layer: Surface | None = None
        if volume is not None:
            self.bscan_layer = self._bscan_layer(volume)
        # Small things come first: what is drawn later lets them shine through.
        ordered = sorted(surfaces, key=lambda one: one.n_voxels)
        self.class_layers = [self._class_layer(one, label_set) for one in ordered]
        for layer in self._layers:
            viewer.add_layer(layer)
        viewer.layers.selection.active = self._before.active
        viewer.scene.camera.angles = _ANGLES
        self.fit()

    @property
    def _layers(self) -> list[Surface]:
        bscan = [] if self.bscan_layer is None else [self.bscan_layer]
        return [*bscan, *self.class_layers]

    def fit(self) -> None:
        """Fit the stack into the canvas, seen from where it is seen now."""
        layers = [layer for layer in self._layers if layer in self._viewer.layers]
        if layers:
            self._viewer.fit_to_view(layers=layers, margin=_MARGIN)

    def show_bscan(self, index: int) -> None:
        """Put another B-scan into the stack."""
        if self.bscan_layer is None or self._volume is None:
            return
        self.bscan_layer.texture = _texture(self._volume, index)
        vertices, faces, values = self.bscan_layer.data
        moved = vertices.copy()
        moved[:, 0] = index * self._scale[0]
        self.bscan_layer.data = (moved, faces, values)

    def stretch(self, factor: float) -> None:
        """Draw depth so many times longer than it is."""
        for layer in self._layers:
            layer.scale = (1.0, factor, 1.0)

    def leave(self) -> None:
        """Take the surfaces away, and show again what was shown before."""
        with _quick_removal():
            for layer in self._layers:
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
        self._before.restore()

    def _class_layer(self, surface: ClassSurface, label_set: LabelSet) -> Surface:
        label_class = label_set.classes[surface.class_index]
        # World coordinates: light falls on the true slopes, not on those of indices.
        vertices = surface.vertices * self._scale
        return Surface(
            (vertices, surface.faces),
            vertex_colors=np.tile(np.array(label_class.rgba), (len(vertices), 1)),
            name=label_class.name,
            opacity=opacity_of(label_class.name)[0],
            shading="smooth",
            **self._common,
        )

    def _bscan_layer(self, volume: OCTVolume) -> Surface:
        _, depth, width = volume.shape
        first, bottom, right = -0.5, depth - 0.5, width - 0.5
        corners = np.array(
            [
                (0, first, first),
                (0, first, right),
                (0, bottom, right),
                (0, bottom, first),
            ]
        )
        return Surface(
            (corners * self._scale, np.array([(0, 1, 2), (0, 2, 3)]), np.ones(4)),
            texture=_texture(volume, 0),
            # The rows of a texture count from the bottom.
            texcoords=np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32),
            name="B-scan",
            shading="none",
            **self._common,
        )


@contextmanager
def _quick_removal() -> Iterator[None]:
    """Let napari not search the whole memory for garbage after each layer removed.

    It does, and takes half a second each time in a program of this size.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Before:
    """What a viewer showed, to be shown again."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self.shown: list[Layer] = [layer for layer in viewer.layers if layer.visible]
        self.active = viewer.layers.selection.active
        self._ndisplay = viewer.dims.ndisplay
        self._step = viewer.dims.current_step
        camera = viewer.scene.camera
        self._camera = {
            name: getattr(camera, name) for name in ("center", "zoom", "angles")
        }

    def restore(self) -> None:
        self._viewer.dims.ndisplay = self._ndisplay
        for layer in self.shown:
            layer.visible = True
        self._viewer.dims.current_step = self._step
        for name, value in self._camera.items():
            setattr(self._viewer.scene.camera, name, value)


def _texture(volume: OCTVolume, index: int) -> NDArray[np.uint8]:
    """(depth, width, 3) grey values of one B-scan."""
    grey = np.rint(volume.bscan_as_shown(index) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)
