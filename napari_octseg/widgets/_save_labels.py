"""Ask where to save labels, and save them while the window stays alive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.boundaries import Boundaries
from napari_octseg.widgets._layers import facts_of, shares_memory
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._order_question import ask_about_order
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._results import Result

_KINDS = "TIFF (*.tif *.tiff);;NIfTI (*.nii.gz *.nii);;eyepy volume (*.eye)"
# Windows takes none of these in a file name; control characters are wanted nowhere.
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')


class LabelsSaver(QWidget):
    """A button that saves a labels layer in a thread, and a line on how it went."""

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self._task: RunningTask | None = None
        self.button = QPushButton("Save labels…")
        self.button.clicked.connect(self._on_click)
        self.message = QLabel()
        self.message.setWordWrap(True)
        # A long file name must not widen the panel.
        self.message.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self.message.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.button)
        layout.addWidget(self.message)

    @property
    def is_busy(self) -> bool:
        """Whether a file is being written."""
        return self._task is not None

    def offer(self, layer: Labels | None) -> None:
        """Take another layer; what is being written goes on."""
        self._layer = layer
        if not self.is_busy:
            self._say("")

    def save(self, layer: Labels, path: Path) -> None:
        """Begin to save the labels as they are now."""
        self.button.setEnabled(False)
        self._say(f"Saving {path.name}…")
        task = RunningTask(
            as_task(writer_of(layer, path), f"saving {path.name}"),
            f"Saving {path.name}",
        )
        task.succeeded.connect(self._on_saved)
        task.failed.connect(self._on_failed)
        task.ended.connect(while_alive(self._on_ended, task))
        self._task = task
        task.start()

    def _on_click(self) -> None:
        layer = self._layer
        if layer is None:
            return
        check = order_check_of(layer)
        if check is None:
            self._choose_file(layer)
            return
        self.button.setEnabled(False)
        self._say("Checking the order of the layers…")
        task = RunningTask(
            as_task(check, "checking the order of the layers"), "Checking the layers"
        )
        task.succeeded.connect(while_alive(self._on_checked, layer))
        task.failed.connect(self._on_failed)
        task.ended.connect(while_alive(self._on_ended, task))
        self._task = task
        task.start()

    def _on_checked(self, layer: Labels, n_violations: int) -> None:
        self._say("")
        if not n_violations:
            self._choose_file(layer)
            return
        ask_about_order(
            self,
            "Save labels",
            "Save anyway",
            n_violations,
            lambda: self._choose_file(layer),
        )

    def _choose_file(self, layer: Labels) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save labels", default_name(layer), _KINDS
        )
        if name:
            self.save(layer, Path(name))

    def _on_saved(self, path: Path) -> None:
        self._say(f"Saved {path.name}")
        self.message.setToolTip(str(path))

    def _on_failed(self, error: Exception) -> None:
        self._say("")
        show_error(self, error)

    def _on_ended(self, task: RunningTask) -> None:
        # The check of a correction is followed by its saving.
        if self._task is task:
            self._task = None
            self.button.setEnabled(True)

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.setToolTip("")
        self.message.setVisible(bool(text))


def default_name(layer: Labels) -> str:
    """File name to offer: that of the scan and of the model, on any system legal."""
    facts = facts_of(layer)
    is_ours = {"scan", "model"} <= set(facts)
    name = f"{facts['scan']}_{facts['model']}" if is_ours else layer.name
    return (_NOT_IN_NAMES.sub("-", name).strip(" .-") or "labels") + ".tif"


def order_check_of(
    layer: Labels, bscans: Sequence[int] | None = None
) -> Callable[[], int] | None:
    """A function that counts where the layers of a correction are out of order.

    It looks at the labels as they are at this moment, on these B-scans or on all, and
    may be called in another thread. None for labels that nobody corrects, and for those
    without layers.
    """
    facts = facts_of(layer)
    corrected: Boundaries | None = facts.get("corrected")
    if corrected is None:
        return None
    label_set, layers = facts["label_set"], facts["layers"]
    labels = np.array(layer.data[None] if layer.ndim == 2 else layer.data)
    heights = corrected.heights.copy()

    def count() -> int:
        from napari_octseg.editing.guard import violations

        found = violations(labels, heights, layers, label_set, corrected.names, bscans)
        return len(found)

    return count


def writer_of(layer: Labels, path: Path) -> Callable[[], Path]:
    """A function that saves the labels of a layer as they are at this moment.

    The function may be called in another thread, while the labels are edited.

    Returns
    -------
    Function that returns the path written. It raises `WriteError` if the ending is of
    no known format, or the file cannot be written.
    """
    facts = facts_of(layer)
    labels = np.array(layer.data)
    image: OCTVolume | None = facts.get("projection")
    saved = _Saved(
        labels[None] if layer.ndim == 2 else labels,
        facts["label_set"],
        _boundaries_of(layer),
    )
    volume = facts["volume"]

    def write() -> Path:
        from napari_octseg.io.napari_hooks import layer_name
        from napari_octseg.io.save import save_labels, save_volume

        save_labels(saved, path, volume=volume)
        # What the labels lie on is in no other file.
        if image is not None:
            save_volume(image, path.with_name(f"{layer_name(path)}_projection.tif"))
        return path

    return write


@dataclass(frozen=True, eq=False)
class _Saved:
    """Labels as `save_labels` takes them."""

    labels: NDArray[np.uint8]
    label_set: LabelSet
    boundaries: Boundaries | None


def _boundaries_of(layer: Labels) -> Boundaries | None:
    """Those of a correction; of a model as long as the labels are the model's too."""
    facts = facts_of(layer)
    corrected: Boundaries | None = facts.get("corrected")
    if corrected is not None:
        return Boundaries(corrected.names, corrected.heights.copy())
    segmentation: Result | None = facts.get("segmentation")
    if (
        segmentation is None
        or segmentation.boundaries is None
        or facts.get("edited", False)
        or not shares_memory(layer, segmentation.labels)
    ):
        return None
    known = segmentation.boundaries
    return Boundaries(known.names, known.heights.copy())
