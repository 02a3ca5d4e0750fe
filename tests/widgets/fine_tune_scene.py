"""A data set, a tiny model and the Fine-tune tab of a window; runs that are written."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from qtpy.QtCore import Qt, QTimer

from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.events import EventLog
from napari_octseg.engine.finetuning.gate import ClassChange, Comparison
from napari_octseg.engine.finetuning.job import Job, write_job
from napari_octseg.engine.finetuning.run import Run
from napari_octseg.engine.finetuning.status import write_end, write_launched
from napari_octseg.engine.finetuning.worst import WorstBscan, write_worst
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.recipe import Recipe
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._kept import keep_choice
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets.finetune import FineTuneWidget
from tests.conftest import RECIPE, striped
from tests.widgets.clicks import press

LEFT = Qt.MouseButton.LeftButton
CLASSES = ("background", "RNFL", "GCIPL")
DATA_SET = "Macula"
TINY, TITLE = "tiny-net", "Tiny net"


def graded_scan(name: str, patient: str, seed: int, n_bscans: int = 3) -> GradedScan:
    """A small scan of two bright layers, all of it graded."""
    pairs = [striped(seed * 10 + index) for index in range(n_bscans)]
    pixels = np.stack([image for image, _ in pairs])
    labels = np.stack([labels for _, labels in pairs]).astype(np.uint8)
    volume = OCTVolume(pixels, spacing_um=(120.0, 4.0, 10.0))
    return GradedScan(name, patient, volume, labels, LabelSet.of(*CLASSES))


def make_data_set(folder: Path, n_patients: int = 3) -> DataSet:
    """A data set of one small scan of each patient."""
    made = DataSet.create(folder, DATA_SET, LabelSet.of(*CLASSES))
    for number in range(n_patients):
        made.add(graded_scan(f"scan{number}", f"P-{number}", number))
    return made


def change(name: str, before: float, after: float, source: str = DATA_SET) -> Any:
    """Figures of one class."""
    spread = 0.02
    return ClassChange(
        source,
        name,
        before,
        after,
        (before - spread, before + spread),
        (after - spread, after + spread),
        (after - before - spread, after - before + spread),
        9.0,
        9.0 - 20 * (after - before),
        n_bscans=3,
    )


def comparison(gain: float, replay_gain: float = 0.0) -> Comparison:
    """A candidate that is so much better than its parent."""
    return Comparison(
        held_out=(
            change("RNFL", 0.7, 0.7 + gain),
            change("GCIPL", 0.6, 0.6 + gain),
        ),
        replay=(change("RNFL", 0.9, 0.9 + replay_gain, "phantom"),),
        mean=change("mean", 0.65, 0.65 + gain),
        replay_mean=change("mean", 0.9, 0.9 + replay_gain, "phantom"),
        n_bscans=3,
        n_patients=1,
        unit="B-scan",
        notes=("One patient was held out.",),
    )


class Pulse:
    """For how long the window did not answer.

    On a machine that had a processor to spare, on average, that is the time between two
    beats. On a busy one other programs stretch it, the training among them, and the
    display, too, answers late: then it is what this thread itself computed.
    """

    def __init__(self) -> None:
        self._idle_before = psutil.cpu_times().idle
        self._began = time.perf_counter()
        self.n_beats = 0
        self._longest = [0.0, 0.0]
        self._last = _times()
        self._timer = QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def stop(self) -> float:
        """End; the longest time without an answer, in ms."""
        self._timer.stop()
        idle_s = psutil.cpu_times().idle - self._idle_before
        is_busy = idle_s < time.perf_counter() - self._began
        return 1000 * self._longest[bool(is_busy)]

    def _beat(self) -> None:
        now = _times()
        gaps = (after - before for after, before in zip(now, self._last, strict=True))
        self._longest = list(map(max, self._longest, gaps))
        self._last = now
        self.n_beats += 1


def _times() -> tuple[float, float]:
    """Seconds that went by, and those that this thread computed."""
    return time.perf_counter(), time.thread_time()


class FineTuneScene:
    """The tab, and who clicks there."""

    def __init__(self, qtbot: Any, viewer: Any, folder: Path) -> None:
        self.qtbot, self.viewer, self.folder = qtbot, viewer, folder
        viewer.window.resize(1300, 1000)
        self.data_set: DataSet | None = None
        self.panel: FineTuneWidget

    def open(self) -> FineTuneWidget:
        """Dock the panel; a panel that was there is closed for good."""
        self.panel = FineTuneWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.panel, name="Fine-tune")
        self.until(self.panel.isVisible)
        self.rest()
        return self.panel

    def close(self) -> None:
        """Take the panel out of the window, and delete it."""
        self.viewer.window.remove_dock_widget(self.panel)
        with self.qtbot.waitSignal(self.panel.destroyed, timeout=5000):
            self.panel.deleteLater()

    def with_data(self, n_patients: int = 3) -> DataSet:
        """Make a data set that panels opened from now on work with."""
        made = make_data_set(self.folder / "set", n_patients)
        keep_choice("data_set", str(made.folder))
        self.data_set = made
        return made

    def write_run(self, name: str = "run", *, n_steps: int = 30) -> Path:
        """A run whose worker is being started; some steps are done."""
        folder = run_folder.runs_dir() / name
        folder.mkdir(parents=True)
        own = {**RECIPE["sources"][0], "name": DATA_SET}  # type: ignore[index]
        phantom = {**RECIPE["sources"][1], "name": "phantom"}  # type: ignore[index]
        recipe = Recipe.model_validate(
            {**RECIPE, "start": TINY, "sources": [own, phantom]}
        )
        job = Job(
            TINY,
            self.folder,
            data_name=DATA_SET,
            n_train_bscans=6,
            n_held_out_bscans=3,
            settings={"preset": "quick"},
        )
        write_job(job, recipe, folder)
        write_launched(folder, "training", stopped_early=False)
        # No worker comes: it is awaited for longer than any test takes.
        self._change_status(folder, launched=time.time() + 3600)
        self.write_steps(folder, 1, n_steps, n_steps * 2)
        return folder

    def write_steps(self, folder: Path, first: int, last: int, total: int) -> None:
        """More steps of a training, with a validation every ten."""
        log = EventLog(folder / run_folder.EVENTS)
        for step in range(first, last + 1):
            values = {"loss": 1 / step, "learning_rate": 1e-3}
            if step % 10 == 0:
                values |= {
                    "dice": 0.8,
                    f"dice {DATA_SET}": 0.7,
                    f"dice {DATA_SET} / RNFL": 0.7 + step / 1000,
                    f"dice {DATA_SET} / GCIPL": 0.6 + step / 1000,
                    "dice phantom": 0.9,
                }
                self.write_example(folder, step)
            message = f"step {step} of {total}"
            log.add("training", Progress(step, total, message, values=values))
        log.close()

    def write_example(self, folder: Path, seed: int) -> None:
        """An example of a validation."""
        image, labels = striped(seed)
        draft = folder / "draft.npz"
        np.savez_compressed(
            draft,
            image=(image / 255).astype(np.float32),
            truth=labels.astype(np.uint8),
            prediction=np.roll(labels, 2, axis=0).astype(np.uint8),
        )
        draft.replace(folder / run_folder.EXAMPLE)

    def finish_run(self, folder: Path, compared: Comparison, bundle: Any) -> None:
        """The run is over, and has a candidate with the weights of a bundle."""
        run_folder.write_json(folder / run_folder.COMPARISON, compared.to_json())
        worst = []
        for number in range(5):
            image, labels = striped(number)
            truth = labels.astype(np.uint8)
            worst.append(
                WorstBscan(
                    f"scan{number}, B-scan 1",
                    (image / 255).astype(np.float32),
                    truth,
                    np.roll(truth, 4, axis=0),
                    np.roll(truth, 1, axis=0),
                    0.5 + number / 100,
                    0.8 + number / 100,
                )
            )
        write_worst(worst, folder / run_folder.WORST)
        candidate = folder / run_folder.CANDIDATE
        candidate.mkdir()
        for path in bundle.folder.iterdir():
            (candidate / path.name).write_bytes(path.read_bytes())
        card = json.loads((candidate / "card.json").read_text())
        card["name"] = run_folder.CANDIDATE
        card["training"]["parent"] = TINY
        (candidate / "card.json").write_text(json.dumps(card))
        log = EventLog(folder / run_folder.EVENTS)
        log.add("finished", Progress(1, 1, "finished"))
        log.close()
        write_end(folder, "finished", compared.text)

    def kill_worker(self, folder: Path) -> None:
        """The run as a worker leaves it that was killed."""
        self._change_status(folder, pid=1, launched=time.time() - 3600)

    def _change_status(self, folder: Path, **changes: object) -> None:
        path = folder / run_folder.STATUS
        run_folder.write_json(path, run_folder.read_json(path) | changes)

    def status(self, folder: Path) -> Any:
        """How a run stands."""
        return Run(folder).status

    def click(self, button: Any) -> None:
        """Press a button of the panel."""
        press(self.qtbot, self.panel, button)

    def until(self, happened: Any, seconds: float = 20) -> None:
        """Let the window live until something has happened."""
        self.qtbot.waitUntil(happened, timeout=round(1000 * seconds))

    def rest(self, seconds: float = 30) -> None:
        """Let all short tasks of the panel end."""
        panel = self.panel
        self.until(
            lambda: (
                not panel.errand.is_busy
                and not panel.setup.is_busy
                and not panel.history.is_busy
                and not panel.adapt.is_busy
            ),
            seconds,
        )

    def message(self) -> str:
        """Text of the message over the window, which is closed then."""
        window = self.panel.window()
        self.until(lambda: bool(window.findChildren(ErrorMessage)))
        shown = window.findChildren(ErrorMessage)[0]
        text = shown.text.text()
        shown.close()
        return str(text)
