"""Where the labels of each column come from: a strip above the B-scan, a legend."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_octseg.widgets._layers import KEY
from napari_octseg.widgets._overlay_switch import OverlaySwitch
from napari_octseg.widgets._overlays import _add_inactive, _remove, place_above

if TYPE_CHECKING:
    import napari
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Change, Grading
    from napari_octseg.widgets._grading_view import GradingView
    from napari_octseg.widgets._panel import Panel

# Okabe and Ito's palette, as far as it differs on grey.
_COLOURS = {
    "nobody": "#606060",
    "human": "#009e73",
    "propagated": "#e69f00",
    "interpolated": "#f0e442",
    "repaired": "#d55e00",
}
_OF_MODELS = ("#56b4e9", "#cc79a7", "#0072b2", "#c0c0ff")
_SLOT = 1  # the strip of uncertainty is below it


class OriginOverlay:
    """One pixel per column in the colour of its origin; the slider moves it."""

    def __init__(
        self, viewer: napari.Viewer, image_layer: Image, grading: Grading
    ) -> None:
        self._viewer = viewer
        self._image_layer = image_layer
        self._grading = grading
        self._names: list[str] = []
        # A view: the layer shows the memory that edits change.
        rows = grading.origins[:, None, :]
        self.layer = Labels(
            rows[0] if image_layer.ndim == 2 else rows,
            name="origin of the labels",
            axis_labels=image_layer.axis_labels,
            opacity=1.0,
            metadata={KEY: {"overlay": True}},
        )
        self.layer.editable = False
        self._place()
        self._dress()
        _add_inactive(viewer, self.layer)
        for event in (image_layer.events.scale, image_layer.events.units):
            event.connect(self._place)

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        events = self._image_layer.events
        for event in (events.scale, events.units):
            event.disconnect(self._place)
        _remove(self._viewer, self.layer)

    def redraw(self) -> None:
        """Origins have changed."""
        self._dress()
        self.layer.refresh(extent=False)

    def _dress(self) -> None:
        names = list(self._grading.origin_names)
        if names == self._names:
            return
        self._names = names
        colours: dict[int | None, Any] = dict(enumerate(origin_colours(names)))
        colours[None] = colours[0]
        self.layer.colormap = DirectLabelColormap(color_dict=colours)
        self.layer.features = {"index": range(len(names)), "origin": names}

    def _place(self, event: Any = None) -> None:
        place_above(self.layer, self._image_layer, slot=_SLOT)


class OriginStrip(QWidget):
    """A switch for the strip, and the legend of the origins of the B-scan on screen."""

    def __init__(self, view: GradingView, panel: Panel) -> None:
        super().__init__()
        self._view = view
        self.switch = OverlaySwitch("Show where labels come from", view.viewer, panel)
        self.switch.setToolTip(
            "A strip above the B-scan: of each column, who made its labels"
        )
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.switch)
        layout.addWidget(self.legend)
        self.switch.toggled.connect(self._tell)
        view.opened.connect(self._on_opened)
        view.changed.connect(self._on_changed)
        view.stepped.connect(self._tell)
        self._on_opened(view.grading)

    def _on_opened(self, grading: Grading | None) -> None:
        image = self._view.image_layer
        if grading is None or image is None:
            self.switch.offer(None, None)
        else:
            viewer = self._view.viewer
            self.switch.offer(grading, lambda: OriginOverlay(viewer, image, grading))
        self._tell()

    def _on_changed(self, change: Change) -> None:
        if "origins" in change.targets:
            self.switch.redraw()
            if self._view.bscan in change.bscans:
                self._tell()

    def _tell(self, _: object = None) -> None:
        grading = self._view.grading
        shown = grading is not None and self.switch.isChecked()
        self.legend.setVisible(shown)
        if grading is None or not shown:
            return
        shares = origin_shares(grading.origins[self._view.bscan])
        colours = origin_colours(grading.origin_names)
        self.legend.setText(
            "&nbsp; ".join(
                f'<span style="color:{colours[code]}">■</span>&nbsp;'
                f"{escape(grading.origin_names[code])} {_percent(share)}&nbsp;%"
                for code, share in shares.items()
            )
        )


def origin_colours(names: list[str]) -> list[str]:
    """Colour ``#rrggbb`` of each origin; models have colours by their turn."""
    colours, n_models = [], 0
    for name in names:
        if name in _COLOURS:
            colours.append(_COLOURS[name])
        else:
            colours.append(_OF_MODELS[n_models % len(_OF_MODELS)])
            n_models += 1
    return colours


def origin_shares(origins: NDArray[np.uint8]) -> dict[int, float]:
    """Share of the columns of each origin that occurs, the most frequent first.

    Parameters
    ----------
    origins
        (width,) uint8, codes of origins.
    """
    codes, counts = np.unique(origins, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {int(codes[i]): float(counts[i] / len(origins)) for i in order}


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.005 else "&lt;1"
