"""Scripts of the documentation do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_octseg.editing.journal import Journal
from napari_octseg.phantom import PhantomSettings, make_phantom

DOCS = Path(__file__).resolve().parents[1] / "docs"


def scripts_of(page: str) -> list[str]:
    """The Python blocks of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_a_correction_without_a_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCTSEG_JOURNALS", str(tmp_path / "journals"))
    made = make_phantom(PhantomSettings(shape=(2, 160, 128)))
    # The content decides, not the file ending.
    tifffile.imwrite("scan.vol", made.volume.data, metadata={"axes": "ZYX"})
    (script,) = scripts_of("correcting.md")
    names: dict[str, object] = {}
    exec(compile(script, "correcting.md", "exec"), names)
    result, grading = names["result"], names["grading"]
    np.testing.assert_array_equal(grading.labels, result.labels)
    (path,) = (tmp_path / "journals").rglob("*.sqlite")
    journal = Journal.open(
        path,
        scan=grading.journal.identity.scan,
        label_set=result.label_set,
        layers=tuple(result.model.layers),
        shape=made.volume.shape,
    )
    assert [edit.state for edit in journal.edits()] == ["done", "undone"]
    assert journal.redo_tool == "pen"
    journal.close()
