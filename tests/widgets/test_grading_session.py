"""A grader's session: open, segment, correct, propagate, review; killed, resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_octseg.editing.review import ReviewState
from napari_octseg.labels import IGNORE
from tests.widgets.grading_session import Session, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.gui,
    pytest.mark.skipif(os.name != "posix", reason="kills a process with SIGKILL"),
]
REPOSITORY = Path(__file__).resolve().parents[2]
N_BSCANS, MIDDLE = 5, 2


def phantom_scan(folder: Path) -> tuple[Path, tuple[int, int, int]]:
    """A synthetic scan with cysts, and a place within one of them."""
    from napari_octseg.phantom import FINDING_SET, PhantomSettings, make_phantom

    made = make_phantom(
        PhantomSettings(shape=(N_BSCANS, 256, 256), findings=("IRF",), seed=2)
    )
    path = folder / "phantom.tif"
    tifffile.imwrite(path, made.volume.data, metadata={"axes": "ZYX"})
    return path, deepest(made.findings == FINDING_SET.index("IRF"))


def real_scan(folder: Path, data: Path) -> tuple[Path, tuple[int, int, int]]:
    """Five neighbours of a DME eye, and a place within a cyst that a grader marked."""
    from PIL import Image

    first = 29  # the third of them is slice 31, counted from 1
    volume = tifffile.imread(data / "duke_dme_volumes" / "subject_02.tif")
    path = folder / "eye.tif"
    tifffile.imwrite(
        path, volume[first - 1 : first - 1 + N_BSCANS], metadata={"axes": "ZYX"}
    )
    marked = np.zeros((N_BSCANS, *volume.shape[1:]), bool)
    mask = Image.open(data / "duke_dme_fluid" / "masks" / "S02_b31.png")
    marked[MIDDLE] = np.array(mask) > 0
    return path, deepest(marked)


def deepest(marked: np.ndarray) -> tuple[int, int, int]:
    """The place of the middle B-scan that is farthest within what is marked."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(marked[MIDDLE])
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return MIDDLE, int(row), int(column)


@pytest.fixture
def killed(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Run the session in a process of its own and kill it when it has written."""

    def run(scan: Path, fluid: tuple[int, int, int]) -> Path:
        result = tmp_path / "before.npz"
        log = tmp_path / "session.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.widgets.grading_session"),
                    *(str(scan), ",".join(map(str, fluid)), str(result)),
                ],
                cwd=REPOSITORY,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "XDG_DATA_HOME": str(tmp_path / "share"),
                    "XDG_CONFIG_HOME": str(tmp_path / "config"),
                    "XDG_STATE_HOME": str(tmp_path / "state"),
                    "XDG_CACHE_HOME": str(tmp_path / "cache"),
                },
            )
        request.addfinalizer(process.kill)
        deadline = time.monotonic() + 400
        while not result.exists():
            assert process.poll() is None, log.read_text()[-4000:]
            assert time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        return result

    return run


@pytest.fixture
def session(viewer: object) -> Iterator[Session]:
    """Another window, later."""
    one = Session(viewer)
    yield one
    one.viewer.window.remove_dock_widget(one.bench)


@pytest.mark.parametrize("kind", ["phantom", "real"])
def test_all_is_there_after_a_kill(
    kind: str,
    killed: Callable[..., Path],
    session: Session,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if kind == "phantom":
        scan, fluid = phantom_scan(tmp_path)
    else:
        scan, fluid = real_scan(tmp_path, request.getfixturevalue("shared_data"))
    before = np.load(killed(scan, fluid))
    # A scan is recognised by its content, wherever it lies.
    moved = scan.rename(scan.with_name("moved.tif"))

    session.open(moved)
    correct = session.bench.correct
    session.turn_to(correct)
    resume = correct.start_box.resume_list
    until(lambda: bool(resume.buttons), "finding the journal")
    session.click(resume.buttons[0])
    until(lambda: session.grading is not None, "resuming")
    grading = session.grading
    for name, array in grading.arrays.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)

    # What the grader did shows in the labels, the origins and the states.
    bscan, row, column = fluid
    assert grading.labels[bscan, row, column] == grading.label_set.index("IRF")
    human, spread = (grading.origin_names.index(n) for n in ("human", "propagated"))
    assert (grading.origins[bscan] == human).sum() > 10
    neighbours = [b for b in range(N_BSCANS) if b != bscan]
    assert (grading.origins[neighbours] == spread).any()
    assert grading.states[bscan] == ReviewState.REVIEWED
    assert (grading.states[neighbours] == ReviewState.PREDICTED).all()

    # Undo goes back through all of it, model run included, and redo forth again.
    tools = []
    while (tool := grading.journal.undo_tool) is not None:
        tools.append(tool)
        correct.view.undo()
    assert tools[::-1] == list(before["tools"])
    assert not grading.labels.any()
    assert np.isnan(grading.heights).all()
    for _ in tools:
        correct.view.redo()
    np.testing.assert_array_equal(grading.labels, before["labels"])

    # A reviewed B-scan is locked until the key opens it again.
    correct.view.go_to(bscan)
    desk = session.desk()
    session.click(correct.tool_box.buttons["hide"])
    desk.drag((row, 20), (row, 40))
    np.testing.assert_array_equal(grading.labels, before["labels"])
    assert "reviewed and therefore locked" in correct.status.text()
    desk.key(Qt.Key.Key_R)
    assert grading.states[bscan] == ReviewState.CORRECTED
    desk.drag((row, 20), (row, 40))
    assert (grading.labels[bscan, :, 25:35] == IGNORE).all()
