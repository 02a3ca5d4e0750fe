"""A scan is known by its content, and its journals are found by it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_octseg.editing.identity import find_journals, journal_path
from napari_octseg.editing.journal import Journal
from napari_octseg.editing.patch import Patch
from napari_octseg.groundtruth.scan_hash import scan_hash
from napari_octseg.labels import LabelClass, LabelSet
from napari_octseg.volume import OCTVolume

LAYERED = LabelSet.of("background", "RNFL", "INL")
FLUID = LabelSet((LabelClass("background"), LabelClass("IRF", "cysts", "#123456")))
SHAPE = (20, 6, 5)


def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 60_000, SHAPE).astype(np.uint16)


@pytest.fixture
def volume() -> OCTVolume:
    return OCTVolume(pixels(), source="somewhere.tif")


def grade(
    volume: OCTVolume, label_set: LabelSet, folder: Path, graders: tuple[str, ...]
) -> Path:
    """A journal with one edit of each grader."""
    path = journal_path(volume, label_set, folder)
    layers = tuple(name for name in label_set.names if name in ("RNFL", "INL"))
    journal = Journal.open(
        path,
        scan=scan_hash(volume),
        label_set=label_set,
        layers=layers,
        shape=volume.shape,
    )
    for grader in graders:
        before, after = np.zeros((2, 1, 1), np.uint8) + np.uint8([[[0]], [[1]]])
        journal.write("brush", grader, [Patch("labels", 0, (0, 0), before, after)])
    journal.close()
    return path


def test_the_path_is_made_of_scan_and_classes(
    volume: OCTVolume, tmp_path: Path
) -> None:
    path = journal_path(volume, LAYERED, tmp_path)
    assert path.parent == tmp_path / scan_hash(volume)
    assert path.suffix == ".sqlite"
    assert not path.parent.exists()
    assert journal_path(volume, FLUID, tmp_path) != path
    order = LabelSet.of("background", "INL", "RNFL")
    assert journal_path(volume, order, tmp_path) != path
    red = LabelSet(tuple(replace(c, colour="#ff0000") for c in LAYERED.classes))
    assert journal_path(volume, red, tmp_path) == path


def test_the_folder_can_be_chosen(
    volume: OCTVolume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCTSEG_JOURNALS", str(tmp_path / "chosen"))
    here = journal_path(volume, LAYERED)
    assert here.parent.parent == tmp_path / "chosen"
    assert journal_path(volume, LAYERED, tmp_path).parent.parent == tmp_path
    monkeypatch.delenv("OCTSEG_JOURNALS")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *a, **k: str(tmp_path))
    assert journal_path(volume, LAYERED).parent.parent == tmp_path / "journals"


def test_journals_are_found_the_newest_first(volume: OCTVolume, tmp_path: Path) -> None:
    layered = grade(volume, LAYERED, tmp_path, ("Ada", "Bob"))
    fluid = grade(volume, FLUID, tmp_path, ("Cleo",))
    first, second = find_journals(volume, tmp_path)
    assert (first.path, second.path) == (fluid, layered)
    assert (first.label_set, first.layers) == (FLUID, ())
    assert (second.label_set, second.layers) == (LAYERED, ("RNFL", "INL"))
    assert (first.n_edits, second.n_edits) == (1, 2)
    assert (first.grader, second.grader) == ("Cleo", "Bob")
    assert first.last_time is not None and second.last_time is not None
    assert first.last_time >= second.last_time


def test_undone_edits_are_not_counted(volume: OCTVolume, tmp_path: Path) -> None:
    path = grade(volume, LAYERED, tmp_path, ("Ada", "Bob"))
    journal = Journal.open(
        path,
        scan=scan_hash(volume),
        label_set=LAYERED,
        layers=("RNFL", "INL"),
        shape=SHAPE,
    )
    journal.undo()
    journal.close()
    (found,) = find_journals(volume, tmp_path)
    assert (found.n_edits, found.grader) == (1, "Ada")


def test_a_journal_without_edits_is_found_too(
    volume: OCTVolume, tmp_path: Path
) -> None:
    grade(volume, LAYERED, tmp_path, ())
    (found,) = find_journals(volume, tmp_path)
    assert (found.n_edits, found.last_time, found.grader) == (0, None, "")


def test_another_scan_has_none(volume: OCTVolume, tmp_path: Path) -> None:
    grade(volume, LAYERED, tmp_path, ("Ada",))
    assert find_journals(OCTVolume(pixels() + 1), tmp_path) == []
    assert find_journals(volume, tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()


def test_open_and_damaged_journals_are_left_out_with_a_word(
    volume: OCTVolume, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = grade(volume, LAYERED, tmp_path, ("Ada",))
    fluid = grade(volume, FLUID, tmp_path, ("Bob",))
    text = path.with_name("text.sqlite")
    text.write_text("Dear diary")
    empty = path.with_name("empty.sqlite")
    empty.touch()
    journal = Journal.open(
        path,
        scan=scan_hash(volume),
        label_set=LAYERED,
        layers=("RNFL", "INL"),
        shape=SHAPE,
    )
    with caplog.at_level(logging.WARNING):
        assert [one.path for one in find_journals(volume, tmp_path)] == [fluid]
    journal.write(
        "brush", "Ada", [Patch("states", 0, (), *np.uint8([[0], [1]]))]
    )  # looking did not take the journal away
    journal.close()
    for word in ("another window", "text.sqlite", "empty.sqlite"):
        assert word in caplog.text
    assert text.read_text() == "Dear diary"
    assert empty.stat().st_size == 0
    assert len(find_journals(volume, tmp_path)) == 2
