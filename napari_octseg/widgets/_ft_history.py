"""What a model came from, how much it has learnt so far, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.widgets._ft_plot import Curve, CurvePlot
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import napari

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.finetuning.history import Point
    from napari_octseg.widgets._panel import Panel

_AFTER = "#009e73"
"""Of Okabe and Ito's palette."""


@dataclass(frozen=True)
class History:
    """Of one model: itself and its ancestors, all fine-tunings, who can come back."""

    cards: tuple[ModelCard, ...]
    points: tuple[Point, ...]
    retired: tuple[str, ...]


class HistoryBox(QWidget):
    """Learning curve, lineage with Roll back, retired models with Restore.

    Signals
    -------
    models_changed
        Models have left the list of models, or came back; the name of the one to go on
        with.
    told
        What was done, for people.
    """

    models_changed = Signal(str)
    told = Signal(str)

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        self._task: RunningTask | None = None
        self._model: str | None = None
        self.history: History | None = None
        self.plot = CurvePlot(
            viewer,
            panel,
            x_title="corrected B-scans trained on",
            y_title="Dice, held out",
            y_top=1.0,
            x_from_zero=True,
        )
        self.plot.setToolTip(
            "Each fine-tuning on the B-scans that were held out then; where others "
            "were held out, points are not quite comparable"
        )
        self.caption = QLabel()
        self.caption.setWordWrap(True)
        self.rows = QWidget()
        self._column = QVBoxLayout(self.rows)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self.buttons: dict[str, QPushButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.plot, self.caption, self.rows):
            layout.addWidget(widget)
        self.show_history(None)

    @property
    def is_busy(self) -> bool:
        """Whether files are being read or moved."""
        return self._task is not None

    def show_model(self, model: str | None) -> None:
        """Show the history of a model, or of none; it is read in a thread."""
        self._model = model
        if model is None:
            self.show_history(None)
            return
        self._start(lambda: read_history(model), "Reading the history", self._on_read)

    def show_history(self, history: History | None) -> None:
        """Show what was read."""
        self.history = history
        points = () if history is None else history.points
        self.plot.show_curves(learning_curves(points))
        self.plot.setVisible(any(p.dice_after is not None for p in points))
        self.caption.setText(caption_of(history))
        self._fill(history)

    def _fill(self, history: History | None) -> None:
        while self._column.count():
            item = self._column.takeAt(0)
            if item.widget() is not None:
                item.widget().deleteLater()
        self.buttons = {}
        if history is None:
            return
        for place, card in enumerate(history.cards):
            # Models that were rolled back cannot be gone back to.
            is_ancestor = place > 0 and card.name not in history.retired
            text = card.title if not place else f"from {card.title}"
            self._add(card.name, text, "Roll back" if is_ancestor else "", self._ask)
        for name in history.retired:
            self._add(name, f"retired: {name}", "Restore", self._restore)

    def _add(
        self, name: str, text: str, action: str, do: Callable[[str], object]
    ) -> None:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        label = QLabel(text)
        label.setWordWrap(True)
        label.setToolTip(name)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        line.addWidget(label, 1)
        if action:
            button = QPushButton(action)
            button.clicked.connect(while_alive(self._on_button, do, name))
            line.addWidget(button)
            self.buttons[name] = button
        self._column.addWidget(row)

    def _on_button(
        self, do: Callable[[str], object], name: str, _: bool = False
    ) -> None:
        do(name)

    # Roll back and restore

    def _ask(self, ancestor: str) -> None:
        history = self.history
        if history is None:
            return
        names = [card.name for card in history.cards]
        leaving = [
            n for n in names[: names.index(ancestor)] if n not in history.retired
        ]
        question = QMessageBox(self.window())
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question.setWindowTitle("Roll back")
        question.setText(f"Go back to {ancestor}?")
        question.setInformativeText(
            f"{', '.join(leaving)} will be put aside, out of the lists of models. "
            "“Restore” brings a model back."
        )
        back = question.addButton("Roll back", QMessageBox.ButtonRole.AcceptRole)
        question.addButton(QMessageBox.StandardButton.Cancel)
        back.clicked.connect(while_alive(self._roll_back, ancestor))
        question.open()

    def _roll_back(self, ancestor: str, _: bool = False) -> None:
        model = self._model
        if model is None:
            return

        def move() -> tuple[str, str]:
            from napari_octseg.engine.finetuning.lineage import roll_back

            names = roll_back(model, ancestor)
            return ancestor, f"Back at {ancestor}; put aside: {', '.join(names)}."

        self._start(move, "Rolling back", self._on_moved)

    def _restore(self, name: str) -> None:
        def move() -> tuple[str, str]:
            from napari_octseg.engine.finetuning.lineage import restore

            restore(name)
            return name, f"{name} is in the lists of models again."

        self._start(move, "Restoring", self._on_moved)

    def _on_moved(self, done: tuple[str, str]) -> None:
        name, text = done
        self.models_changed.emit(name)
        self.told.emit(text)
        self.show_model(name)

    def _on_read(self, history: History) -> None:
        if self._model is not None and history.cards[0].name == self._model:
            self.show_history(history)

    def _start(
        self, work: Callable[[], Any], text: str, done: Callable[[Any], object]
    ) -> None:
        task = RunningTask(as_task(work, text), text)
        task.succeeded.connect(while_alive(done))
        task.failed.connect(self._on_failed)
        task.ended.connect(while_alive(self._on_ended, task))
        self._task = task
        self.rows.setEnabled(False)
        task.start()

    def _on_failed(self, error: Exception) -> None:
        show_error(self, error)

    def _on_ended(self, task: RunningTask) -> None:
        if task is self._task:
            self._task = None
            self.rows.setEnabled(True)


def read_history(model: str) -> History:
    """The history of a model.

    Raises
    ------
    OctsegError
        If a file of it is damaged.
    """
    from napari_octseg.engine.finetuning.history import learning_curve
    from napari_octseg.engine.finetuning.lineage import lineage, retired

    return History(lineage(model), tuple(learning_curve(model)), retired())


def learning_curves(points: Sequence[Point]) -> list[Curve]:
    """Dice before and after against the number of B-scans trained on."""
    known = sorted(
        (p for p in points if p.dice_after is not None), key=lambda p: p.n_bscans
    )
    made = []
    for name, colour, values, dashed in (
        ("after", _AFTER, [p.dice_after for p in known], False),
        ("before", "", [p.dice_before for p in known], True),
    ):
        pairs = [
            (p.n_bscans, value)
            for p, value in zip(known, values, strict=True)
            if value is not None
        ]
        if pairs:
            x, y = [n for n, _ in pairs], [value for _, value in pairs]
            made.append(Curve(name, colour, x, y, dashed=dashed, dots=True))
    return made


def caption_of(history: History | None) -> str:
    """How often a family of models was fine-tuned."""
    if history is None:
        return ""
    if not history.points:
        return "This model has not been fine-tuned here yet."
    n_open = sum(not point.model for point in history.points)
    text = counted(len(history.points), "fine-tuning")
    return (
        f"{text}, {counted(n_open, 'candidate')} still open." if n_open else f"{text}."
    )
