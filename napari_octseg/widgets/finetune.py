"""The Fine-tune panel: from corrected B-scans to a better model, or back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton

from napari_octseg.engine.progress import Progress
from napari_octseg.errors import OctsegError
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._ft_adapt import AdaptBox
from napari_octseg.widgets._ft_errand import Errand
from napari_octseg.widgets._ft_follow import RunFollower
from napari_octseg.widgets._ft_gate import GateView
from napari_octseg.widgets._ft_history import HistoryBox
from napari_octseg.widgets._ft_run_deeds import (
    accepted,
    found_in,
    open_run,
    removed,
    resumed,
    started,
)
from napari_octseg.widgets._ft_run_view import RunView
from napari_octseg.widgets._ft_setup import SetupBox
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._model_picker import refresh_pickers
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._panel_in_front import panel_in_front
from napari_octseg.widgets._progress_view import ProgressView

if TYPE_CHECKING:
    from typing import Any

    import napari
    from qtpy.QtGui import QShowEvent

    from napari_octseg.bundles.registry import Bundle
    from napari_octseg.engine.finetuning.run import Run
    from napari_octseg.widgets._ft_run_deeds import FoundCandidate

_PHASES = {
    "preparing": "Preparing…",
    "training": "Training…",
    "measuring": "Measuring what it has learnt…",
}


class FineTuneWidget(Panel):
    """Choose, run, watch; then accept the candidate or discard it.

    The run is a process of its own: closing this panel leaves it alone, and the panel
    finds it again when it is opened.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._has_looked = False
        self.follower = RunFollower(self)
        self.setup = SetupBox(napari_viewer, self)
        self.setup_fold = Fold("What to train", unfolded=True)
        self.run_view = RunView(napari_viewer, self, self.follower)
        self.gate = GateView()
        self.run_button = QPushButton("Run")
        self.run_button.setToolTip(
            "Train in a process of its own; the window may be closed meanwhile"
        )
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop; the best so far is kept and measured")
        self.progress_view = ProgressView()
        self.errand = Errand(self, self.progress_view)
        self.status = QLabel()
        self.use_button = QPushButton("Segment with it")
        self.history = HistoryBox(napari_viewer, self)
        self.adapt = AdaptBox(napari_viewer, self, self.setup)
        self._accepted = self._phase = ""
        self._is_stopping = False
        self._arrange()
        self._connect()
        self._show_state()

    def _arrange(self) -> None:
        self.setup_fold.body.addWidget(self.setup)
        self.history_fold = Fold("Learning curve and ancestors")
        self.history_fold.body.addWidget(self.history)
        self.adapt_fold = Fold("Adapt without labels")
        self.adapt_fold.body.addWidget(self.adapt)
        for widget in (
            self.setup_fold,
            self.run_view,
            self.gate,
            self.history_fold,
            self.adapt_fold,
        ):
            self.body.addWidget(widget)
        self.body.addStretch()
        buttons = QHBoxLayout()
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        # However long the panel is, these are in view.
        self.footer.setContentsMargins(8, 4, 8, 8)
        self.footer.addLayout(buttons)
        self.footer.addWidget(self.progress_view)
        self.status.setWordWrap(True)
        self.footer.addWidget(self.status)
        self.footer.addWidget(self.use_button)
        self.use_button.hide()
        self.say("")

    def _connect(self) -> None:
        self.setup.changed.connect(self._show_state)
        self.errand.changed.connect(self._show_state)
        self.setup.data_set.asked.connect(self._show_ground_truth)
        self.run_button.clicked.connect(self._on_run)
        self.cancel_button.clicked.connect(self._on_cancel)
        self.follower.advanced.connect(self._on_advanced)
        self.follower.ended.connect(self._on_run_ended)
        self.run_view.resume_asked.connect(self._on_resume)
        self.run_view.remove_asked.connect(self._on_remove)
        self.gate.accepted.connect(self._on_accept)
        self.gate.discarded.connect(self._on_remove)
        self.use_button.clicked.connect(self._on_use)
        self.setup.model_changed.connect(self._show_history)
        self.history_fold.button.toggled.connect(self._show_history)
        self.history.models_changed.connect(self._on_models)
        self.history.told.connect(self.say)
        self.adapt.kept.connect(self._on_new_model)
        # The run itself goes on.
        self.closing.connect(self.follower.stop)

    @property
    def is_busy(self) -> bool:
        """Whether a run is followed, or something is started, accepted or removed."""
        return self.errand.is_busy or self.follower.is_following

    def say(self, text: str) -> None:
        """Show a sentence at the foot of the panel."""
        self.status.setText(text)
        self.status.setVisible(bool(text))

    def showEvent(self, event: QShowEvent) -> None:
        """Look for new ground truth, and the first time for runs under way."""
        super().showEvent(event)
        self.setup.refresh()
        if not self._has_looked:
            self._has_looked = True
            self.attach()

    # Runs

    def attach(self) -> None:
        """Show the run that is under way, or the newest one that waits for a word."""
        self.errand.start(open_run, "Looking for runs…", self._on_found)

    def follow(self, run: Run) -> None:
        """Show a run from its first step on."""
        self.gate.show_candidate(None)
        self._phase, self._is_stopping = "", False
        self._show_run(run)
        self.setup.set_planning(False)
        self.progress_view.begin("Preparing…")
        self.follower.follow(run)
        self._show_state()

    def _on_found(self, run: Run | None) -> None:
        if run is None:
            self._show_run(None)
            self.setup.set_planning(True)
        else:
            self.follow(run)

    def _show_run(self, run: Run | None) -> None:
        self.run_view.show_run(run)
        self.setup_fold.set_unfolded(run is None)
        self._show_state()

    def _on_run(self) -> None:
        settings = self.setup.settings()
        if settings is None:
            return
        self.say("")
        self.use_button.hide()
        self.errand.start(partial(started, settings), "Starting…", self.follow)

    def _on_cancel(self) -> None:
        run = self.follower.run
        if run is None or not self.follower.is_following:
            return
        self._is_stopping = True
        self.cancel_button.setEnabled(False)
        self.progress_view.label.setText("Stopping…")
        try:
            run.cancel()
        except OctsegError as error:
            show_error(self, error)

    def _on_advanced(self) -> None:
        from napari_octseg.engine.finetuning.events import seconds_left

        events = self.follower.events
        last = events[-1]
        if last.phase != self._phase:
            self._phase, self._is_stopping = last.phase, False
            self.progress_view.begin(_PHASES.get(last.phase, ""))
            self._show_state()
        elif self._is_stopping:
            return
        self.progress_view.advance(
            Progress(last.done, last.total, last.message),
            seconds_left=seconds_left(events),
        )

    def _on_run_ended(self) -> None:
        self.progress_view.end()
        self.setup.set_planning(True)
        status, run = self.follower.status, self.follower.run
        if run is None or status is None or not run.folder.is_dir():
            self._show_run(None)
            return
        if status.phase == "finished":
            self.errand.start(
                partial(found_in, run),
                "Reading the candidate…",
                self._on_candidate,
                self.run_view.show_unreadable,
            )
        else:
            self.run_view.show_stop(status)
        if not self.isVisible():
            show_info("The fine-tuning has ended: see the Fine-tune tab.")
        self._show_state()

    def _on_resume(self) -> None:
        run = self.follower.run
        if run is not None:
            self.errand.start(partial(resumed, run), "Resuming…", self.follow)

    def _on_remove(self) -> None:
        run = self.follower.run
        if run is not None:
            self.errand.start(
                partial(removed, run), "Removing the run…", self._on_removed
            )

    def _on_removed(self, _: Any = None) -> None:
        self.gate.show_candidate(None)
        self.say("The run was removed; nothing of it is left.")
        self.attach()

    # The candidate

    def _on_candidate(self, found: FoundCandidate) -> None:
        self.run_view.show_end()
        self.gate.show_candidate(found.candidate, found.free_name, taken=found.taken)
        self.scroll_area.ensureWidgetVisible(self.gate)

    def _on_accept(self, name: str) -> None:
        candidate = self.gate.candidate
        if candidate is not None:
            self.errand.start(
                partial(accepted, candidate, name),
                f"Making it the model {name}…",
                self._on_accepted,
            )

    def _on_accepted(self, bundle: Bundle) -> None:
        self.gate.show_candidate(None)
        self.attach()
        self._on_new_model(bundle.name)

    def _on_new_model(self, name: str) -> None:
        self._on_models(name)
        self.say(f"{name} is a model of yours now, in every list of models.")
        self._accepted = name
        self.use_button.show()

    def _on_models(self, name: str) -> None:
        """There are other models: show them everywhere, and go on with one."""
        self.use_button.hide()
        refresh_pickers(self)
        self.setup.model_picker.choose(name)

    def _show_history(self, _: Any = None) -> None:
        if self.history_fold.button.isChecked():
            card = self.setup.model_picker.card
            self.history.show_model(None if card is None else card.name)

    def _on_use(self) -> None:
        """Bring the Segment panel forward, with the new model chosen."""
        from napari_octseg.widgets.segment import SegmentWidget

        panel = panel_in_front(self._viewer, self, SegmentWidget, "Segment")
        panel.model_picker.choose(self._accepted)
        self.use_button.hide()

    def _show_ground_truth(self) -> None:
        from napari_octseg.widgets.ground_truth import GroundTruthWidget

        panel_in_front(self._viewer, self, GroundTruthWidget, "Ground truth")

    def _show_state(self) -> None:
        """Give out the controls that make sense now."""
        self.run_button.setEnabled(self.setup.is_ready and not self.is_busy)
        can_cancel = self.follower.is_following and not self._is_stopping
        self.cancel_button.setEnabled(can_cancel)
        self.gate.setEnabled(not self.errand.is_busy)
        self.run_view.ends.setEnabled(not self.errand.is_busy)
