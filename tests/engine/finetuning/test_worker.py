"""What a worker leaves in its run folder, in good times and in bad ones."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.finetuning import run as run_module
from napari_octseg.engine.finetuning import run_folder, worker
from napari_octseg.engine.finetuning.candidates import read_candidate
from napari_octseg.engine.finetuning.events import read_events
from napari_octseg.engine.finetuning.lock import take_lock
from napari_octseg.engine.finetuning.run import Run, iter_follow, resume_run
from napari_octseg.engine.finetuning.status import read_status, write_launched
from napari_octseg.engine.progress import Progress, outcome
from napari_octseg.errors import ReadError, TaskError


def test_a_worker_trains_and_leaves_a_measured_candidate(
    planned: Callable[..., Path],
) -> None:
    run = planned()
    worker.work(run)
    status = read_status(run)
    assert status.phase == "finished", status.trouble
    candidate = read_candidate(run)
    comparison = candidate.comparison
    assert status.message == comparison.text
    # The first source is what it is judged on, the others are what the parent knew.
    assert {row.source for row in comparison.held_out} == {"stripes"}
    assert {row.source for row in comparison.replay} == {"tissue"}
    assert [row.name for row in comparison.held_out] == ["RNFL", "GCIPL"]
    assert comparison.mean_after is not None
    assert comparison.mean_after > 0.8
    assert (comparison.n_bscans, comparison.n_patients) == (1, 1)
    assert any("too few held-out B-scans" in note for note in comparison.notes)
    card = find_bundle(str(candidate.bundle)).card
    assert card is not None
    assert (card.training.parent, card.title) == ("parent", "Tiny, fine-tuned")
    assert [score.data for score in card.metrics] == ["stripes", "tissue"]
    assert card.metrics[0].dice["RNFL"] == pytest.approx(
        comparison.held_out[0].dice_after, abs=1e-4
    )
    best = torch.load(run / "best.pt")["weights"]
    stored = load_network(find_bundle(str(candidate.bundle))).state_dict()
    assert all(torch.equal(stored[k].half(), best[k].half()) for k in best)
    (worst,) = candidate.worst
    assert worst.name == "scan10"
    assert worst.image.shape == worst.truth.shape == worst.after.shape == (48, 40)
    assert (worst.truth == worst.after).mean() > (worst.truth == worst.before).mean()
    assert worst.dice_before < worst.dice_after
    assert not list(run.glob(".*"))  # no draft and no reserve is left


def spoil_card(run: Path) -> None:
    (run / run_folder.CANDIDATE / "card.json").write_text("{}")


def spoil_comparison(run: Path) -> None:
    (run / run_folder.COMPARISON).write_text('{"mean": 1}')


def spoil_worst(run: Path) -> None:
    path = run / run_folder.WORST
    content = bytearray(path.read_bytes())
    content[150:400] = bytes(250)
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [spoil_card, spoil_comparison, spoil_worst])
def test_a_candidate_that_cannot_be_read_any_more_is_measured_again(
    planned: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
) -> None:
    folder = planned(n_steps=40)
    worker.work(folder)
    run = Run(folder)
    before = read_candidate(folder).comparison
    assert not run.can_resume
    spoil(folder)
    with pytest.raises(ReadError, match="resume the run"):
        read_candidate(folder)
    assert run.can_resume
    monkeypatch.setattr(run_module, "launch", worker.work)
    resume_run(run)
    assert run.status.phase == "finished", run.status.trouble
    assert read_candidate(folder).comparison == before
    assert not run.can_resume


def test_a_run_that_was_stopped_is_not_trained_on_when_it_is_measured_again(
    planned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = planned()
    worker.work(folder)
    (folder / run_folder.STOPPED).touch()
    spoil_comparison(folder)
    monkeypatch.setattr(worker, "_training", failing(ValueError("trained")))
    monkeypatch.setattr(run_module, "launch", worker.work)
    resume_run(Run(folder))
    assert read_status(folder).phase == "finished"
    assert any("stopped early" in n for n in read_candidate(folder).comparison.notes)


def test_a_broken_recipe_is_told_with_what_to_do(planned: Callable[..., Path]) -> None:
    run = planned()
    (run / run_folder.RECIPE).write_text("{}")
    worker.work(run)
    status = read_status(run)
    assert status.phase == "failed"
    assert status.trouble is not None
    assert "recipe.json" in status.trouble.got
    with pytest.raises(TaskError, match=r"recipe\.json"):
        outcome(iter_follow(Run(run)))
    assert status.can_resume


def test_missing_data_are_told_with_what_to_do(
    planned: Callable[..., Path], tmp_path: Path
) -> None:
    run = planned()
    values = run_folder.read_json(run / run_folder.JOB)
    run_folder.write_json(
        run / run_folder.JOB, {**values, "data": str(tmp_path / "gone")}
    )
    worker.work(run)
    trouble = read_status(run).trouble
    assert trouble is not None
    assert "gone" in trouble.got
    assert trouble.todo


def failing(error: Exception) -> Callable[..., Iterator[Progress]]:
    def task(*arguments: Any) -> Iterator[Progress]:
        yield Progress(1, 10, "step 1", values={"loss": float("nan")})
        raise error

    return task


@pytest.mark.parametrize(
    ("error", "got", "todo"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "is full", "make room"),
        (RuntimeError("CUDA out of memory. Tried"), "memory was too small", "smaller"),
        (RuntimeError("PytorchStreamWriter failed"), "could not be", "disk"),
        (RuntimeError("shapes differ\nat line 3"), "failed: shapes differ", "resume"),
    ],
)
def test_errors_of_the_libraries_are_told_in_words_that_help(
    planned: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    got: str,
    todo: str,
) -> None:
    monkeypatch.setattr(worker, "_training", failing(error))
    run = planned()
    worker.work(run)
    status = read_status(run)
    assert (status.phase, status.is_alive) == ("failed", False)
    assert status.trouble is not None
    assert got in status.trouble.got
    assert todo in status.trouble.todo
    assert "\n" not in status.trouble.got


def test_a_cancel_between_two_steps_is_obeyed_and_the_best_is_measured(
    planned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned(n_steps=5000)
    whole = worker._training

    def cancelled_after_a_validation(*arguments: Any) -> Iterator[Progress]:
        for step in whole(*arguments):
            if step.done == 21:
                Run(run).folder.joinpath(run_folder.CANCEL).touch()
            yield step

    monkeypatch.setattr(worker, "_training", cancelled_after_a_validation)
    worker.work(run)
    status = read_status(run)
    assert status.phase == "finished", status.trouble
    assert status.stopped_early
    assert not (run / run_folder.CANCEL).exists()
    events, _ = read_events(run / run_folder.EVENTS)
    assert max(e.done for e in events if e.phase == "training") == 21
    assert any("stopped early" in n for n in read_candidate(run).comparison.notes)


@pytest.mark.parametrize("phase", ["preparing", "measuring"])
def test_a_cancel_before_the_worker_was_there_is_obeyed_at_once(
    planned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, phase: Any
) -> None:
    begun: list[str] = []

    def measuring(*arguments: Any) -> Iterator[Progress]:
        begun.append("measuring")
        yield Progress(0, 1)
        raise ValueError("measured")

    monkeypatch.setattr(worker, "_training", lambda *_: begun.append("training"))
    monkeypatch.setattr(worker, "_measuring", measuring)
    run = planned()
    (run / run_folder.BEST).write_bytes(b"best")
    write_launched(run, phase, stopped_early=False)
    (run / run_folder.CANCEL).touch()
    worker.work(run)
    assert not (run / run_folder.CANCEL).exists()
    if phase == "preparing":
        assert begun == ["measuring"]
        assert read_status(run).stopped_early
    else:
        assert begun == []
        assert read_status(run).phase == "cancelled"


def test_a_second_worker_leaves_the_run_to_the_first(
    planned: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = planned()
    lock = take_lock(run / run_folder.LOCK)
    assert lock is not None
    assert read_status(run).is_alive
    monkeypatch.setattr(
        worker, "take_lock", lambda path: take_lock(path, patience_s=0.1)
    )
    assert worker.main([str(run)]) == 3
    assert not (run / run_folder.EVENTS).exists()
    lock.release()
