"""Commands that train: several devices, precision, cross-validation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from napari_octseg.bundles.score import read_scores
from napari_octseg.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.engine.training import TrainSettings


def run(*arguments: object) -> tuple[int, str]:
    """Exit status and all that was said, in one line."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def short(tiny_recipe: Path, tmp_path: Path) -> Path:
    """The tiny recipe with two updates."""
    values = json.loads(tiny_recipe.read_text()) | {"n_steps": 2, "validate_every": 2}
    path = tmp_path / "short.json"
    path.write_text(json.dumps(values))
    return path


def test_cross_validation_shows_and_stores_its_figures(
    short: Path, data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folds"
    command = ("cross-validate", short, "--data", data, "--run", folder)
    code, text = run(*command, "--folds", 2, "--source", "stripes", "--device", "cpu")
    assert code == 0, text
    assert "stripes, cross-validation, 2 folds by patient" in text
    assert "tissue" not in text
    (score,) = read_scores(folder / "cross_validation.json")
    assert score.n_images == 6
    assert f"{score.dice['mean']:.3f}" in text


def test_too_many_folds_are_told(short: Path, data: Path, tmp_path: Path) -> None:
    command = ("cross-validate", short, "--data", data, "--run", tmp_path / "folds")
    code, text = run(*command, "--folds", 99, "--device", "cpu")
    assert code == 1
    assert "6 patients cannot be cut into 99 parts" in text


def test_devices_and_precision_reach_the_training(
    short: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[TrainSettings] = []

    def train(recipe: object, settings: TrainSettings) -> None:
        given.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_octseg.engine.training.iter_train", train)
    command = ("train", short, "--data", data, "--out", tmp_path, "--device", "cpu")
    run(*command, "--devices", 2, "--nodes", 3, "--precision", "32-true")
    (settings,) = given
    assert (settings.n_devices, settings.n_nodes) == (2, 3)
    assert (settings.device, settings.precision) == ("cpu", "32-true")


def test_an_unknown_precision_is_told(short: Path, data: Path, tmp_path: Path) -> None:
    command = ("train", short, "--data", data, "--out", tmp_path, "--device", "cpu")
    code, text = run(*command, "--run", tmp_path / "run", "--precision", "8-bit")
    assert code == 1
    assert "precision 8-bit cannot train" in text
