"""What a fine-tuning would do, in one sentence, before it is started."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._tasks import RunningTask, as_task, while_alive
from napari_octseg.widgets._text import amber
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from napari_octseg.engine.finetuning.plan import FineTunePlan
    from napari_octseg.engine.finetuning.settings import FineTuneSettings
    from napari_octseg.widgets._panel import Panel

_REST_MS = 300


class PlanView(QWidget):
    """The plan of the present choices; it is made in a thread, and made anew.

    Signals
    -------
    planned
        There is another plan, or none: see `plan`.
    """

    planned = Signal()

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self.plan: FineTunePlan | None = None
        self._wanted: tuple[FineTuneSettings, str, int] | None = None
        self._task: RunningTask | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST_MS)
        self._timer.timeout.connect(self._begin)
        self.sentence, self.notes = QLabel(), QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for label in (self.sentence, self.notes):
            label.setWordWrap(True)
            layout.addWidget(label)
        panel.closing.connect(self.forget)
        self._show("", [])

    @property
    def is_busy(self) -> bool:
        """Whether a plan is being made."""
        return self._task is not None or self._timer.isActive()

    def ask(self, settings: FineTuneSettings, title: str, n_patients: int) -> None:
        """Plan these settings soon.

        Parameters
        ----------
        settings
            The newest choices; those before are not planned any more.
        title
            Of the model.
        n_patients
            Of the data set.
        """
        self.plan = None
        self._wanted = (settings, title, n_patients)
        if not self.sentence.text():
            self._show("Looking at what there is to learn from…", [])
        self._timer.start()
        self.planned.emit()

    def forget(self) -> None:
        """Nothing is to be planned."""
        self.plan = self._wanted = None
        self._timer.stop()
        if self._task is not None:
            self._task.cancel()
        self._show("", [])
        self.planned.emit()

    def _begin(self) -> None:
        if self._wanted is None or self._task is not None:
            return  # planned when the present one has ended
        settings, title, n_patients = self._wanted
        self._wanted = None
        task = RunningTask(
            as_task(lambda: _planned(settings), "planning"), "Planning the fine-tuning"
        )
        task.succeeded.connect(while_alive(self._on_plan, title, n_patients))
        task.failed.connect(self._on_failed)
        task.ended.connect(self._on_ended)
        self._task = task
        task.start()

    def _on_plan(self, title: str, n_patients: int, plan: FineTunePlan) -> None:
        if self._wanted is not None:
            return
        self.plan = plan
        self._show(
            escape(plan_sentence(plan, title, n_patients)),
            [escape(note) for note in plan.notes],
        )
        self.planned.emit()

    def _on_failed(self, error: Exception) -> None:
        if self._wanted is not None:
            return
        if not isinstance(error, OctsegError):
            show_error(self, error)
            self._show("", [])
            return
        # Said where the choices are: nobody has pressed anything yet.
        parts = (error.got, error.allowed, error.todo)
        titles = ("", "Possible: ", "What to do: ")
        told = [
            f"{title}{part.rstrip('.')}."
            for title, part in zip(titles, parts, strict=True)
            if part
        ]
        self._show(amber(" ".join(told)), [])
        self.planned.emit()

    def _on_ended(self) -> None:
        self._task = None
        if self._wanted is not None:
            self._timer.start()

    def _show(self, sentence: str, notes: list[str]) -> None:
        self.sentence.setText(sentence)
        self.notes.setText("<br>".join(notes))
        self.sentence.setVisible(bool(sentence))
        self.notes.setVisible(bool(notes))


def plan_sentence(plan: FineTunePlan, title: str, n_patients: int) -> str:
    """What is trained on what, and judged on what."""
    own, *replay = plan.recipe.sources
    if isinstance(own.validation, tuple):
        n_patients -= len(own.validation)
    names = ", ".join(source.name for source in replay)
    kept = f", plus {names} so that nothing is forgotten" if names else ""
    n_bscans = counted(plan.n_train_bscans, "corrected B-scan")
    return (
        f"Starts from {title}, trains on all {n_bscans} of "
        f"{counted(n_patients, 'patient')}{kept}; judged on "
        f"{plan.held_out.rstrip('.')}."
    )


def _planned(settings: FineTuneSettings) -> FineTunePlan:
    # Imported here: it takes long enough to be done in a thread.
    from napari_octseg.engine.finetuning.plan import plan_fine_tune

    return plan_fine_tune(settings)
