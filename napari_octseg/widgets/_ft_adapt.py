"""Adapt a model to the open scans without any label: one click, before and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.bundles.registry import list_bundles
from napari_octseg.engine.finetuning.lineage import retired
from napari_octseg.widgets._ft_adapt_steps import (
    AdaptOrder,
    drop,
    iter_adaptation,
    keep,
)
from napari_octseg.widgets._ft_gate import suggest
from napari_octseg.widgets._ft_pictures import PictureGrid, labelled, rows_with_labels
from napari_octseg.widgets._ft_unlabelled import open_scans
from napari_octseg.widgets._gt_task_row import TaskRow
from napari_octseg.widgets._layers import bscan_on_screen, volume_of
from napari_octseg.widgets._tasks import as_task
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from typing import Any

    import napari

    from napari_octseg.widgets._ft_adapt_steps import Adaptation
    from napari_octseg.widgets._ft_setup import SetupBox
    from napari_octseg.widgets._panel import Panel

_WHAT = (
    "Needs no labels and some seconds: the model chosen above gets used to the look of "
    "the scans that are open. Fine-tuning does more, where there are corrections."
)


_WAYS: tuple[tuple[str, dict[str, bool]], ...] = (
    ("what suits the model", {}),
    ("statistics of batch norm", {"match_histogram": False}),
    ("grey values", {"refresh_norms": False, "match_histogram": True}),
    ("both", {"match_histogram": True}),
)
"""What can be adapted, as `iter_adapt` takes it."""


class AdaptBox(QWidget):
    """A choice and a button; then what it changed, Keep and Discard.

    Signals
    -------
    kept
        Name of the new model.
    """

    kept = Signal(str)

    def __init__(self, viewer: napari.Viewer, panel: Panel, setup: SetupBox) -> None:
        super().__init__()
        self._viewer = viewer
        self._setup = setup
        self.adaptation: Adaptation | None = None
        self._build(panel)
        self.button.clicked.connect(self._on_click)
        self.keep_button.clicked.connect(self._on_keep)
        self.discard_button.clicked.connect(self._on_discard)
        self.row.busy_changed.connect(self._show_state)
        setup.model_changed.connect(self._show_state)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            panel.listen(event, self._show_state)
        panel.closing.connect(self._on_closing)
        self._show_none()

    def _build(self, panel: Panel) -> None:
        what = QLabel(_WHAT)
        what.setWordWrap(True)
        self.way_picker = QComboBox()
        self.way_picker.addItems([name for name, _ in _WAYS])
        self.button = QPushButton()
        self.row = TaskRow(panel)
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.grid = PictureGrid(1)
        self.keep_button = QPushButton("Keep")
        self.discard_button = QPushButton("Discard")
        self._ends = (self.keep_button, self.discard_button)
        self.result = QWidget()
        ends = QHBoxLayout()
        ends.setSpacing(4)
        ends.addWidget(self.keep_button)
        ends.addWidget(self.discard_button)
        column = QVBoxLayout(self.result)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.told)
        column.addWidget(self.grid)
        column.addLayout(ends)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("What", self.way_picker)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(what)
        layout.addLayout(form)
        for widget in (self.button, self.row, self.result):
            layout.addWidget(widget)

    @property
    def is_busy(self) -> bool:
        """Whether a model is being adapted."""
        return self.row.is_busy

    def _on_click(self) -> None:
        card, layers = self._setup.model_picker.card, open_scans(self._viewer)
        if card is None or not layers:
            return
        self._drop()
        active = self._viewer.layers.selection.active
        shown = active if active in layers else layers[-1]
        facts = self._setup.facts
        order = AdaptOrder(
            model=card.name,
            name=_free_name(f"{card.name}-adapted"),
            volumes=[volume_of(layer) for layer in layers],
            shown=volume_of(shown),
            bscan=bscan_on_screen(self._viewer, shown),
            device=self._setup.settings_box.device_picker.device,
            data_set=None if facts is None else facts.folder,
            replay=self._setup.settings_box.replay,
            **_WAYS[self.way_picker.currentIndex()][1],
        )
        self.row.start(iter_adaptation(order), "Adapting…", self._on_adapted)

    def _on_adapted(self, adaptation: Adaptation) -> None:
        self.adaptation = adaptation
        self.told.setText(adaptation_text(adaptation))
        found = adaptation.comparison
        is_worse = found is not None and found.verdict == "worse"
        self.keep_button.setText("Keep nevertheless" if is_worse else "Keep")
        suggest(self.discard_button if is_worse else None, self._ends)
        rows = rows_with_labels(adaptation.before, adaptation.after)
        self.grid.show_pictures(
            [
                (
                    title,
                    labelled(
                        adaptation.image[rows], labels[rows], adaptation.label_set
                    ),
                )
                for title, labels in (
                    ("before", adaptation.before),
                    ("after", adaptation.after),
                )
            ]
        )
        self.result.show()

    def _on_keep(self) -> None:
        adaptation = self.adaptation
        if adaptation is not None:
            steps = as_task(lambda: keep(adaptation), "keeping it")
            self.row.start(steps, "Keeping it…", self._on_kept)

    def _on_kept(self, name: str) -> None:
        self.adaptation = None
        self._show_none()
        self.kept.emit(name)

    def _on_discard(self) -> None:
        self._drop()
        self.row.say("Discarded; nothing of it is left.")

    def _on_closing(self) -> None:
        self._drop()

    def _drop(self) -> None:
        adaptation, self.adaptation = self.adaptation, None
        if adaptation is not None:
            drop(adaptation)
        self._show_none()

    def _show_none(self) -> None:
        self.result.hide()
        self.grid.show_pictures([])
        self._show_state()

    def _show_state(self, _: Any = None) -> None:
        n_open = len(open_scans(self._viewer))
        self.button.setText(f"Adapt to {counted(n_open, 'open scan')}")
        card = self._setup.model_picker.card
        can = n_open > 0 and card is not None
        self.button.setEnabled(can and not self.row.is_busy)
        self.result.setEnabled(not self.row.is_busy)


def adaptation_text(adaptation: Adaptation) -> str:
    """What was done and what it changed, in sentences."""
    model = adaptation.model
    sentences = [*model.did, *model.notes]
    known = [share for share in model.changed if math.isfinite(share)]
    if known:
        shares = ", ".join(f"{100 * share:.0f} %" for share in known)
        sentences.append(f"Labelled otherwise than before: {shares} of the labels")
    if adaptation.comparison is None:
        sentences.append("Whether it is better was not measured: look at it")
    else:
        sentences.append(adaptation.comparison.text)
    return " ".join(f"{one.rstrip('.')}." for one in sentences)


def _free_name(name: str) -> str:
    # A model that was rolled back keeps its name: it may be restored.
    taken = {bundle.name for bundle in list_bundles()} | set(retired())
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
