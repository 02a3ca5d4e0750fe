"""A model that is passed on tells no folder, and nobody's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_octseg.bundles.registry import Bundle, find_bundle
from napari_octseg.engine.data.places import data_set_of
from napari_octseg.engine.finetuning import run_folder, worker
from napari_octseg.engine.finetuning.adaptation import iter_adapt
from napari_octseg.engine.finetuning.candidates import accept, read_candidate
from napari_octseg.engine.finetuning.job import job_of, write_job
from napari_octseg.engine.finetuning.plan import FineTunePlan, plan_fine_tune
from napari_octseg.engine.finetuning.run import Run
from napari_octseg.engine.finetuning.settings import FineTuneSettings
from napari_octseg.engine.finetuning.sharing import name_of
from napari_octseg.engine.finetuning.status import write_launched
from napari_octseg.engine.learning.first_weights import ancestors
from napari_octseg.engine.progress import outcome
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.errors import ReadError
from napari_octseg.volume import OCTVolume
from tests.engine.graded import four_patients, graded_scan, graded_set

NAME = "Mueller_Hans_19560312"


def tuned(plan: FineTunePlan, settings: FineTuneSettings, name: str) -> Bundle:
    """Train, measure and accept, in this process."""
    settings.run.mkdir(parents=True)
    write_job(job_of(settings, plan), plan.recipe, settings.run)
    write_launched(settings.run, "preparing", stopped_early=False)
    worker.work(settings.run)
    assert Run(settings.run).status.phase == "finished", Run(settings.run).status
    return accept(read_candidate(settings.run), name)


def told_by(bundle: Bundle) -> str:
    """All that its files hold, but the weights."""
    files = [path for path in bundle.folder.iterdir() if path.suffix != ".safetensors"]
    return "\n".join(path.read_text("utf-8") for path in files)


@pytest.fixture
def settings(
    with_recipe: Callable[..., Bundle], data: Path, runs: Path, tmp_path: Path
) -> FineTuneSettings:
    """Of a tiny parent in a folder that is not listed, with all that has a path."""
    parent = with_recipe(phantoms=4).folder
    (tmp_path / "elsewhere").mkdir()
    parent.rename(tmp_path / "elsewhere" / "parent")
    four_patients(tmp_path / "Clinic of Mueller" / "ds")
    look = tmp_path / f"{NAME}.npy"
    np.save(look, np.full((2, 48, 40), 90, np.uint8))
    return FineTuneSettings(
        str(tmp_path / "elsewhere" / "parent"),
        tmp_path / "Clinic of Mueller" / "ds",
        runs / "first",
        preset="quick",
        n_steps=2,
        replay=data,
        unlabelled=(look,),
        device="cpu",
        precision="32-true",
    )


def test_an_accepted_model_tells_no_path_and_its_ground_truth_is_found_all_the_same(
    settings: FineTuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tuned(plan_fine_tune(settings), settings, "mine")
    text = told_by(bundle)
    assert "Mueller" not in text
    assert str(tmp_path) not in text
    assert str(settings.replay) not in text
    record = run_folder.read_json(bundle.folder / "finetune.json")
    assert record["settings"]["unlabelled"] == 1
    assert record["settings"]["data_set"] == "ds"
    recipe = read_recipe(bundle.folder / "recipe.json")
    assert [target.scans for target in recipe.targets] == [("unlabelled scan 1",)]
    # What the parent was trained on is known still.
    assert len(list(ancestors("mine"))) == 2
    # The next one replays it, wherever its own ground truth is.
    graded_set(tmp_path / "other", graded_scan("Q1", [0, 4, 8, 12]))
    second = replace(
        settings,
        model="mine",
        data_set=tmp_path / "other",
        run=settings.run.with_name("second"),
        unlabelled=(),
    )
    plan = plan_fine_tune(second)
    names = [source.name for source in plan.recipe.sources]
    assert names == ["mine (yours)", "mine", "stripes", "tissue", "phantom"]
    assert plan.recipe.targets == ()
    grandchild = tuned(plan, second, "later")
    assert str(tmp_path) not in told_by(grandchild)
    # On another computer it is not there, which is said.
    monkeypatch.setenv(run_folder.RUNS_VARIABLE, str(tmp_path / "their runs"))
    theirs = plan_fine_tune(second)
    names = [source.name for source in theirs.recipe.sources]
    assert names == ["mine", "stripes", "tissue", "phantom"]
    assert any("not replayed: mine" in note for note in theirs.notes)


def test_an_adapted_model_tells_no_path_of_the_one_it_comes_from(
    settings: FineTuneSettings, tmp_path: Path
) -> None:
    # As models were accepted before: with all paths.
    plan = plan_fine_tune(settings)
    parent = find_bundle(settings.model).folder
    text = plan.recipe.model_dump_json()
    (parent / "recipe.json").write_text(text, encoding="utf-8")
    assert "Mueller" in text
    volume = OCTVolume(np.full((1, 48, 40), 90, np.uint8))
    task = iter_adapt(
        str(parent),
        [volume],
        folder=tmp_path / "models" / "adapted",
        refresh_norms=True,
        match_histogram=False,
        device="cpu",
    )
    told = told_by(outcome(task).bundle)
    assert "Mueller" not in told
    assert str(tmp_path) not in told
    graded_set(tmp_path / "other", graded_scan("Q1", [0, 4, 8, 12]))
    found = plan_fine_tune(
        replace(settings, model="adapted", data_set=tmp_path / "other", unlabelled=())
    )
    names = [source.name for source in found.recipe.sources]
    assert names[:2] == ["mine (yours)", "mine"]


def test_another_data_set_of_that_name_is_never_taken_for_it(
    settings: FineTuneSettings, tmp_path: Path
) -> None:
    own = plan_fine_tune(settings).recipe.sources[0]
    four_patients(tmp_path / "theirs" / "ds")
    named = own.model_copy(update={"folder": "ds"})
    with pytest.raises(ReadError, match="is another one"):
        data_set_of(named, tmp_path / "theirs")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/Hans/macula", "macula"),
        (r"C:\Hans\macula", "macula"),
        (r"\\server\Hans\macula", "macula"),
        ("macula-tiny", "macula-tiny"),
        ("", ""),
    ],
)
def test_of_a_folder_of_any_system_its_name_is_told(path: str, name: str) -> None:
    assert name_of(path) == name
