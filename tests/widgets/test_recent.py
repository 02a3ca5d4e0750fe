from __future__ import annotations

import json

from napari_octseg.widgets import _recent


def test_recent_files_are_newest_first_without_the_ones_that_are_gone(tmp_path):
    files = [tmp_path / name for name in ("a.tif", "b.tif", "c.tif")]
    for file in files:
        file.write_bytes(b"x")
        _recent.remember(file)
    _recent.remember(files[0])
    files[1].unlink()
    assert _recent.recent_files() == [files[0], files[2]]


def test_a_damaged_list_of_recent_files_is_an_empty_one(no_traces):
    no_traces.parent.mkdir()
    for content in ("{", '{"a": 1}', "[1, null]"):
        no_traces.write_text(content)
        assert _recent.recent_files() == []


def test_recent_files_stay_few_and_leave_no_drafts(tmp_path, no_traces):
    for number in range(30):
        file = tmp_path / f"{number}.tif"
        file.write_bytes(b"x")
        _recent.remember(file)
    assert len(json.loads(no_traces.read_text())) == 10
    assert [path.name for path in no_traces.parent.iterdir()] == ["recent.json"]
