"""Two models on one scan: either, or where they differ, with one click."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidgetItem,
    QVBoxLayout,
)
from superqt.utils import qthrottled

from napari_octseg.engine.comparing.difference import (
    Shared,
    agreement,
    difference,
    shared_classes,
)
from napari_octseg.labels import IGNORE, LabelClass, LabelSet
from napari_octseg.widgets._layers import (
    bscan_on_screen,
    dress,
    facts_of,
    make_labels_layer,
    note,
)
from napari_octseg.widgets._legend import swatch
from napari_octseg.widgets._overlay_switch import OverlaySwitch
from napari_octseg.widgets._overlays import BoundaryOverlay
from napari_octseg.widgets._plain_table import PlainTable, number_item
from napari_octseg.widgets._results import title_of

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_octseg.widgets._panel import Panel
    from napari_octseg.widgets._results import Result

_COLOURS = ("#00e5ff", "#ff9f1c")
_DIFFERS = LabelSet(
    (
        LabelClass.named("background"),
        LabelClass("differs", "the two models differ", "#ff00ff"),
    )
)
_REST_MS = 100
FIRST, SECOND, DIFFERENCE = range(3)


class CompareView(QGroupBox):
    """Hidden until two models have run on one scan.

    Signals
    -------
    labels_shown
        The labels layer of the model that is shown now.
    """

    labels_shown = Signal(object)

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__("Two models")
        self._viewer = viewer
        self._image: Image | None = None
        self._layers: tuple[Labels, Labels] | None = None
        self._map: Labels | None = None
        self._shared: Shared | None = None
        self._counts: dict[int, NDArray[np.int64]] = {}
        self._build(panel)
        self._refresh_soon = qthrottled(self._refresh, timeout=_REST_MS)
        panel.listen(viewer.dims.events.current_step, self._on_change)
        panel.listen(viewer.layers.events.removed, self._on_removed)
        panel.closing.connect(self.forget)
        self.hide()

    def _build(self, panel: Panel) -> None:
        self.buttons = [QPushButton(text) for text in ("First", "Second", "Difference")]
        for button, colour in zip(self.buttons, _COLOURS, strict=False):
            button.setIcon(swatch(colour))
        self.buttons[DIFFERENCE].setIcon(swatch(_DIFFERS.classes[1].colour))
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        row.setSpacing(4)
        for index, button in enumerate(self.buttons):
            button.setCheckable(True)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            self._group.addButton(button, index)
            row.addWidget(button)
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.boundary_switch = OverlaySwitch(
            "Boundaries of both models", self._viewer, panel
        )
        self.second_switch = OverlaySwitch("", self._viewer, panel)
        self.second_switch.setParent(self)
        self.second_switch.hide()
        self.boundary_switch.toggled.connect(self.second_switch.setChecked)
        self.table = PlainTable()
        self.table.setToolTip(
            "Of the pixels that either model calls this class, the share that both do"
        )
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        for widget in (self.caption, self.boundary_switch, self.table):
            layout.addWidget(widget)
        self._group.idClicked.connect(self.show_side)

    @property
    def difference_layer(self) -> Labels | None:
        """The layer of where the two models differ."""
        return self._map

    def show_pair(self, image: Image, first: Labels, second: Labels) -> None:
        """Compare the labels of two models on a scan."""
        if self._layers == (first, second):
            self.show_side(self._group.checkedId())
            return
        self.forget()
        self._image, self._layers = image, (first, second)
        label_sets = [facts_of(layer)["label_set"] for layer in self._layers]
        self._shared = shared_classes(*label_sets)
        results: list[Result] = [facts_of(x)["segmentation"] for x in self._layers]
        titles = [title_of(result) for result in results]
        for layer in self._layers:
            layer.events.paint.connect(self._on_change)
            layer.events.set_data.connect(self._on_change)
        for button, title in zip(self.buttons, titles, strict=False):
            button.setToolTip(f"Show the labels of {title} alone")
        self._make_map(titles)
        self._offer_boundaries(results, titles)
        self._fill_names(titles)
        self.show()
        self.show_side(FIRST)

    def show_scan(self, image: Image | None) -> None:
        """Another scan is worked on: the comparison is shown beside its own only."""
        self.setVisible(self._layers is not None and image is self._image)

    def update_bscans(self, bscans: tuple[int, ...]) -> None:
        """The labels of these B-scans are new."""
        for index in bscans:
            self._compare(index)
        self.boundary_switch.redraw()
        self.second_switch.redraw()
        self._refresh_soon()

    def show_side(self, side: int) -> None:
        """Show the labels of one model, or where the two differ; hide the others."""
        if self._layers is None or self._map is None:
            return
        self.buttons[side].setChecked(True)
        for index, layer in enumerate((*self._layers, self._map)):
            layer.visible = index == side
        if side != DIFFERENCE:
            self.labels_shown.emit(self._layers[side])
        self._refresh_soon()

    def forget(self) -> None:
        """Take away what was drawn; the labels of both models stay."""
        layers, self._layers = self._layers, None
        shown, self._map = self._map, None
        self._counts.clear()
        self.boundary_switch.offer(None, None)
        self.second_switch.offer(None, None)
        for layer in layers or ():
            layer.events.paint.disconnect(self._on_change)
            layer.events.set_data.disconnect(self._on_change)
        if shown is not None and shown in list(self._viewer.layers):
            self._viewer.layers.remove(shown)
        self.hide()

    def _make_map(self, titles: list[str]) -> None:
        assert self._layers is not None and self._image is not None
        first, _ = self._layers
        volume = facts_of(first)["volume"]
        values = np.full(volume.shape, IGNORE, np.uint8)
        self._map = make_labels_layer(
            values,
            volume,
            _DIFFERS,
            image_layer=self._image,
            name=f"difference – {' / '.join(titles)}",
        )
        dress(self._map, _DIFFERS)
        note(self._map, overlay=True)
        self._map.opacity = 0.6
        self._map.editable = False
        active = self._viewer.layers.selection.active
        self._viewer.add_layer(self._map)
        self._viewer.layers.selection.active = active

    def _offer_boundaries(self, results: list[Result], titles: list[str]) -> None:
        viewer, image = self._viewer, self._image
        both = [result.boundaries for result in results]
        switches = (self.boundary_switch, self.second_switch)
        self.boundary_switch.setVisible(None not in both)
        for switch, boundaries, title, colour in zip(
            switches, both, titles, _COLOURS, strict=True
        ):
            if None in both or boundaries is None or image is None:
                switch.offer(None, None)
                continue

            def draw(
                boundaries: Any = boundaries, title: str = title, colour: str = colour
            ) -> BoundaryOverlay:
                return BoundaryOverlay(
                    viewer,
                    image,
                    boundaries,
                    name=f"boundaries – {title}",
                    colour=colour,
                )

            switch.offer(boundaries, draw)

    def _fill_names(self, titles: list[str]) -> None:
        assert self._shared is not None
        names = self._shared.names
        self.buttons[DIFFERENCE].setEnabled(bool(names))
        self.buttons[DIFFERENCE].setToolTip(
            "Show where the two differ in a class that both know"
            if names
            else "The two have no class in common"
        )
        told = f"First: {titles[0]}\nSecond: {titles[1]}"
        if not names:
            told += "\nThey have no class in common, so there is no difference to show."
        self.caption.setText(told)
        self.table.setVisible(bool(names))
        self.table.set_size(len(names), ["agreement", "this B-scan", "all so far"])
        colours = {
            one.name: one.colour
            for layer in reversed(self._layers or ())
            for one in facts_of(layer)["label_set"].classes
        }
        for row, name in enumerate(names):
            item = QTableWidgetItem(name)
            item.setIcon(swatch(colours.get(name, LabelClass.named(name).colour)))
            self.table.setItem(row, 0, item)
            self.table.setItem(row, 1, number_item("–"))
            self.table.setItem(row, 2, number_item("–"))
        self.table.fit_height()

    def _compare(self, index: int) -> None:
        if self._layers is None or self._map is None or self._shared is None:
            return
        first, second, shown = (
            layer.data if layer.ndim == 2 else layer.data[index]
            for layer in (*self._layers, self._map)
        )
        differs, self._counts[index] = difference(first, second, self._shared)
        shown[...] = differs

    def _on_change(self, event: Any = None) -> None:
        self._refresh_soon()

    def _refresh(self) -> None:
        """Compare the B-scan on screen anew: it may have been edited."""
        if self._layers is None or self._map is None or self._image is None:
            return
        index = bscan_on_screen(self._viewer, self._image)
        self._compare(index)
        if self._map.visible:
            self._map.refresh(extent=False)
        counts = list(self._counts.values())
        for column, n_pixels in ((1, self._counts[index]), (2, np.sum(counts, axis=0))):
            for row, share in enumerate(agreement(n_pixels)):
                text = "–" if np.isnan(share) else f"{100 * share:.0f} %"
                self.table.item(row, column).setText(text)

    def _on_removed(self, event: Any) -> None:
        gone = (*(self._layers or ()), self._map, self._image)
        if any(event.value is layer for layer in gone if layer is not None):
            self.forget()
