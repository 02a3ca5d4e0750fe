"""How a model is fine-tuned: a preset, and below it the knobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_octseg.engine.finetuning.presets import PRESETS
from napari_octseg.errors import WriteError
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._device_picker import DevicePicker
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._ft_unlabelled import UnlabelledScans
from napari_octseg.widgets._kept import keep_choice, kept_choice
from napari_octseg.widgets._messages import show_error

if TYPE_CHECKING:
    import napari

    from napari_octseg.engine.finetuning.settings import FineTuneSettings, PresetName
    from napari_octseg.widgets._panel import Panel

_REPLAY = "replay"
_AS_PRESET = "as the preset"


_FOR = {
    "quick": "shows whether your corrections help",
    "standard": "for daily use",
    "thorough": "on all there is; hours without a GPU",
}
_SCOPES = (
    (None, _AS_PRESET),
    ("all", "the whole network"),
    ("decoder", "the decoder, its encoder stays"),
    ("norm", "the norm layers only"),
)


class SettingsBox(QWidget):
    """Quick, standard or thorough; what they mean is changed under “More”.

    Signals
    -------
    changed
        Anything was chosen otherwise.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        kept = kept_choice(_REPLAY)
        self._replay = Path(kept) if isinstance(kept, str) and kept else None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._preset_row())
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        layout.addWidget(self.sentence)
        self.fold = Fold("More")
        self.fold.body.addLayout(self._knobs(viewer, panel))
        layout.addWidget(self.fold)
        self._connect()
        self._on_preset()
        self._show_replay()

    @property
    def preset(self) -> PresetName:
        """Name of the chosen preset."""
        return list(PRESETS)[int(self.presets.checkedId())]

    @property
    def replay(self) -> Path | None:
        """Folder with the training data of the models; None for phantoms alone."""
        return self._replay

    def choose_preset(self, name: PresetName) -> None:
        """Choose a preset by its name."""
        self.presets.button([*PRESETS].index(name)).click()

    def settings(self, model: str, data_set: Path, run: Path) -> FineTuneSettings:
        """What is chosen, for a model, a data set and a run folder."""
        from napari_octseg.engine.finetuning.settings import FineTuneSettings

        chosen: dict[str, Any] = {
            "preset": self.preset,
            "scope": self.scope_box.currentData(),
            "n_steps": self.steps_box.value() or None,
            "learning_rate": self.rate_box.value() or None,
            "batch_size": self.batch_box.value() or None,
            "minutes": self.minutes_box.value() or None,
            "replay": self._replay,
            "unlabelled": self.unlabelled.paths,
            "device": self.device_picker.device,
        }
        return FineTuneSettings(model=model, data_set=data_set, run=run, **chosen)

    def choose_replay(self, folder: Path | None) -> None:
        """Folder with the training data of the models, or none."""
        self._replay = folder
        try:
            keep_choice(_REPLAY, "" if folder is None else str(folder))
        except WriteError as error:
            show_error(self, error)
        self._show_replay()
        self.changed.emit()

    def _preset_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.presets = QButtonGroup(self)
        for place, name in enumerate(PRESETS):
            button = QPushButton(name.capitalize())
            button.setCheckable(True)
            button.setToolTip(preset_sentence(name))
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            self.presets.addButton(button, place)
            row.addWidget(button)
        self.presets.button(0).setChecked(True)
        return row

    def _knobs(self, viewer: napari.Viewer, panel: Panel) -> QFormLayout:
        self.scope_box = NarrowComboBox()
        for value, text in _SCOPES:
            self.scope_box.addItem(text, value)
        self.scope_box.setToolTip(
            "With few corrections less may be trained without forgetting"
        )
        self.steps_box = _count_box(1_000_000, "Optimiser updates")
        self.rate_box = QDoubleSpinBox()
        self.rate_box.setDecimals(6)
        self.rate_box.setRange(0, 1)
        self.rate_box.setSingleStep(0.0001)
        self.rate_box.setSpecialValueText(_AS_PRESET)
        self.rate_box.setToolTip("Highest learning rate of the optimiser")
        self.batch_box = _count_box(256, "Samples of one update")
        self.minutes_box = QDoubleSpinBox()
        self.minutes_box.setRange(0, 10_000)
        self.minutes_box.setDecimals(1)
        self.minutes_box.setSpecialValueText(_AS_PRESET)
        self.minutes_box.setSuffix(" min")
        self.minutes_box.setToolTip(
            "The training ends after so long, however far it is"
        )
        self.replay_label = QElidingLabel()
        self.replay_button, self.no_replay_button = (
            QPushButton("…"),
            QPushButton("None"),
        )
        self.replay_button.setToolTip("Choose the folder")
        self.no_replay_button.setToolTip("Phantoms alone keep it from forgetting")
        replay = QHBoxLayout()
        replay.setSpacing(4)
        replay.addWidget(self.replay_label, 1)
        replay.addWidget(self.replay_button)
        replay.addWidget(self.no_replay_button)
        self.unlabelled = UnlabelledScans(viewer, panel)
        self.device_picker = DevicePicker()
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Train", self.scope_box)
        form.addRow("Steps", self.steps_box)
        form.addRow("Learning rate", self.rate_box)
        form.addRow("Batch", self.batch_box)
        form.addRow("At most", self.minutes_box)
        form.addRow("Its own data", replay)
        form.addRow("Run on", self.device_picker)
        form.addRow(QLabel("Look of unlabelled scans, to be learned too:"))
        form.addRow(self.unlabelled)
        return form

    def _connect(self) -> None:
        self.presets.idClicked.connect(self._on_preset)
        for box in (self.steps_box, self.batch_box, self.rate_box, self.minutes_box):
            box.valueChanged.connect(self._on_change)
        self.scope_box.currentIndexChanged.connect(self._on_change)
        self.device_picker.currentIndexChanged.connect(self._on_change)
        self.unlabelled.changed.connect(self._on_change)
        self.replay_button.clicked.connect(self._on_replay)
        self.no_replay_button.clicked.connect(self._on_no_replay)

    def _on_preset(self, index: int = 0) -> None:
        self.sentence.setText(preset_sentence(self.preset))
        self.changed.emit()

    def _on_change(self, value: Any = None) -> None:
        self.changed.emit()

    def _on_replay(self) -> None:
        known = "" if self._replay is None else str(self._replay)
        name = QFileDialog.getExistingDirectory(
            self, "Folder with what the models were trained on", known
        )
        if name:
            self.choose_replay(Path(name))

    def _on_no_replay(self) -> None:
        self.choose_replay(None)

    def _show_replay(self) -> None:
        folder = self._replay
        self.replay_label.setText("phantoms only" if folder is None else str(folder))
        self.replay_label.setToolTip(
            "What the model was trained on is trained on again, so that it is not "
            "forgotten; phantoms always are"
        )
        self.no_replay_button.setEnabled(folder is not None)


def preset_sentence(name: PresetName) -> str:
    """How long a preset takes, and what it is for."""
    _, _, time = PRESETS[name].title.partition(": ")
    return f"{time[:1].upper()}{time[1:]}: {_FOR[name]}."


def _count_box(highest: int, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, highest)
    box.setSpecialValueText(_AS_PRESET)
    box.setToolTip(tip)
    return box
