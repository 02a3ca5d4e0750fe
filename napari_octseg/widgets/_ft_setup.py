"""What is fine-tuned, on what, how: the choices before a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_octseg.engine.comparing.difference import shared_classes
from napari_octseg.widgets._data_set_folder import DataSetFolder
from napari_octseg.widgets._ft_data_set import DataSetLine
from napari_octseg.widgets._ft_plan import PlanView
from napari_octseg.widgets._ft_settings import SettingsBox
from napari_octseg.widgets._model_picker import ModelPicker
from napari_octseg.widgets._text import amber

if TYPE_CHECKING:
    from typing import Any

    import napari

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.finetuning.settings import FineTuneSettings
    from napari_octseg.widgets._ft_data_set import DataSetFacts
    from napari_octseg.widgets._panel import Panel


class SetupBox(QWidget):
    """Data set, model, preset and knobs; below them the plan in one sentence.

    Signals
    -------
    changed
        There is something else to start, or nothing: see `is_ready`.
    model_changed
        The `ModelCard` of another model, or None.
    """

    changed = Signal()
    model_changed = Signal(object)

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        self._plans = False
        self.folder = DataSetFolder(panel)
        self.data_set = DataSetLine(self.folder, panel)
        self.model_picker = ModelPicker()
        self.model_picker.setToolTip(
            "Models that know a class of the data set; yours are among them"
        )
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.settings_box = SettingsBox(viewer, panel)
        self.plan_view = PlanView(panel)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Model", self.model_picker)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.data_set)
        layout.addLayout(form)
        for widget in (self.problem, self.settings_box, self.plan_view):
            layout.addWidget(widget)
        self.data_set.told.connect(self._on_facts)
        self.model_picker.card_changed.connect(self._on_card)
        self.settings_box.changed.connect(self._plan)
        self.plan_view.planned.connect(self.changed)
        self._on_facts(None)

    @property
    def facts(self) -> DataSetFacts | None:
        """What is known of the data set; None without one."""
        return self.data_set.facts

    @property
    def is_ready(self) -> bool:
        """Whether a run of these choices can be started."""
        return self.plan_view.plan is not None

    @property
    def is_busy(self) -> bool:
        """Whether the data set is being read, or a plan being made."""
        return self.data_set.is_busy or self.plan_view.is_busy

    def refresh(self) -> None:
        """Look at data set and models anew."""
        self.data_set.refresh()
        self.model_picker.refresh()

    def set_planning(self, plans: bool) -> None:
        """Keep the plan up to date, or make none.

        Planning loads torch, which holds up the window for a moment: it is left while a
        run is watched.
        """
        if plans != self._plans:
            self._plans = plans
            self._plan()

    def settings(self) -> FineTuneSettings | None:
        """The choices, for a new run; None if something is missing."""
        from napari_octseg.engine.finetuning.run_folder import new_run_folder

        card, facts = self.model_picker.card, self.facts
        if card is None or facts is None:
            return None
        run = new_run_folder(card.name)
        return self.settings_box.settings(card.name, facts.folder, run)

    def _on_facts(self, facts: DataSetFacts | None) -> None:
        self.settings_box.setVisible(facts is not None)
        self.model_picker.show_only(self._suits)
        self._show_problem()
        self._plan()

    def _suits(self, card: ModelCard) -> bool:
        """Whether a model is for B-scans, and knows what the data set can teach it."""
        facts = self.facts
        if card.input.plane != "bscan":
            return False
        if facts is None:
            return True  # it can be adapted
        return bool(shared_classes(card.label_set, facts.label_set).names)

    def _show_problem(self) -> None:
        facts = self.facts
        missing = facts is not None and self.model_picker.card is None
        self.problem.setVisible(missing)
        if facts is not None and missing:
            names = ", ".join(facts.label_set.names[1:])
            self.problem.setText(amber(f"No model for B-scans knows any of: {names}."))

    def _on_card(self, card: ModelCard | None) -> None:
        self._show_problem()
        self.model_changed.emit(card)
        self._plan()

    def _plan(self, change: Any = None) -> None:
        card, facts, settings = self.model_picker.card, self.facts, self.settings()
        if card is None or facts is None or settings is None or not self._plans:
            self.plan_view.forget()
            return
        self.plan_view.ask(settings, card.title, facts.n_patients)
