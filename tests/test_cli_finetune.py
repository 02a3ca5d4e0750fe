"""`napari-octseg fine-tune` and what follows, run as a person would."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_octseg.bundles.registry import Bundle, find_bundle, list_bundles
from napari_octseg.cli import app, finetuning
from napari_octseg.engine.finetuning.run import find_run, list_runs
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume
from tests.conftest import REPOSITORY, striped

CLASSES = ("background", "RNFL", "GCIPL")


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs"
    monkeypatch.setenv("OCTSEG_RUNS", str(folder))
    return folder


@pytest.fixture
def truth(tmp_path: Path, tiny_bundle: Callable[..., Bundle]) -> Path:
    """Graded scans of two patients, and a model ``parent`` that knows nothing."""
    tiny_bundle("parent", widths=(8, 16), size=(32, 32), intensity="zscore")
    data_set = DataSet.create(tmp_path / "truth", "Clinic", LabelSet.of(*CLASSES))
    for number in range(2):
        drawn = [striped(10 * number + index) for index in range(4)]
        labels = np.stack([one for _, one in drawn]).astype(np.uint8)
        volume = OCTVolume(np.stack([image for image, _ in drawn]))
        scan = GradedScan(
            f"eye-{number}", f"P-{number}", volume, labels, data_set.label_set
        )
        data_set.add(scan)
    data_set.set_split({"P-0": "train", "P-1": "validation"})
    return data_set.folder


def say(*arguments: object) -> tuple[int, str]:
    """Exit status and all that was said, in one line."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def fine_tune(truth: Path, *more: object) -> tuple[int, str]:
    options = ("--preset", "quick", "--device", "cpu", "--precision", "32-true")
    return say("fine-tune", "parent", truth, *options, *more)


def test_from_ground_truth_to_a_better_model_and_back(truth: Path) -> None:
    code, text = fine_tune(truth, "--steps", 120, "--learning-rate", 0.02)
    assert code == 0, text
    assert "The candidate is better on 4 B-scans of 1 patient" in text
    assert "held-out ground truth" in text
    (run,) = list_runs()
    assert f"napari-octseg accept {run.folder.name} NAME" in text
    code, text = say("runs")
    assert "parent" in text
    assert "Clinic" in text
    code, text = say("accept", run.folder.name, "parent")
    assert code == 1
    assert "'parent-2'" in text
    code, text = say("accept", run.folder.name, "mine", "--title", "Mine")
    assert code == 0, text
    card = find_bundle("mine").card
    assert card is not None
    assert (card.title, card.training.parent) == ("Mine", "parent")
    record = json.loads((find_bundle("mine").folder / "finetune.json").read_text())
    assert record["data"]["sha256"] == DataSet.open(truth).digest()
    assert record["data"]["n_train_bscans"] == 4
    assert record["comparison"]["verdict"] == "better"
    assert record["settings"]["data_set"] == truth.name
    assert "No fine-tuning" in say("runs")[1]
    assert say("roll-back", "mine", "parent") == (0, "Retired: mine")
    assert [bundle.name for bundle in list_bundles()] == ["parent"]
    assert say("restore", "mine")[0] == 0
    assert [bundle.name for bundle in list_bundles()] == ["mine", "parent"]


def test_ctrl_c_keeps_the_best_and_a_worse_model_is_not_accepted_unasked(
    truth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finetuning.run_task
    calls: list[str] = []

    def interrupted(task: Any, description: str) -> Any:
        calls.append(description)
        if len(calls) > 1:
            return whole(task, description)
        for step in task:
            # Some way into the training, with a validation behind it.
            if step.values.get("loss") is not None and step.done > 3:
                task.close()
                raise KeyboardInterrupt
        raise AssertionError("the training was over before it could be stopped")

    monkeypatch.setattr(finetuning, "run_task", interrupted)
    code, text = fine_tune(truth, "--steps", 100000, "--learning-rate", 1e-9)
    assert code == 0, text
    assert "the best so far is measured" in text
    assert "stopped early" in text
    assert "the weights are those of the parent" in text
    assert "There is no clear difference" in text
    (run,) = list_runs()
    comparison = run.folder / "comparison.json"
    values = json.loads(comparison.read_text())
    values["mean"] |= {"dice_before": 0.9, "dice_after": 0.5, "interval_change": None}
    comparison.write_text(json.dumps(values))
    code, text = say("accept", run.folder.name, "mine")
    assert code == 1
    assert "worse than the model it comes from" in text
    assert "--anyway" in text
    code, text = say("discard", run.folder)
    assert code == 0
    assert not run.folder.exists()
    assert [bundle.name for bundle in list_bundles()] == ["parent"]


def test_in_the_background_it_is_stopped_by_name(truth: Path) -> None:
    code, text = fine_tune(truth, "--steps", 100000, "--background")
    assert code == 0
    (run,) = list_runs()
    assert f"napari-octseg follow {run.folder.name}" in text
    code, text = say("discard", run.folder.name)
    assert code == 1
    assert "is running" in text
    assert say("stop", run.folder.name)[0] == 0
    find_run(run.folder.name).cancel()  # whatever it measures
    end = time.monotonic() + 60
    while run.status.is_alive:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert say("discard", run.folder.name)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--preset", "slow"), "quick, standard, thorough"),
        (("--steps", "-3"), "a number above 0"),
        (("--scope", "encoder"), "all, decoder, norm"),
    ],
)
def test_wrong_settings_are_told_before_anything_starts(
    truth: Path, arguments: tuple[str, ...], told: str
) -> None:
    code, text = say("fine-tune", "parent", truth, *arguments)
    assert code == 1
    assert told in text
    assert list_runs() == []


def test_what_is_missing_is_told(truth: Path, tmp_path: Path) -> None:
    code, text = say("fine-tune", "nobody", truth)
    assert (code, "No model is called 'nobody'" in text) == (1, True)
    code, text = say("fine-tune", "parent", tmp_path / "nowhere")
    assert (code, "holds no data set" in text) == (1, True)
    code, text = say("accept", "nothing", "mine")
    assert (code, "There is no fine-tuning 'nothing'" in text) == (1, True)
    assert list_runs() == []


def test_the_script_of_the_page_makes_a_model(
    truth: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "fine-tuning.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    script = script.replace("duke-unet", "parent")
    faster = 'preset="quick", n_steps=120, learning_rate=0.02, precision="32-true"'
    monkeypatch.chdir(truth.parent)
    exec(script.replace('preset="quick"', faster), {})
    assert "The candidate is better" in capsys.readouterr().out
    assert [bundle.name for bundle in list_bundles()] == ["parent", "parent-2"]
