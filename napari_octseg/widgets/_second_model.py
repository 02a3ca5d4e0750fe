"""A second model beside the first, and what becomes of the two."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QButtonGroup, QFormLayout, QLabel, QRadioButton, QWidget

from napari_octseg.engine.comparing.merge_plan import finding_names
from napari_octseg.widgets._model_picker import ModelPicker

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard


class Purpose(Enum):
    """What becomes of two models."""

    COMPARE = "Compare the two"
    MERGE = "Layers of one, findings of the other"
    AVERAGE = "Average the two"


class SecondModel(QWidget):
    """No second model, or one with what it is for.

    Signals
    -------
    changed
        Another model or purpose was chosen.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._first: ModelCard | None = None
        self.picker = ModelPicker(nothing="none")
        self.picker.setToolTip("Run a second model on the same B-scans")
        self.buttons = {purpose: QRadioButton() for purpose in Purpose}
        self._group = QButtonGroup(self)
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        # The choices need the whole width of the dock.
        layout = QFormLayout(self)
        layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(4)
        layout.addRow("Second model", self.picker)
        for button in self.buttons.values():
            self._group.addButton(button)
            layout.addRow(button)
        layout.addRow(self.reason)
        self.buttons[Purpose.COMPARE].setChecked(True)
        self._group.buttonToggled.connect(self._on_toggled)
        self.picker.card_changed.connect(self._on_card)
        self._offer()

    @property
    def card(self) -> ModelCard | None:
        """Card of the second model; None if there is none, or none that fits."""
        first = self._first
        runs_alone = first is not None and first.input.plane != "bscan"
        return None if runs_alone or self.problem else self.picker.card

    @property
    def purpose(self) -> Purpose:
        """What the two are for."""
        return next(p for p, button in self.buttons.items() if button.isChecked())

    @property
    def problem(self) -> str:
        """Why nothing can be done with these two models; empty if something can."""
        first, second = self._first, self.picker.card
        if first is None or second is None:
            return ""
        if first.weights.sha256 == second.weights.sha256:
            return "That is the first model once more: choose another one."
        return ""

    def show_first(self, card: ModelCard | None) -> None:
        """The first model has changed."""
        self._first = card
        self._offer()

    def layers_and_findings(self) -> tuple[ModelCard, ModelCard] | None:
        """The models that layers and findings can be taken from, if there are both."""
        first, second = self._first, self.card
        if first is None or second is None:
            return None
        for layers, findings in ((first, second), (second, first)):
            if layers.layers and finding_names(findings):
                return layers, findings
        return None

    def _on_card(self, card: ModelCard | None) -> None:
        self._offer()
        self.changed.emit()

    def _on_toggled(self, button: QRadioButton, checked: bool) -> None:
        if checked:
            self.changed.emit()

    def _offer(self) -> None:
        """Show what can be done with the two, and why other things cannot."""
        first, second = self._first, self.card
        for button in self.buttons.values():
            button.setVisible(second is not None)
        self.reason.setText(self.problem)
        self.reason.setVisible(bool(self.problem))
        if first is None or second is None:
            return
        compare, merge, average = (self.buttons[purpose] for purpose in Purpose)
        compare.setText(Purpose.COMPARE.value)
        compare.setToolTip("Labels of both, and where they differ")
        parts = self.layers_and_findings()
        where = ("first", "second") if parts and parts[0] is first else None
        where = where or (("second", "first") if parts else None)
        merge.setText(
            f"Layers of the {where[0]}, findings of the {where[1]}"
            if where
            else Purpose.MERGE.value
        )
        merge.setEnabled(parts is not None)
        merge.setToolTip(
            "One set of labels: findings such as fluid are painted over the layers"
            if parts
            else "One of the two has to label layers, the other findings such as fluid"
        )
        average.setText(Purpose.AVERAGE.value)
        alike = (first.label_set.names, first.layers) == (
            second.label_set.names,
            second.layers,
        )
        average.setEnabled(alike)
        average.setToolTip(
            "The mean of what both hold likely; takes the time of both"
            if alike
            else "Only models that label the same classes can be averaged"
        )
        if not self.buttons[self.purpose].isEnabled():
            compare.setChecked(True)
