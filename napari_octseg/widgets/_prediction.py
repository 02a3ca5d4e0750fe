"""A segmentation under way, and the labels layer that it fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_octseg.widgets._layers import (
    bscan_on_screen,
    facts_of,
    known_volume,
    make_labels_layer,
    note,
    shares_memory,
    volume_of,
)
from napari_octseg.widgets._results import cards_of, name_of, provenance, title_of

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

    from napari_octseg.engine.progress import Progress
    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._results import Result


class Prediction:
    """Writes the labels of one run into a layer, never over what a person has drawn.

    The layer is made when the first labels come. A run of the same model on the same
    scan fills the layer of the run before, unless that was edited by hand.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        image_layer: Image,
        volume: OCTVolume,
        *,
        flips: bool = False,
    ) -> None:
        self._viewer = viewer
        self._flips = flips
        self.image_layer = image_layer
        self._pixels = volume.data
        self.labels_layer: Labels | None = None
        self.segmentation: Result | None = None
        self._done: set[int] = set()

    @property
    def n_done(self) -> int:
        """Number of B-scans that have their labels."""
        return len(self._done)

    @property
    def is_wanted(self) -> bool:
        """Whether the scan, and the labels made so far, are still in the viewer."""
        layers = list(self._viewer.layers)
        volume = known_volume(self.image_layer)
        return (
            self.image_layer in layers
            and (self.labels_layer is None or self.labels_layer in layers)
            # Other pixels may have been put into its layer.
            and volume is not None
            and volume.data is self._pixels
        )

    def receive(self, progress: Progress) -> bool:
        """Take over the B-scans that are new.

        Returns
        -------
        Whether the B-scan on screen is among them.
        """
        result: Result | None = progress.result
        if result is None or not progress.updated:
            return False
        if self.labels_layer is None:
            self._find_or_make_layer(result)
        layer, target = self.labels_layer, self.segmentation
        assert layer is not None and target is not None
        if target is not result:
            _copy_bscans(result, target, progress.updated)
        self._done.update(progress.updated)
        shown = bscan_on_screen(self._viewer, self.image_layer) in progress.updated
        # A 3-D view shows all of them.
        if shown or self._viewer.dims.ndisplay == 3:
            layer.refresh(extent=False)
        return shown

    def finish(self) -> None:
        """The run has ended, in whatever way: the labels may be edited."""
        if self.labels_layer is not None:
            self.labels_layer.editable = True
            self.labels_layer.refresh()

    def _find_or_make_layer(self, result: Result) -> None:
        # Its spacing may have been edited since the run began.
        volume = volume_of(self.image_layer)
        layer = self._own_layer(result, volume)
        if layer is None:
            layer = make_labels_layer(
                result.labels,
                volume,
                result.label_set,
                image_layer=self.image_layer,
                name=f"{self.image_layer.name} – {title_of(result)}",
            )
            note(
                layer,
                scan=self.image_layer.name,
                model=name_of(result),
                provenance=provenance(result),
                flips=self._flips,
                segmentation=result,
            )
            watch_edits(layer)
            # The scan stays the active layer: it is what the person works on.
            active = self._viewer.layers.selection.active
            self._viewer.add_layer(layer)
            self._viewer.layers.selection.active = active
        self._hide_others(layer, volume)
        # The thread goes on writing: nobody else may. This also empties napari's undo
        # history, which would bring old labels back into the new ones.
        layer.editable = False
        self.labels_layer = layer
        self.segmentation = facts_of(layer)["segmentation"]

    def _hide_others(self, layer: Labels, volume: OCTVolume) -> None:
        """Labels of other models would mix their colours with these."""
        for other in list(self._viewer.layers):
            facts = facts_of(other)
            if "segmentation" in facts and facts.get("volume") is volume:
                other.visible = other is layer

    def _own_layer(self, result: Result, volume: OCTVolume) -> Labels | None:
        """The layer of an earlier run of the same model, if nobody has edited it."""
        for layer in reversed(list(self._viewer.layers)):
            facts = facts_of(layer) if isinstance(layer, Labels) else {}
            earlier = facts.get("segmentation")
            if (
                earlier is not None
                and type(earlier) is type(result)
                and cards_of(earlier) == cards_of(result)
                and facts.get("flips", False) == self._flips
                and shares_memory(layer, earlier.labels)
                and facts.get("volume") is volume
                and not facts.get("edited", False)
            ):
                return layer
        return None


def watch_edits(layer: Labels) -> None:
    """Note in the layer's metadata when a person changes its labels."""

    def mark(event: Any = None) -> None:
        note(layer, edited=True)

    layer.events.paint.connect(mark)
    layer.events.data.connect(mark)


def _copy_bscans(source: Result, target: Result, bscans: tuple[int, ...]) -> None:
    for index in bscans:
        target.labels[index] = source.labels[index]
        target.uncertainty[index] = source.uncertainty[index]
        if target.boundaries is not None and source.boundaries is not None:
            target.boundaries.heights[:, index] = source.boundaries.heights[:, index]
