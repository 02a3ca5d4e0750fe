"""What a live-wire goes by on a B-scan: edges at once, a model when it has answered."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.editing.likeness import surroundings
from napari_octseg.widgets._layers import facts_of
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_octseg.editing.grading import Grading
    from napari_octseg.engine.inference import Segmentation
    from napari_octseg.widgets._grading_view import GradingView

_N_KEPT = 8


@dataclass(frozen=True, eq=False)
class WireGuide:
    """Cost (depth, width) of one boundary, and surroundings (6, width, depth)."""

    cost: NDArray[np.float32]
    around: NDArray[np.float32]


class LiveWireCosts(QObject):
    """Guides of the B-scans that live-wires were drawn on last.

    Edges are ready at once. Where a model has segmented the scan, and its network is
    still at hand, its probabilities are computed in the background and used from then
    on.

    Signals
    -------
    improved
        Index of the B-scan whose probabilities have come.
    """

    improved = Signal(int)

    def __init__(self, view: GradingView) -> None:
        super().__init__(view)
        self._view = view
        self._around: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._guides: OrderedDict[tuple[int, str], WireGuide] = OrderedDict()
        self._chances: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._task: RunningTask | None = None
        self._failed = False
        view.opened.connect(self._forget)

    def guide(self, bscan: int, boundary: int) -> WireGuide:
        """What a wire along a boundary goes by."""
        grading = self._view.grading
        assert grading is not None
        chances = self._chances.get(bscan)
        # Without a model all boundaries of one polarity have one cost.
        name = grading.boundary_names[boundary]
        polarity = polarity_of(name, among=grading.boundary_names)
        key = (bscan, str(polarity) if chances is None else name)
        if key not in self._guides:
            image = grading.volume.bscan_as_shown(bscan)
            if bscan not in self._around:
                _keep(self._around, bscan, surroundings(image))
            chance = None if chances is None else chances[boundary]
            cost = boundary_cost(image, polarity=polarity, probability=chance)
            _keep(self._guides, key, WireGuide(cost, self._around[bscan]))
        self._ask_model(bscan)
        return self._guides[key]

    def _ask_model(self, bscan: int) -> None:
        """Begin to compute the probabilities of a B-scan, if there is a network."""
        if self._task is not None or self._failed or bscan in self._chances:
            return
        grading = self._view.grading
        assert grading is not None
        found = self._segmentation(grading)
        if found is None:
            return
        layers = tuple(found.label_set.index(name) for name in _layer_names(grading))

        def compute() -> NDArray[np.float32]:
            from napari_octseg.editing.boundary_chance import boundary_costs

            return 1 - boundary_costs(found.probabilities_of(bscan), layers)

        self._task = RunningTask(as_task(compute, "live-wire"), "live-wire")
        self._task.succeeded.connect(while_alive(self._receive, grading, bscan))
        self._task.failed.connect(self._on_failed)
        self._task.ended.connect(self._on_ended)
        self._task.start()

    def _segmentation(self, grading: Grading) -> Segmentation | None:
        """The newest segmentation of this scan with these layers and its network."""
        names = _layer_names(grading)
        for layer in reversed(list(self._view.viewer.layers)):
            facts = facts_of(layer)
            found: Any = facts.get("segmentation")
            if facts.get("volume") is not grading.volume:
                continue
            # What two models were merged into cannot be asked again.
            if not hasattr(found, "probabilities_of"):
                continue
            if set(names) <= set(found.label_set.names):
                known: Segmentation = found
                return known
        return None

    def _receive(self, grading: Grading, bscan: int, chances: Any) -> None:
        if self._view.grading is grading:
            _keep(self._chances, bscan, chances)
            self.improved.emit(bscan)

    def _on_failed(self, error: Exception) -> None:
        # Its network has gone, or does not fit the device any more. Edges remain.
        self._failed = True
        self._view.said.emit(
            "The live-wire goes by edges alone: the model could not be asked."
        )

    def _on_ended(self) -> None:
        self._task = None

    def _forget(self, grading: Grading | None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._around.clear()
        self._guides.clear()
        self._chances.clear()
        self._failed = False


def _layer_names(grading: Grading) -> list[str]:
    return [grading.label_set.names[i] for i in grading.layers]


def _keep(store: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    store[key] = value
    while len(store) > _N_KEPT:
        store.popitem(last=False)
