"""Codes of label pixels, with the names that other people give them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.errors import LabelError, ReadError
from napari_octseg.groundtruth.formats.code_table import (
    read_code_table,
    write_code_table,
)
from napari_octseg.labels import LabelSet

if TYPE_CHECKING:
    from pathlib import Path


def _table(folder: Path, named: object) -> None:
    (folder / "classes.json").write_text(json.dumps(named))


def test_a_table_is_read_back(tmp_path: Path) -> None:
    label_set = LabelSet.of("background", "RNFL", "class of its own")
    write_code_table(label_set, tmp_path)
    table = read_code_table(tmp_path, 2)
    assert table.codes == (0, 1, 2)
    assert table.label_set.names == label_set.names


def test_codes_may_leave_gaps_and_begin_anywhere(tmp_path: Path) -> None:
    _table(tmp_path, {"9": "SRF", "1": "BG", "4": "IRF"})
    table = read_code_table(tmp_path, 9)
    assert table.label_set.names == ("BG", "IRF", "SRF")
    assert list(table.indices(np.array([9, 1, 4, 255]), "a")) == [2, 0, 1, 255]


def test_a_background_that_nobody_named_is_added(tmp_path: Path) -> None:
    _table(tmp_path, {"255": "not graded", "1": "IRF"})
    table = read_code_table(tmp_path, 1)
    assert table.codes == (0, 1)
    assert table.label_set.names == ("background", "IRF")


def test_without_a_table_classes_are_numbered(tmp_path: Path) -> None:
    table = read_code_table(tmp_path, 2)
    assert table.label_set == LabelSet.numbered(2)


def test_a_code_that_is_not_in_the_table_is_told(tmp_path: Path) -> None:
    _table(tmp_path, {"0": "background", "1": "IRF"})
    with pytest.raises(LabelError, match=r"a\.png has the code 7"):
        read_code_table(tmp_path, 1).indices(np.array([0, 7]), "a.png")


@pytest.mark.parametrize(
    "named", [{"x": "IRF"}, {"256": "IRF"}, {"1": 3}, {"1": " "}, {"-1": "IRF"}, [1]]
)
def test_something_else_is_refused(named: object, tmp_path: Path) -> None:
    _table(tmp_path, named)
    with pytest.raises(ReadError, match=r"classes\.json"):
        read_code_table(tmp_path, 1)
