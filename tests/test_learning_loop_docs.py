"""The script of docs/learning-loop.md does what the page says."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_octseg.boundaries import labels_to_boundaries
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.cli import app
from napari_octseg.editing.grading import Grading
from napari_octseg.editing.review import ReviewState
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.io import read_volume
from napari_octseg.labels import LabelSet
from tests.phantom_model import (
    CLASSES,
    LAYERS,
    MODEL,
    mean_dice,
    strange_scan,
    train_phantom_model,
)

PAGE = Path(__file__).resolve().parents[1] / "docs" / "learning-loop.md"
IN_PAGE = "duke-unet"
CHILD = f"{MODEL}-clinic"


def commands() -> list[list[str]]:
    """Arguments of each command of the script, with a smaller model."""
    (script,) = re.findall(
        r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    script = script.replace(IN_PAGE, MODEL)
    lines = [shlex.split(line, comments=True) for line in script.splitlines()]
    assert all(line[0] == "napari-octseg" for line in lines if line)
    return [line[1:] for line in lines if line]


def correct(scan: Path, truth: np.ndarray) -> None:
    """What somebody did in the window: all boundaries drawn, then reviewed."""
    heights = labels_to_boundaries(truth, range(1, len(CLASSES)))
    grading = Grading.open(read_volume(scan), LabelSet.of(*CLASSES), LAYERS)
    edit = grading.begin("pen")
    edit.set_heights(0, 0, heights[:, 0])
    edit.commit()
    grading.set_state(0, ReviewState.REVIEWED)
    grading.close()


@pytest.fixture
def eyes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """The files that the page speaks of, in the working directory; their truth."""
    bundle = train_phantom_model(tmp_path / "base", side=64, n_steps=25, batch_size=2)
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(bundle.parent))
    monkeypatch.setattr(
        "napari_octseg.bundles.registry.models_dir", lambda: tmp_path / "none"
    )
    for variable in ("OCTSEG_JOURNALS", "OCTSEG_RUNS", "OCTSEG_SECRETS"):
        monkeypatch.setenv(variable, str(tmp_path / variable.lower()))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    truths = {}
    for number in (1, 2, 3, 4):
        pixels, truths[f"eye-{number}"] = strange_scan(100 + number, 128)
        tifffile.imwrite(f"eye-{number}.tif", pixels, metadata={"axes": "ZYX"})
    for number in (1, 2):
        correct(Path(f"eye-{number}.tif"), truths[f"eye-{number}"])
    for name in ("eye-3", "eye-4"):
        tifffile.imwrite(f"{name}-labels.tif", truths[name], metadata={"axes": "ZYX"})
    return truths


def dice_of(table: str) -> float:
    """Mean Dice of the layers in a table of `quantify`."""
    with open(table, encoding="utf-8") as file:
        rows = {row["class"]: row for row in csv.DictReader(file)}
    return float(np.mean([float(rows[name]["dice"]) for name in LAYERS]))


def test_the_script_makes_a_model_that_is_better_on_the_next_patient(
    eyes: dict[str, np.ndarray],
) -> None:
    said = ""
    for arguments in commands():
        result = CliRunner().invoke(app, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, f"{arguments}: {result.output}"
        said += result.output

    data_set = DataSet.open(Path("clinic"))
    assert [scan.n_graded_bscans for scan in data_set.scans()] == [1, 1, 1]
    assert sorted(data_set.split().values()) == ["train", "train", "validation"]
    # Who it is stands nowhere in the data set.
    for path in Path("clinic").rglob("*"):
        assert not path.is_file() or b"17-000" not in path.read_bytes(), path
    assert "The candidate is better" in " ".join(said.split())
    card = find_bundle(CHILD).card
    assert card.training.parent == MODEL
    assert card.title == "Duke U-Net, our clinic"

    (labels,) = Path("labels").glob(f"eye-4_{CHILD}.tif")
    after = dice_of("after.csv")
    assert mean_dice(tifffile.imread(labels), eyes["eye-4"][0]) == pytest.approx(
        after, abs=1e-6
    )
    assert after - dice_of("before.csv") > 0.05
