"""The page on ground truth does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_octseg.boundaries import boundaries_to_labels
from napari_octseg.editing.grading import Grading
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.io import read_volume
from napari_octseg.labels import LabelSet

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ground-truth.md"
SHAPE = (2, 32, 24)


def test_the_script_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCTSEG_JOURNALS", str(tmp_path / "journals"))
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))
    pixels = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    # The content decides, not the file ending.
    tifffile.imwrite("scan.vol", pixels, metadata={"axes": "ZYX"})
    classes = LabelSet.of("background", "RNFL", "GCIPL")
    grading = Grading.open(read_volume("scan.vol"), classes, ("RNFL", "GCIPL"))
    heights = np.repeat(np.float32([[8.5], [14.5], [20.5]]), SHAPE[2], axis=1)
    edit = grading.begin("pen")
    edit.set_heights(1, 0, heights)
    edit.commit()
    grading.close()
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(script, "ground-truth.md", "exec"), names)
    data_set = DataSet.open(tmp_path / "my-truth")
    (entry,) = data_set.scans()
    found = data_set.read(entry.name)
    assert found.graded_bscans == (1,)
    drawn = boundaries_to_labels(heights[:, None], SHAPE[1])[0]
    assert np.array_equal(found.labels[1], drawn)
    assert np.array_equal(found.volume.data, pixels)
    assert data_set.split() == {entry.patient: "train"}


def test_commands_of_the_page_exist() -> None:
    from typer.main import get_command

    from napari_octseg.cli.groundtruth import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    used = re.findall(r"napari-octseg ground-truth (\w+)", PAGE.read_text())
    assert set(used) >= {"new", "add", "list", "split", "check", "export", "import"}
    assert set(used) <= set(commands)
