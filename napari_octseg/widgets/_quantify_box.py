"""Quantify the labels of one layer, alone or against another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import (
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)
from superqt.utils import qdebounced

from napari_octseg.io.areas import save_areas
from napari_octseg.measure.profile import iter_occupancy
from napari_octseg.measure.profile_picture import save_profile
from napari_octseg.measure.quantify import Quantification, iter_quantify
from napari_octseg.widgets._labels_facts import LabelsNow, labels_now
from napari_octseg.widgets._layers import bscan_on_screen
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._progress_view import ProgressView
from napari_octseg.widgets._quantity_table import QuantityTable
from napari_octseg.widgets._save_labels import default_name
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive
from napari_octseg.widgets._text import amber
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Generator

    import napari
    from napari.layers import Labels

    from napari_octseg.engine.progress import Progress
    from napari_octseg.widgets._labels_chooser import LabelsChooser
    from napari_octseg.widgets._panel import Panel

_REST_MS = 200
_CHANGED = "The labels have been changed since."


class QuantifyBox(QGroupBox):
    """Button, progress, table, and the files made of it.

    `found` is what the table shows.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        panel: Panel,
        labels_chooser: LabelsChooser,
        truth_chooser: LabelsChooser,
    ) -> None:
        super().__init__("Quantities")
        self._viewer = viewer
        self._labels_chooser = labels_chooser
        self._truth_chooser = truth_chooser
        self._task: RunningTask | None = None
        self._layer: Labels | None = None
        self._shown: LabelsNow | None = None
        self._changed: set[int] = set()
        self.found: Quantification | None = None
        self._build()
        # At rest only: napari tells of a stroke before it has changed the labels.
        self._check_soon = qdebounced(self._check_for_edits, timeout=_REST_MS)
        self.button.clicked.connect(self._on_click)
        self.save_table_button.clicked.connect(self._on_save_table)
        self.save_picture_button.clicked.connect(self._on_save_picture)
        labels_chooser.layer_changed.connect(self._on_choice)
        truth_chooser.layer_changed.connect(self._on_choice)
        panel.closing.connect(self._on_closing)
        self._on_choice()

    def _build(self) -> None:
        self.button = QPushButton("Quantify")
        self.progress_view = ProgressView()
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.table = QuantityTable()
        self.save_table_button = QPushButton("Save table…")
        self.save_table_button.setToolTip("All figures as CSV")
        self.save_picture_button = QPushButton("Save picture…")
        self.save_picture_button.setToolTip(
            "The occupancy profile: on how many B-scans each pixel has each class"
        )
        self.message = QLabel()
        self.message.setWordWrap(True)
        # A long file name must not widen the panel.
        self.message.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        buttons = QHBoxLayout()
        buttons.addWidget(self.save_table_button)
        buttons.addWidget(self.save_picture_button)
        layout = QVBoxLayout(self)
        for widget in (self.button, self.progress_view, self.caption, self.table):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.message)

    @property
    def is_busy(self) -> bool:
        """Whether something is being computed or written."""
        return self._task is not None

    # The figures

    def _on_click(self) -> None:
        if self._task is not None:
            self.button.setEnabled(False)
            self._task.cancel()
            return
        layer, truth_layer = self._labels_chooser.layer, self._truth_chooser.layer
        if layer is None:
            return
        now = labels_now(layer)
        truth = None if truth_layer is None else labels_now(truth_layer)
        task = RunningTask(quantify_steps(now, truth), "Quantifying")
        task.succeeded.connect(while_alive(self._on_found, layer, now))
        self._start(task, "Quantifying…")
        self.button.setText("Cancel")
        self.button.setEnabled(True)

    def _on_found(self, layer: Labels, now: LabelsNow, found: Quantification) -> None:
        if layer is not self._labels_chooser.layer:
            self._say("Other labels were chosen meanwhile.")
            return
        self._watch(None)
        self._shown, self.found = now, found
        self._changed.clear()
        self.table.show_quantities(found)
        self._set_caption()
        self._watch(layer)

    def _set_caption(self) -> None:
        found, now = self.found, self._shown
        if found is None or now is None:
            return
        parts = [f"{now.name}: {counted(found.n_bscans, 'B-scan')}."]
        if now.spacing.axial is None or now.spacing.lateral is None:
            parts.append("In px, for the spacing is unknown.")
        elif now.spacing.between_bscans is None:
            parts.append("No volumes, for the distance of B-scans is unknown.")
        if found.n_ignored:
            parts.append(f"{found.n_ignored} pixels that nobody graded are left out.")
        parts.append("Research use only.")
        if self._changed:
            parts.append(amber(_CHANGED))
        self.caption.setText(" ".join(parts))

    def _on_choice(self, layer: Labels | None = None) -> None:
        """Another layer was chosen: the figures of the one before go."""
        self._watch(None)
        self._shown = self.found = None
        self._say("")
        self._set_busy()

    # The files

    def _on_save_table(self) -> None:
        found = self.found
        path = self._ask("Save table", "_quantities.csv", "CSV (*.csv)")
        if found is None or path is None:
            return

        def write() -> Path:
            save_areas(found.table(), path)
            return path

        self._write(as_task(write, f"saving {path.name}"), path)

    def _on_save_picture(self) -> None:
        found, now = self.found, self._shown
        path = self._ask("Save picture", "_profile.png", "PNG (*.png)")
        if found is None or now is None or path is None:
            return
        self._write(picture_steps(now, found, path), path)

    def _ask(self, title: str, ending: str, kinds: str) -> Path | None:
        """Where to save; None if nobody wants to."""
        if self._layer is None:
            return None
        proposal = Path(default_name(self._layer)).stem + ending
        name, _ = QFileDialog.getSaveFileName(self, title, proposal, kinds)
        if not name:
            return None
        path, suffix = Path(name), Path(ending).suffix
        return path if path.suffix.lower() == suffix else Path(f"{path}{suffix}")

    def _write(self, steps: Generator[Progress, None, Path], path: Path) -> None:
        task = RunningTask(steps, f"Saving {path.name}")
        task.succeeded.connect(self._on_written)
        self._start(task, f"Saving {path.name}…")

    def _on_written(self, path: Path) -> None:
        self._say(f"Saved {path.name}")
        self.message.setToolTip(str(path))

    # One task at a time

    def _start(self, task: RunningTask, text: str) -> None:
        task.progressed.connect(self.progress_view.advance)
        task.failed.connect(self._on_failed)
        task.ended.connect(self._on_ended)
        self._task = task
        self._say("")
        self._set_busy()
        self.progress_view.begin(text)
        task.start()

    def _on_failed(self, error: Exception) -> None:
        show_error(self, error)

    def _on_ended(self) -> None:
        self._task = None
        self.progress_view.end()
        self._set_busy()

    def _set_busy(self) -> None:
        busy, has_figures = self.is_busy, self.found is not None
        self.button.setText("Quantify")
        self.button.setEnabled(not busy and self._labels_chooser.layer is not None)
        self._labels_chooser.setEnabled(not busy)
        self._truth_chooser.setEnabled(not busy)
        for widget in (self.caption, self.table):
            widget.setVisible(has_figures)
        for button in (self.save_table_button, self.save_picture_button):
            button.setVisible(has_figures)
            button.setEnabled(not busy)

    # Edits make the figures old

    def _watch(self, layer: Labels | None) -> None:
        before, self._layer = self._layer, layer
        for one, is_new in ((before, False), (layer, True)):
            if one is None:
                continue
            # Undo and redo say nothing but that the picture was drawn anew.
            for event in (one.events.paint, one.events.data, one.events.set_data):
                if is_new:
                    event.connect(self._on_event)
                else:
                    event.disconnect(self._on_event)

    def _on_event(self, event: Any = None) -> None:
        self._check_soon()

    def _check_for_edits(self) -> None:
        """Compare the B-scan on screen, where edits are made, with that measured."""
        layer, now = self._layer, self._shown
        if layer is None or now is None:
            return
        index = bscan_on_screen(self._viewer, layer)
        current = layer.data if layer.ndim == 2 else layer.data[index]
        if np.array_equal(current, now.labels[index]):
            self._changed.discard(index)
        else:
            self._changed.add(index)
        self._set_caption()

    def _on_closing(self) -> None:
        self._watch(None)
        if self._task is not None:
            self._task.cancel()

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.setToolTip("")
        self.message.setVisible(bool(text))


def quantify_steps(
    now: LabelsNow, truth: LabelsNow | None
) -> Generator[Progress, None, Quantification]:
    """`iter_quantify` of labels, against others in the classes of the first."""
    true = None if truth is None else truth.in_classes_of(now)
    return (yield from iter_quantify(now.labels, now.label_set, true, now.spacing))


def picture_steps(
    now: LabelsNow, found: Quantification, path: Path
) -> Generator[Progress, None, Path]:
    """Count, draw and write the occupancy profile; its path."""
    occupancy = yield from iter_occupancy(now.labels, len(now.label_set))
    save_profile(occupancy, found, path, title=now.name)
    return path
