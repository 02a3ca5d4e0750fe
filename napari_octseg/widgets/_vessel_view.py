"""A vessel map beside the B-scans: seen from the front, linked with the slider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import (
    QCheckBox,
    QGroupBox,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.labels import IGNORE
from napari_octseg.widgets._layers import (
    bscan_on_screen,
    known_volume,
    make_labels_layer,
    note,
)
from napari_octseg.widgets._legend import ClassTable
from napari_octseg.widgets._overlay_switch import OverlaySwitch
from napari_octseg.widgets._overlays import ColumnStrip
from napari_octseg.widgets._save_labels import LabelsSaver

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_octseg.engine.vessel_map import VesselMap
    from napari_octseg.widgets._panel import Panel

_OPACITY = 0.6
_HIGHEST = 360


class EnfacePicture(QWidget):
    """A picture with square pixels, and a line where the B-scan on screen lies.

    Signals
    -------
    bscan_asked
        A click or drag: the B-scan there.
    """

    bscan_asked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self._n_bscans = 1
        self._bscan = 0
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_pixels(self, rgb: NDArray[np.uint8], n_bscans: int) -> None:
        """Show another picture, (rows, columns, 3); its rows span the B-scans."""
        rgb = np.ascontiguousarray(rgb)
        rows, columns, _ = rgb.shape
        kind = QImage.Format.Format_RGB888
        # Copied, for Qt does not keep the array.
        self._image = QImage(rgb.data, columns, rows, 3 * columns, kind).copy()
        self._n_bscans = n_bscans
        self._fit()
        self.update()

    def show_bscan(self, index: int) -> None:
        """Move the line."""
        self._bscan = index
        self.update()

    def sizeHint(self) -> QSize:
        """As high as the width and the shape of the picture ask for."""
        return QSize(200, self.height())

    def place(self) -> QRectF:
        """Where the picture lies in the widget."""
        if self._image.isNull():
            return QRectF(self.rect())
        scale = min(
            self.width() / self._image.width(), self.height() / self._image.height()
        )
        size = (scale * self._image.width(), scale * self._image.height())
        return QRectF((self.width() - size[0]) / 2, 0.0, *size)

    def resizeEvent(self, event: Any) -> None:
        """Keep the shape of the picture."""
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, event: Any) -> None:
        """The picture, and the line over it."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        place = self.place()
        painter.drawImage(place, self._image)
        height = place.top() + (self._bscan + 0.5) / self._n_bscans * place.height()
        painter.setPen(QPen(QColor("#00e676"), 2))
        painter.drawLine(QPointF(place.left(), height), QPointF(place.right(), height))
        painter.end()

    def mousePressEvent(self, event: Any) -> None:
        """Go to the B-scan under the mouse."""
        place = self.place()
        share = (event.pos().y() - place.top()) / max(place.height(), 1.0)
        index = int(np.clip(share * self._n_bscans, 0, self._n_bscans - 1))
        self.bscan_asked.emit(index)

    def mouseMoveEvent(self, event: Any) -> None:
        """Drag through the B-scans."""
        self.mousePressEvent(event)

    def _fit(self) -> None:
        if not self._image.isNull():
            wanted = round(self.width() * self._image.height() / self._image.width())
            self.setFixedHeight(max(min(wanted, _HIGHEST), 40))


class VesselView(QGroupBox):
    """The vessel map of the scan that is chosen; hidden where there is none."""

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__("Vessels, seen from the front")
        self._viewer = viewer
        self._made: dict[Image, tuple[Any, VesselMap]] = {}
        self._image: Image | None = None
        self._map: VesselMap | None = None
        self.picture = EnfacePicture()
        self.picture.setToolTip("Click or drag: go to that B-scan")
        self.picture.bscan_asked.connect(self._on_asked)
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.shown_box = QCheckBox("Show vessels")
        self.shown_box.setChecked(True)
        self.shown_box.toggled.connect(self._draw)
        self.strip_switch = OverlaySwitch(
            "Mark vessels above the B-scan", viewer, panel
        )
        self.class_table = ClassTable()
        self.window_button = QPushButton("Open in a new window")
        self.window_button.setToolTip(
            "The picture and its vessels as layers, to look closer or to edit"
        )
        self.window_button.clicked.connect(self._on_window)
        self.saver = LabelsSaver()
        self.saver.button.setText("Save vessel map…")
        self.saver.button.setToolTip("The vessels, and beside them the picture (TIFF)")
        layout = QVBoxLayout(self)
        for widget in (
            self.picture,
            self.caption,
            self.shown_box,
            self.strip_switch,
            self.class_table,
            self.window_button,
            self.saver,
        ):
            layout.addWidget(widget)
        panel.listen(viewer.dims.events.current_step, self._on_step)
        panel.listen(viewer.layers.events.removed, self._on_removed)
        self.hide()

    @property
    def vessel_map(self) -> VesselMap | None:
        """The map shown."""
        return self._map

    def keep(self, image: Image, made: VesselMap) -> None:
        """Take over a new map of a scan, and show it."""
        volume = known_volume(image)
        if volume is not None:
            self._made[image] = (volume.data, made)
            self.show_scan(image)

    def show_scan(self, image: Image | None) -> None:
        """Show the map of a scan, if it has one."""
        pixels, made = self._made.get(image, (None, None)) if image else (None, None)
        volume = known_volume(image) if image is not None else None
        # Other pixels may have been put into its layer.
        is_valid = volume is not None and volume.data is pixels
        self._image, self._map = (image, made) if is_valid else (None, None)
        self.setVisible(self._map is not None)
        if self._map is None or self._image is None:
            self.strip_switch.offer(None, None)
            self.saver.offer(None)
            return
        self._fill(self._image, self._map)

    def _fill(self, image: Image, made: VesselMap) -> None:
        viewer, title = self._viewer, made.model.title
        known = made.labels[made.labels != IGNORE]
        share = float((known > 0).mean()) if known.size else 0.0
        notes = " ".join((*made.projection.notes, "Research use only."))
        self.caption.setText(
            f"{title}: vessels on {100 * share:.1f} % of the area. The line is the "
            f"B-scan on screen; B-scan 0 is at the top. {notes}"
        )
        self.class_table.show_classes(made.label_set)
        self.class_table.show_areas(made.labels, made.volume)
        on_columns = (made.grid_labels == 1).astype(np.float32)
        self.strip_switch.offer(
            on_columns,
            lambda: ColumnStrip(
                viewer, image, on_columns, name=f"vessels – {title}", colormap="red"
            ),
        )
        _, labels = self._layers(image, made)
        self.saver.offer(labels)
        self._draw()
        self._on_step()

    def _layers(self, image: Image, made: VesselMap) -> tuple[Image, Labels]:
        """The projection and the vessels as two-dimensional layers."""
        step = made.spacing_um[0]
        picture = Image(
            made.volume.bscan(0),
            name=f"{image.name} – from the front",
            scale=(step, step) if step else None,
            units=("um", "um") if step else None,
            metadata={"octseg": {"volume": made.volume, "plane": "enface"}},
        )
        labels = make_labels_layer(
            made.labels[None],
            made.volume,
            made.label_set,
            image_layer=picture,
            name=f"{image.name} – {made.model.title}",
        )
        names = "+".join(card.name for card in (made.model, *made.others))
        note(labels, scan=image.name, model=names, projection=made.volume)
        return picture, labels

    def _draw(self) -> None:
        if self._map is None:
            return
        made = self._map
        grey = np.clip(made.volume.bscan_as_shown(0), 0, 1)
        rgb = np.repeat(255 * grey[..., None], 3, axis=-1)
        if self.shown_box.isChecked():
            for index, rgba in made.label_set.colours.items():
                if index:
                    own = 255 * np.array(rgba[:3])
                    here = made.labels == index
                    rgb[here] = (1 - _OPACITY) * rgb[here] + _OPACITY * own
        self.picture.show_pixels(
            rgb.round().astype(np.uint8), made.grid_labels.shape[0]
        )

    def _on_asked(self, index: int) -> None:
        image = self._image
        if image is None:
            return
        axis = self._viewer.dims.ndim - image.ndim
        point = float(image.data_to_world((index, 0, 0))[0])
        self._viewer.dims.set_point(axis, point)

    def _on_step(self, event: Any = None) -> None:
        if self._image is not None:
            self.picture.show_bscan(bscan_on_screen(self._viewer, self._image))

    def _on_window(self) -> None:
        import napari

        if self._image is None or self._map is None:
            return
        window = napari.Viewer(title="Vessels, seen from the front")
        for layer in self._layers(self._image, self._map):
            window.add_layer(layer)

    def _on_removed(self, event: Any) -> None:
        if self._made.pop(event.value, None) is not None and self._image not in (
            *self._made,
        ):
            self.show_scan(None)
