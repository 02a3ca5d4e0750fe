"""The learning curve of a family of models."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.finetuning.history import learning_curve
from napari_octseg.engine.finetuning.lineage import roll_back
from napari_octseg.errors import ModelError, ReadError

pytestmark = pytest.mark.usefixtures("runs")


def remember(name: str, parent: str, n_bscans: int, time: float) -> None:
    """What `accept` leaves beside the card."""
    mean = {"dice_before": 0.5, "dice_after": 0.5 + n_bscans / 100}
    record = {
        "parent": parent,
        "time": time,
        "data": {"n_train_bscans": n_bscans, "n_held_out_bscans": 3},
        "comparison": {"mean": mean},
    }
    path = find_bundle(name).folder / "finetune.json"
    path.write_text(json.dumps(record))


def test_the_curve_is_of_the_whole_family_in_time(family: Callable[..., None]) -> None:
    family("a", "b", "c")
    family("other", "else")
    remember("c", "b", 20, time=2.0)
    remember("b", "a", 5, time=1.0)
    remember("else", "other", 7, time=3.0)
    for member in ("a", "b", "c"):
        curve = learning_curve(member)
        assert [(p.model, p.n_bscans, p.dice_after) for p in curve] == [
            ("b", 5, 0.55),
            ("c", 20, 0.7),
        ]
    assert [p.model for p in learning_curve("other")] == ["else"]


def test_what_was_rolled_back_stays_in_the_curve(family: Callable[..., None]) -> None:
    family("a", "b", "c")
    remember("b", "a", 5, time=1.0)
    remember("c", "b", 20, time=2.0)
    roll_back("c", "b")
    assert [(p.model, p.is_retired) for p in learning_curve("a")] == [
        ("b", False),
        ("c", True),
    ]


def test_without_held_out_scans_a_point_has_no_height(
    family: Callable[..., None],
) -> None:
    family("a", "b")
    remember("b", "a", 5, time=1.0)
    path = find_bundle("b").folder / "finetune.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"comparison": {"mean": None}}))
    (point,) = learning_curve("a")
    assert (point.dice_before, point.dice_after) == (None, None)
    path.write_text("{}")
    with pytest.raises(ReadError, match="b is damaged"):
        learning_curve("a")


def test_a_model_that_is_not_there_has_no_curve(family: Callable[..., None]) -> None:
    family("a")
    assert learning_curve("a") == []
    with pytest.raises(ModelError, match="No model is called"):
        learning_curve("z")
