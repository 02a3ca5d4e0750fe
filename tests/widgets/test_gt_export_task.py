from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.engine.progress import outcome
from napari_octseg.errors import WriteError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._gt_export_task import iter_export

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = LabelSet.of("background", "IRF")


@pytest.fixture
def data_set(tmp_path) -> DataSet:
    """Two scans of two patients."""
    made = DataSet.create(tmp_path / "set", "Fluid, 2026", CLASSES)
    for number in range(2):
        pixels = np.full((1, 4, 5), number, np.uint8)
        labels = np.zeros((1, 4, 5), np.uint8)
        made.add(
            GradedScan(f"S-{number}", f"P-{number}", OCTVolume(pixels), labels, CLASSES)
        )
    return made


def list_names(scans, target: Path) -> list[Path]:
    path = target / "names.txt"
    path.write_text(" ".join(scan.name for scan in scans))
    return [path]


LIST = ExchangeFormat("list", "List", "Names.", list_names, None, None, (), "")


def test_an_export_is_a_new_folder_with_all_scans(data_set, tmp_path):
    steps = iter_export(data_set, LIST, tmp_path)
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            done = end.value
            break
    assert done.folder == tmp_path / "Fluid-2026-list"
    assert done.files[0].read_text() == "S-0 S-1"
    assert (done.n_scans, done.n_bytes) == (2, 7)
    assert [one.message for one in told[:2]] == ["reading S-0", "reading S-1"]
    assert all(one.done < one.total == 3 for one in told)


def test_an_export_never_goes_into_a_folder_that_is_there(data_set, tmp_path):
    folders = [outcome(iter_export(data_set, LIST, tmp_path)).folder for _ in range(3)]
    assert [one.name for one in folders] == [
        "Fluid-2026-list",
        "Fluid-2026-list-2",
        "Fluid-2026-list-3",
    ]


def test_an_export_that_fails_leaves_nothing(data_set, tmp_path):
    def fail(scans, target: Path) -> list[Path]:
        list_names(scans, target)
        raise WriteError("The disk is full")

    with pytest.raises(WriteError, match="full"):
        outcome(iter_export(data_set, replace(LIST, write=fail), tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_an_export_that_is_stopped_ends_at_once_and_leaves_nothing(data_set, tmp_path):
    go, ended = threading.Event(), threading.Event()

    def slow(scans, target: Path) -> list[Path]:
        assert go.wait(20)
        return list_names(scans, target)

    steps = iter_export(data_set, replace(LIST, write=slow), tmp_path)
    while next(steps).message != "writing Fluid-2026-list":
        pass
    steps.close()
    # The writer is still at it.
    assert (tmp_path / "Fluid-2026-list").is_dir()
    watcher = threading.Thread(target=lambda: (_wait_gone(tmp_path), ended.set()))
    watcher.start()
    go.set()
    assert ended.wait(20)
    watcher.join()


def _wait_gone(folder: Path) -> None:
    while (folder / "Fluid-2026-list").exists():
        threading.Event().wait(0.01)


def test_an_empty_data_set_cannot_be_exported(tmp_path):
    made = DataSet.create(tmp_path / "set", "Nothing", CLASSES)
    with pytest.raises(WriteError, match="no scan"):
        outcome(iter_export(made, LIST, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
