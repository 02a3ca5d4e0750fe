"""The whole loop in a window: correct, export, fine-tune, accept, segment better.

Pictures of its stations are written to the folder that OCTSEG_STATIONS names.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_octseg.bundles.registry import find_bundle, list_bundles
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.pseudonyms import secret_path
from tests.phantom_model import (
    CLASSES,
    MODEL,
    mean_dice,
    strange_scan,
    train_phantom_model,
)
from tests.widgets.learning_loop import Eye, LoopSession

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not marked `gui`: it is long, and need not be run again with another Qt.
NAME = "bands-clinic"
LEAST_GAIN = 0.1


@pytest.fixture(scope="module")
def phantom_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has never seen a real scan."""
    return train_phantom_model(tmp_path_factory.mktemp("base"))


@pytest.fixture
def only_model(
    phantom_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no other model."""
    shutil.copytree(phantom_model, tmp_path / "models" / MODEL)
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(
        "napari_octseg.bundles.registry.models_dir", lambda: tmp_path / "none"
    )


@pytest.fixture
def same_pseudonyms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of scans, which pseudonyms decide, is the same in every run."""
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))
    secret_path().parent.mkdir()
    secret_path().write_text("2a" * 32, encoding="ascii")


@pytest.fixture
def session(
    viewer: object, only_model: None, same_pseudonyms: None, tmp_path: Path
) -> Iterator[LoopSession]:
    """The window."""
    asked = os.environ.get("OCTSEG_STATIONS")
    name = os.environ["PYTEST_CURRENT_TEST"].partition("[")[2].partition("]")[0]
    one = LoopSession(viewer, Path(asked or tmp_path / "stations") / name)
    yield one
    one.viewer.window.remove_dock_widget(one.bench)


def phantom_eyes(folder: Path) -> tuple[list[Eye], list[Eye]]:
    """Synthetic eyes, as a device of too much contrast shows them.

    Those that are corrected, and one that is not.
    """
    eyes = []
    for seed in (100, 101, 104, 106):
        pixels, truth = strange_scan(seed)
        path = folder / f"eye-{seed}.tif"
        tifffile.imwrite(path, pixels, metadata={"axes": "ZYX"})
        eyes.append(Eye(f"17-{seed}", path, truth))
    return eyes[:3], eyes[3:]


def real_eyes(folder: Path, data: Path) -> tuple[list[Eye], list[Eye]]:
    """Eyes with inherited disease: those that are corrected, and others.

    Their numbers are far apart, because neighbours may be of one volume.
    """
    from PIL import Image

    eyes = []
    for number in (0, 30, 60, 45, 74, 89):
        name = f"valid_set_{number}.png"
        path = folder / name
        shutil.copyfile(data / "ird_layers_from_figures" / "images" / name, path)
        with Image.open(data / "ird_layers_from_figures" / "labels" / name) as labels:
            truth = np.array(labels, np.uint8)[None]
        eyes.append(Eye(f"17-{number}", path, truth))
    return eyes[:4], eyes[4:]


@pytest.mark.parametrize("kind", ["phantom", "real"])
def test_from_corrections_to_a_model_that_is_better_on_other_patients(
    kind: str, session: LoopSession, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    if kind == "phantom":
        corrected, others = phantom_eyes(folder)
    else:
        corrected, others = real_eyes(folder, request.getfixturevalue("shared_data"))
    n_train = len(corrected) - 1

    for number, eye in enumerate(corrected, 1):
        session.open_alone(eye)
        predicted = session.segment(MODEL)
        session.begin_from_prediction()
        session.record(f"predicted-{number}")
        session.draw_boundaries(eye.heights)
        session.mark_reviewed()
        # A hand that draws along what it sees cannot be exact.
        drawn = mean_dice(session.grading.labels, eye.truth)
        assert drawn > 0.8
        assert drawn > mean_dice(predicted, eye.truth)
        session.record(f"corrected-{number}")
        if number == 1:
            truth_folder = session.make_data_set("Clinic", tmp_path)
        session.add_to_data_set(eye.patient)
        session.record(f"added-{number}")
    sides = session.hold_out_last()
    session.record("held-out")

    data_set = DataSet.open(truth_folder)
    assert data_set.label_set.names == CLASSES
    assert data_set.split() == sides
    assert sorted(sides.values()) == ["train"] * n_train + ["validation"]
    assert all(scan.n_graded_bscans == 1 for scan in data_set.scans())
    # Who it was is not told.
    assert not set(sides) & {eye.patient for eye in corrected}

    # Of synthetic scans alone the model has little to forget; of others it learns the
    # more gently, so that what it loses does not decide.
    rate = "0.008" if kind == "phantom" else "0.0005"
    sentence = session.prepare_run(MODEL, n_steps=80, rate=rate)
    assert f"all {n_train} corrected B-scans" in sentence
    session.record("plan")
    session.run_fine_tuning()
    comparison = session.bench.finetune.gate.candidate.comparison
    assert comparison.verdict == "better"
    assert comparison.n_patients == 1
    session.record("candidate")
    session.accept(NAME)
    assert session.bench.tabs.currentWidget() is session.bench.segment
    assert session.bench.segment.model_picker.card.name == NAME
    session.record("accepted")
    assert [bundle.name for bundle in list_bundles()] == [NAME, MODEL]
    assert find_bundle(NAME).card.training.parent == MODEL

    before, after = [], []
    for eye in others:
        session.open_alone(eye)
        before.append(mean_dice(session.segment(MODEL), eye.truth))
        session.record(f"{eye.patient}-before")
        after.append(mean_dice(session.segment(NAME), eye.truth))
        session.record(f"{eye.patient}-after")
    assert min(np.subtract(after, before)) > 0
    assert np.mean(after) - np.mean(before) > LEAST_GAIN, (before, after)
