"""What a press on Run can be: labels, two models compared, vessels, a picture.

Every run has its steps for a thread, takes over what they yield in the window, and says
how it went. torch is imported by the thread.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Protocol

from napari_octseg.widgets._device_picker import describe
from napari_octseg.widgets._layers import (
    facts_of,
    known_volume,
    make_labels_layer,
    note,
    seen_from_the_front,
)
from napari_octseg.widgets._prediction import Prediction, watch_edits
from napari_octseg.widgets._results import title_of
from napari_octseg.widgets._speed import Speed, remember_speed
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator

    import napari
    from napari.layers import Image, Labels

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.progress import Progress
    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._compare import CompareView
    from napari_octseg.widgets._results import Result
    from napari_octseg.widgets._vessel_view import VesselView


@dataclass(frozen=True, eq=False)
class Order:
    """What was asked for: models by name, the device, B-scans, and the scan."""

    viewer: napari.Viewer
    image_layer: Image
    volume: OCTVolume
    models: tuple[str, ...]
    device: str
    flips: bool
    bscans: list[int] | None
    first: int


class Run(Protocol):
    """A run under way."""

    def steps(self) -> Generator[Progress, None, Any]:
        """The work; run by a thread."""

    @property
    def is_wanted(self) -> bool:
        """Whether the scan, and what was made so far, are still in the viewer."""

    @property
    def n_done(self) -> int:
        """Number of B-scans that have their labels."""

    @property
    def labels_layer(self) -> Labels | None:
        """The layer of labels to look at, once there is one."""

    def receive(self, progress: Progress) -> bool:
        """Take over what is new; whether the B-scan on screen is among it."""

    def succeed(self, result: Any) -> str:
        """The work is complete; how it went, in a sentence."""

    def finish(self) -> None:
        """The work has ended, in whatever way."""


class LabelsRun:
    """One model, several averaged, or the layers of one with the findings of another.

    Parameters
    ----------
    order
        What was asked for.
    merge
        Whether the first of its two models gives the layers, the second the findings.
    """

    def __init__(self, order: Order, *, merge: bool = False) -> None:
        self._order = order
        self._merge = merge
        self._stopwatch = _Stopwatch()
        self._prediction = Prediction(
            order.viewer, order.image_layer, order.volume, flips=order.flips
        )

    def steps(self) -> Generator[Progress, None, Result]:
        """Those of `iter_segment` or `iter_merged`."""
        from napari_octseg.engine import inference
        from napari_octseg.engine.comparing import merging

        order = self._order
        models = order.models
        if self._merge:
            task = merging.iter_merged(order.volume, *models, **_options(order))
            return (yield from task)
        names = models[0] if len(models) == 1 else list(models)
        return (
            yield from inference.iter_segment(order.volume, names, **_options(order))
        )

    @property
    def is_wanted(self) -> bool:
        """Whether the scan and its labels are still in the viewer."""
        return self._prediction.is_wanted

    @property
    def n_done(self) -> int:
        """Number of B-scans that have their labels."""
        return self._prediction.n_done

    @property
    def labels_layer(self) -> Labels | None:
        """The layer that is filled."""
        return self._prediction.labels_layer

    def receive(self, progress: Progress) -> bool:
        """Fill the layer."""
        shown = self._prediction.receive(progress)
        self._stopwatch.see(self.n_done)
        return shown

    def succeed(self, result: Result) -> str:
        """How many B-scans, how long, with which model and where."""
        models, rate = self._order.models, self._stopwatch.per_second
        device = describe(result.device)
        if len(models) == 1 and not self._order.flips and rate is not None:
            _remember(result.model, rate, device)
        version = f" (version {result.model.version})" if len(models) == 1 else ""
        return (
            f"{counted(self.n_done, 'B-scan')} in {result.seconds:.1f} s "
            f"with {title_of(result)}{version} on {device}"
        )

    def finish(self) -> None:
        """The labels may be edited."""
        self._prediction.finish()


class CompareRun:
    """Two models on the same B-scans, each with a layer of its own."""

    def __init__(self, order: Order, view: CompareView) -> None:
        self._order = order
        self._view = view
        self._is_shown = False
        self._predictions = tuple(
            Prediction(order.viewer, order.image_layer, order.volume, flips=order.flips)
            for _ in order.models
        )

    def steps(self) -> Generator[Progress, None, Any]:
        """Those of `iter_pair`."""
        from napari_octseg.engine.comparing.pair import iter_pair

        order = self._order
        return (yield from iter_pair(order.volume, *order.models, **_options(order)))

    @property
    def is_wanted(self) -> bool:
        """Whether the scan and the labels of both are still in the viewer."""
        return all(prediction.is_wanted for prediction in self._predictions)

    @property
    def n_done(self) -> int:
        """Number of B-scans that have the labels of both."""
        return self._predictions[1].n_done

    @property
    def labels_layer(self) -> Labels | None:
        """None: the comparison leads what is shown."""
        return None

    def receive(self, progress: Progress) -> bool:
        """Fill both layers, and compare them."""
        if not progress.updated:
            return False
        pair = progress.result
        shown = False
        for prediction, result in zip(
            self._predictions, (pair.first, pair.second), strict=True
        ):
            shown = prediction.receive(replace(progress, result=result)) or shown
        first, second = (prediction.labels_layer for prediction in self._predictions)
        assert first is not None and second is not None  # both have received labels
        if not self._is_shown:
            self._view.show_pair(self._order.image_layer, first, second)
            self._is_shown = True
        self._view.update_bscans(progress.updated)
        return shown

    def succeed(self, result: Any) -> str:
        """How long each took."""
        times = " and ".join(
            f"{one.seconds:.1f} s with {one.model.title}"
            for one in (result.first, result.second)
        )
        device = describe(result.first.device)
        return f"{counted(self.n_done, 'B-scan')} in {times} on {device}"

    def finish(self) -> None:
        """The labels of both may be edited."""
        for prediction in self._predictions:
            prediction.finish()


class VesselRun:
    """The vessels of a whole volume: layers, projection, vessels."""

    labels_layer = None

    def __init__(self, order: Order, view: VesselView) -> None:
        self._order = order
        self._view = view
        self.n_done = 0

    def steps(self) -> Generator[Progress, None, Any]:
        """Those of `iter_vessel_map`."""
        from napari_octseg.engine.vessel_map import iter_vessel_map

        order = self._order
        return (
            yield from iter_vessel_map(
                order.volume, order.models[0], device=order.device, flips=order.flips
            )
        )

    @property
    def is_wanted(self) -> bool:
        """Whether the scan is still in the viewer."""
        return is_there(self._order)

    def receive(self, progress: Progress) -> bool:
        """Nothing to show before the end."""
        return False

    def succeed(self, result: Any) -> str:
        """How many B-scans, how long."""
        self.n_done = self._order.volume.n_bscans
        self._view.keep(self._order.image_layer, result)
        device = describe(result.device)
        came_with_layers = result.layers is self._order.volume.boundaries
        if not came_with_layers and not self._order.flips:
            rate = self.n_done / result.seconds
            _remember(result.model, rate, device)
        layers = "layers from the file" if came_with_layers else "layers included"
        return (
            f"Vessels of {counted(self.n_done, 'B-scan')} in {result.seconds:.1f} s, "
            f"{layers}, with {result.model.title} on {device}"
        )

    def finish(self) -> None:
        """Nothing is open."""


class PictureRun:
    """One en-face picture: OCTA, a fundus photograph, a projection."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.labels_layer: Labels | None = None
        self.n_done = 0

    def steps(self) -> Generator[Progress, None, Any]:
        """That of `iter_segment_enface`."""
        from napari_octseg.engine.enface import iter_segment_enface

        order = self._order
        pixels = seen_from_the_front(order.image_layer, order.volume)
        return (
            yield from iter_segment_enface(
                pixels, order.models[0], device=order.device, flips=order.flips
            )
        )

    @property
    def is_wanted(self) -> bool:
        """Whether the picture is still in the viewer."""
        return is_there(self._order)

    def receive(self, progress: Progress) -> bool:
        """Nothing to show before the end."""
        return False

    def succeed(self, result: Any) -> str:
        """Show the labels over the picture."""
        order = self._order
        layer = make_labels_layer(
            result.labels[None],
            order.volume,
            result.label_set,
            image_layer=order.image_layer,
            name=f"{order.image_layer.name} – {result.model.title}",
        )
        note(layer, scan=order.image_layer.name, model=result.model.name)
        watch_edits(layer)
        active = order.viewer.layers.selection.active
        order.viewer.add_layer(layer)
        order.viewer.layers.selection.active = active
        self.labels_layer, self.n_done = layer, 1
        device = describe(result.device)
        if not order.flips:
            _remember(result.model, 1 / result.seconds, device, "pictures")
        return (
            f"One picture in {result.seconds:.1f} s with {result.model.title} "
            f"(version {result.model.version}) on {device}"
        )

    def finish(self) -> None:
        """Nothing is open."""


class _Stopwatch:
    """B-scans per second, without loading and the first batch."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None

    def see(self, n_done: int) -> None:
        """So many are done now."""
        if not n_done or (self._last is not None and self._last[1] == n_done):
            return
        self._last = (time.monotonic(), n_done)
        self._first = self._first or self._last

    @property
    def per_second(self) -> float | None:
        """None if there was too little to measure."""
        if self._first is None or self._last is None:
            return None
        seconds = self._last[0] - self._first[0]
        count = self._last[1] - self._first[1]
        return count / seconds if seconds > 0 and count else None


def is_there(order: Order) -> bool:
    """Whether the scan of an order is in the viewer, with the same pixels."""
    volume = known_volume(order.image_layer)
    return (
        order.image_layer in list(order.viewer.layers)
        and volume is not None
        and volume.data is order.volume.data
    )


def is_enface(layer: Image) -> bool:
    """Whether a person, or we, said that this picture is seen from the front."""
    return facts_of(layer).get("plane") == "enface"


def _remember(
    model: ModelCard,
    per_second: float,
    device: str,
    unit: Literal["B-scans", "pictures"] = "B-scans",
) -> None:
    """Keep how fast a model was today, for its card."""
    today = date.today().isoformat()
    speed = Speed(per_second=per_second, device=device, day=today, unit=unit)
    remember_speed(model.name, speed)


def _options(order: Order) -> dict[str, Any]:
    return {
        "device": order.device,
        "bscans": order.bscans,
        "first": order.first,
        "flips": order.flips,
    }
