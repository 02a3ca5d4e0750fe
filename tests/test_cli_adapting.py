"""`napari-octseg adapt`, run as a person would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from napari_octseg.bundles.registry import Bundle, find_bundle, list_bundles
from napari_octseg.cli import app
from napari_octseg.engine.finetuning import adaptation, judged_adaptation
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.io import read_volume
from napari_octseg.labels import LabelSet
from napari_octseg.networks import build


@pytest.fixture
def model(tiny_bundle: Callable[..., Bundle]) -> str:
    """A model with batch norm, without a recipe."""
    torch.manual_seed(0)
    arguments = {"in_channels": 1, "n_classes": 3, "widths": [4, 8]}
    return tiny_bundle("tiny-net", network=build("unet", arguments)).name


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"eye {i}.tif" for i in range(2)]
    for seed, path in enumerate(paths):
        pixels = np.random.default_rng(seed).integers(0, 255, (2, 32, 48), np.uint8)
        tifffile.imwrite(path, pixels, photometric="minisblack")
    return paths


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["adapt", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def test_an_adapted_model_is_among_the_users_own(model: str, scans: list[Path]) -> None:
    code, text = run(model, *scans, "--no-histogram", "--device", "cpu")
    assert code == 0
    assert "4 unlabelled B-scans of 2 scans" in text
    assert "eye 0.tif" in text
    assert "labelled otherwise" in text
    adapted = find_bundle("tiny-net-adapted").card
    assert adapted is not None
    assert adapted.training.parent == model
    # Never over another.
    code, text = run(model, *scans, "--no-histogram")
    assert code == 1
    assert "there already" in text


def test_name_and_place_can_be_chosen(
    model: str, scans: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = (model, scans[0], "--no-histogram", "--name", "clinic-b", "--out", out)
    assert run(*asked)[0] == 0
    assert (out / "clinic-b" / "card.json").is_file()


def test_a_model_that_is_worse_is_not_kept_unasked(
    model: str, scans: list[Path], tmp_path: Path
) -> None:
    volume = read_volume(scans[0])
    said = outcome(iter_segment(volume, model, device="cpu"))
    # What the model says is right: whatever adaptation changes is wrong.
    data_set = DataSet.create(tmp_path / "truth", "Clinic", said.label_set)
    data_set.add(GradedScan("eye-0", "P-1", volume, said.labels, said.label_set))
    asked = (model, scans[0], "--no-histogram", "--ground-truth", data_set.folder)
    code, text = run(*asked)
    assert code == 1
    assert "mean Dice 1.000 →" in text
    assert "worse than the model it comes from" in text
    assert "is not kept" in text
    assert [bundle.name for bundle in list_bundles()] == [model]
    code, text = run(*asked, "--keep")
    assert code == 0
    assert find_bundle("tiny-net-adapted").card is not None


@pytest.fixture
def never_adapts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the model was adapted first")

    monkeypatch.setattr(adaptation, "iter_adapt", refuse)


@pytest.mark.usefixtures("never_adapts")
def test_ground_truth_that_does_not_fit_is_refused_before_adapting(
    model: str, scans: list[Path], tmp_path: Path
) -> None:
    asked = (model, scans[0], "--no-histogram", "--ground-truth")
    code, text = run(*asked, tmp_path / "nowhere")
    assert code == 1
    assert "holds no data set" in text
    DataSet.create(tmp_path / "empty", "Empty", find_bundle(model).card.label_set)
    code, text = run(*asked, tmp_path / "empty")
    assert code == 1
    assert "Nothing in the data set Empty is graded" in text
    DataSet.create(tmp_path / "other", "Other", LabelSet.of("background", "vessel"))
    code, text = run(*asked, tmp_path / "other")
    assert code == 1
    assert "The data set labels vessel" in text
    assert [bundle.name for bundle in list_bundles()] == [model]


@pytest.mark.parametrize("error", [ReadError("The disk is gone"), KeyboardInterrupt()])
def test_a_model_that_could_not_be_measured_is_kept(
    model: str,
    scans: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    def fail(*_: object, **__: object) -> Iterator[Progress]:
        yield Progress(0, 1, "measuring")
        raise error

    monkeypatch.setattr(judged_adaptation, "iter_compare", fail)
    volume = read_volume(scans[0])
    label_set = find_bundle(model).card.label_set
    data_set = DataSet.create(tmp_path / "truth", "Clinic", label_set)
    labels = np.ones(volume.shape, np.uint8)
    data_set.add(GradedScan("eye-0", "P-1", volume, labels, label_set))
    asked = (model, scans[0], "--no-histogram", "--ground-truth", data_set.folder)
    code, text = run(*asked)
    assert code != 0
    assert "The model was not measured. It is kept: " in text
    assert find_bundle("tiny-net-adapted").card is not None


def test_what_is_missing_is_said(model: str, scans: list[Path]) -> None:
    code, text = run(model, scans[0], "--histogram")
    assert code == 1
    assert "--no-histogram" in text, "the model has no recipe that tells its look"
    code, text = run("no-such-net", scans[0])
    assert code == 1
    assert "No model is called" in text
