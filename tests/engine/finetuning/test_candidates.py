"""Accept makes a bundle, discard leaves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_octseg.bundles.registry import find_bundle, list_bundles
from napari_octseg.engine.finetuning import candidates, run_folder, worker
from napari_octseg.engine.finetuning.candidates import (
    accept,
    check_name,
    discard,
    discard_run,
    free_name,
    read_candidate,
)
from napari_octseg.engine.finetuning.history import learning_curve
from napari_octseg.engine.finetuning.lineage import roll_back
from napari_octseg.engine.finetuning.lock import take_lock
from napari_octseg.engine.finetuning.run import list_runs
from napari_octseg.engine.finetuning.status import write_end
from napari_octseg.errors import ModelError, ReadError, TaskError


def names() -> list[str]:
    return [bundle.name for bundle in list_bundles() if bundle.card is not None]


def test_an_accepted_candidate_is_a_model_that_tells_where_it_comes_from(
    planned: Callable[..., Path],
) -> None:
    run = planned()
    worker.work(run)
    candidate = read_candidate(run)
    weights = (candidate.bundle / "weights.safetensors").read_bytes()
    (open_point,) = learning_curve("parent")
    assert (open_point.model, open_point.n_bscans) == ("", 5)
    bundle = accept(candidate, "mine-1", title="Mine")
    assert names() == ["mine-1", "parent"]
    assert not run.exists()
    card = find_bundle("mine-1").card
    assert card is not None
    assert (card.title, card.training.parent) == ("Mine", "parent")
    assert card.metrics[0].command == "napari-octseg evaluate mine-1 --data DATA"
    assert (bundle.folder / "weights.safetensors").read_bytes() == weights
    record = json.loads((bundle.folder / "finetune.json").read_text())
    assert record["data"]["sha256"] == "d" * 64
    assert record["data"]["trained_on"] == {
        "id-of-mine": ["P-1", "P-2"],
        "id-of-another": None,
    }
    assert record["settings"] == {"preset": "quick"}
    assert record["comparison"]["verdict"] == candidate.comparison.verdict
    assert (bundle.folder / "recipe.json").is_file()
    assert "dice" in (bundle.folder / "log.csv").read_text().splitlines()[0]
    (point,) = learning_curve("mine-1")
    assert point == learning_curve("parent")[0]
    assert (point.model, point.parent, point.n_bscans) == ("mine-1", "parent", 5)
    assert point.dice_after == candidate.comparison.mean_after


def test_a_discarded_run_leaves_nothing(planned: Callable[..., Path]) -> None:
    run = planned()
    worker.work(run)
    discard(read_candidate(run))
    assert list(run.parent.iterdir()) == []
    assert names() == ["parent"]
    assert list_runs() == []


def test_a_run_that_goes_on_is_neither_accepted_nor_discarded(
    planned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "_LEAVING_S", 0.1)
    run = planned()
    with pytest.raises(TaskError, match="is running"):
        discard_run(run)  # its worker has been asked for
    lock = take_lock(run / run_folder.LOCK)
    assert lock is not None
    write_end(run, "failed", "too bad")
    with pytest.raises(TaskError, match="is running"):
        discard_run(run)
    lock.release()
    with pytest.raises(ReadError, match="no candidate"):
        read_candidate(run)
    discard_run(run)
    assert not run.exists()


def test_what_is_left_of_an_accepted_run_is_no_candidate_any_more(
    planned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned()
    worker.work(run)
    # As where another program holds a file open.
    monkeypatch.setattr(candidates.shutil, "rmtree", lambda *_, **__: None)
    accept(read_candidate(run), "mine")
    assert list_runs() == []


def test_a_folder_that_is_no_run_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    with pytest.raises(ReadError):
        discard_run(tmp_path / "thesis")
    assert (tmp_path / "thesis").is_dir()


@pytest.mark.parametrize("name", ["", "Mine", "a/b", "../x", "_retired", "a b"])
def test_names_that_are_no_folder_names_are_refused(
    tiny_bundle: Callable[..., object], name: str
) -> None:
    with pytest.raises(ModelError, match="cannot be called"):
        check_name(name)


def test_a_model_is_never_overwritten_not_even_a_retired_one(
    family: Callable[..., None],
) -> None:
    family("a", "b", "c")
    with pytest.raises(ModelError, match="'b-2'"):
        check_name("b")
    roll_back("c", "a")
    with pytest.raises(ModelError, match="'b-2'"):
        check_name("b")
    assert free_name("b-2") == "b-2"
    check_name("b-2")
