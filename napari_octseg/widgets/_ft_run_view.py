"""A fine-tuning that was started: what it is, how far it is, what became of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.engine.finetuning import run_folder
from napari_octseg.errors import OctsegError
from napari_octseg.labels import LabelSet
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._ft_live import LiveView
from napari_octseg.widgets._text import amber, sentence, trouble_text
from napari_octseg.widgets._text_labels import wrapped_label
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from typing import Any

    import napari

    from napari_octseg.engine.finetuning.run import Run
    from napari_octseg.engine.finetuning.status import RunStatus
    from napari_octseg.widgets._ft_follow import RunFollower
    from napari_octseg.widgets._panel import Panel


class RunView(QGroupBox):
    """Curves while it runs; Resume and Remove after it stopped. Hidden without one.

    Signals
    -------
    resume_asked, remove_asked
        The run shall go on; it shall go.
    """

    resume_asked = Signal()
    remove_asked = Signal()

    def __init__(
        self, viewer: napari.Viewer, panel: Panel, follower: RunFollower
    ) -> None:
        super().__init__("Training")
        self._follower = follower
        self.caption = wrapped_label()
        self.told = wrapped_label()
        self.live = LiveView(viewer, panel)
        self.fold = Fold("Curves and example", unfolded=True)
        self.fold.body.addWidget(self.live)
        self.resume_button = QPushButton("Resume")
        self.resume_button.setToolTip("Go on after the last validation")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Remove this run for good; the model stays")
        self.ends = QWidget()
        row = QHBoxLayout(self.ends)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.resume_button)
        row.addWidget(self.remove_button)
        layout = QVBoxLayout(self)
        for widget in (self.caption, self.told, self.ends, self.fold):
            layout.addWidget(widget)
        self.resume_button.clicked.connect(self.resume_asked)
        self.remove_button.clicked.connect(self.remove_asked)
        follower.advanced.connect(self._on_advanced)
        self.show_run(None)

    def show_run(self, run: Run | None) -> None:
        """Show a run from its beginning; or none."""
        self.setVisible(run is not None)
        self.told.hide()
        self.ends.hide()
        if run is None:
            self.live.begin(None)
            return
        self.fold.set_unfolded(True)
        self.live.begin(classes_of(run.folder), sources_of(run.folder))
        self.caption.setText(caption_of(run))

    def show_stop(self, status: RunStatus) -> None:
        """Say how a run ended that has no candidate."""
        self._show_ends(stop_text(status), can_resume=status.can_resume)

    def show_unreadable(self, error: OctsegError) -> None:
        """Say why the candidate of a finished run is of no use; it can be made anew."""
        self._show_ends(trouble_text(error), can_resume=True)

    def _show_ends(self, text: str, *, can_resume: bool) -> None:
        self.told.setText(text)
        self.told.show()
        self.resume_button.setEnabled(can_resume)
        self.ends.show()

    def show_end(self) -> None:
        """It has come to its end: what counts now is the candidate."""
        self.told.hide()
        self.ends.hide()
        self.fold.set_unfolded(False)

    def _on_advanced(self) -> None:
        run = self._follower.run
        if run is not None:
            self.live.show_events(self._follower.events)
            self.live.show_example(run.folder / run_folder.EXAMPLE)


def stop_text(status: RunStatus) -> str:
    """Why there is no candidate, as rich text."""
    if status.trouble is not None:
        return trouble_text(status.trouble)
    if status.has_crashed:
        return amber(
            "The training ended without a word: it was killed, or the computer was "
            "switched off. It can go on after its last validation."
        )
    return amber(sentence(status.message or "It was cancelled"))


def caption_of(run: Run) -> str:
    """What learns from what, since when; empty if the run does not tell."""
    try:
        job = run.job
    except OctsegError:
        return ""
    began, now = time.localtime(job.time), time.localtime()
    pattern = "%H:%M" if began[:3] == now[:3] else "%Y-%m-%d %H:%M"
    return (
        f"{Path(job.parent).name} learns from "
        f"{counted(job.n_train_bscans, 'B-scan')} of {job.data_name or 'a data set'}, "
        f"{job.settings.get('preset', '')}, begun {time.strftime(pattern, began)}"
    )


def classes_of(folder: Path) -> LabelSet | None:
    """Classes of the model that is trained; None if the run does not tell."""
    try:
        return LabelSet.of(*_recipe(folder)["classes"])
    except (OctsegError, KeyError, TypeError):
        return None


def sources_of(folder: Path) -> tuple[str, ...]:
    """Names of what it is trained on, the ground truth first."""
    try:
        return tuple(str(source["name"]) for source in _recipe(folder)["sources"])
    except (OctsegError, KeyError, TypeError):
        return ()


def _recipe(folder: Path) -> dict[str, Any]:
    # Not checked: that needs torch, whose import holds up a window.
    return run_folder.read_json(folder / run_folder.RECIPE)
