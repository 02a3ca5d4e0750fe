from typing import Any

import pytest
from pydantic import ValidationError

from napari_octseg.engine.data.source import (
    ColumnHeldOut,
    FoldHeldOut,
    FractionHeldOut,
    Source,
)

CODES = {"0": ["background"], "255": ["fluid"]}


def source(**values: Any) -> Source:
    return Source.model_validate({"name": "x", "codes": CODES, **values})


def test_255_is_a_code_like_any_other() -> None:
    assert source().codes == {0: ("background",), 255: ("fluid",)}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["a", "b"], ("a", "b")),
        (["1", "2"], ("1", "2")),
        ([1, 2], (1, 2)),
        ({"fraction": 0.2}, FractionHeldOut(fraction=0.2)),
        ({"fold": 1, "of": 5, "seed": 3}, FoldHeldOut(fold=1, of=5, seed=3)),
    ],
)
def test_what_is_held_out_can_be_said_in_many_ways(
    given: object, meant: object
) -> None:
    assert source(validation=given).validation == meant


def test_a_column_tells_what_is_held_out_only_with_an_index() -> None:
    rule = {"column": "split", "value": "val"}
    named = source(validation=rule, index="index.csv").validation
    assert named == ColumnHeldOut(column="split", value="val")
    with pytest.raises(ValidationError, match="needs an index"):
        source(validation=rule)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"labels": "{name}.png"}, "labels of x"),
        ({"mask": "{0}.png"}, "mask of x"),
        ({"patient": "("}, "patient of x"),
        ({"patient": r"\d+"}, "no group"),
        ({"focus": 0.5}, "need focus_codes"),
        ({"keep_empty": 0.25}, "need focus_codes"),
        ({"focus": 0.5, "focus_codes": [3]}, "not among its codes"),
        ({"validation": {"fold": 5, "of": 5}}, "not in 0"),
        ({"validation": {"fraction": 1.0}}, "fraction"),
        ({"chanel": "green"}, "chanel"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    values: dict[str, object], told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        source(**values)
