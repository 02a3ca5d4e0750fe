"""When a candidate may be called better, and what is said of a worse one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from napari_octseg.engine.finetuning.gate import (
    ClassChange,
    Comparison,
    verdict_of,
)
from napari_octseg.errors import ReadError


def change(before: float, after: float, name: str = "mean", **more) -> ClassChange:  # type: ignore[no-untyped-def]
    return ClassChange("mine", name, before, after, **more)


def comparison(before: float, after: float, **more) -> Comparison:  # type: ignore[no-untyped-def]
    return Comparison((), (), change(before, after, **more), None, 4, 1)


@pytest.mark.parametrize(
    ("difference", "interval", "verdict"),
    [
        (0.05, (0.01, 0.09), "better"),
        (0.05, (-0.01, 0.11), "no clear difference"),
        (-0.05, (-0.09, -0.01), "worse"),
        (0.05, None, "better"),
        (0.015, None, "no clear difference"),
        (-0.05, None, "worse"),
        (None, None, "no clear difference"),
    ],
)
def test_a_difference_counts_where_chance_does_not_explain_it(
    difference: float | None, interval: tuple[float, float] | None, verdict: str
) -> None:
    assert verdict_of(difference, interval) == verdict


def test_a_worse_candidate_says_so_and_is_not_recommended() -> None:
    worse = comparison(0.9, 0.8, interval_change=(-0.15, -0.05))
    assert worse.verdict == "worse"
    assert "worse than the model it comes from" in worse.text
    assert "0.900 → 0.800" in worse.text
    assert not worse.recommended


def test_a_better_one_that_has_forgotten_is_not_recommended() -> None:
    better = comparison(0.7, 0.8)
    assert better.recommended
    forgetful = replace(better, replay_mean=change(0.9, 0.885))
    assert forgetful.verdict == "better"
    assert forgetful.forgot
    assert "forgotten" in forgetful.text
    assert not forgetful.recommended
    assert not replace(better, replay_mean=change(0.9, 0.895)).forgot


def test_one_data_set_does_not_make_up_for_another_that_was_forgotten() -> None:
    lost = replace(change(0.9, 0.85, interval_change=(-0.08, -0.02)), source="duke")
    won = replace(change(0.6, 0.7), source="phantom")
    both = replace(
        comparison(0.7, 0.8), replay=(lost, won), replay_mean=change(0.75, 0.775)
    )
    assert both.forgot
    assert not both.recommended
    assert "duke Dice 0.900 → 0.850" in both.text
    assert "phantom" not in both.text
    # A difference that may be chance is none.
    unsure = replace(lost, interval_change=(-0.08, 0.01))
    assert not replace(both, replay=(unsure, won)).forgot


def test_a_class_that_got_worse_is_named_in_a_better_mean() -> None:
    rows = (change(0.5, 0.8, "RNFL"), change(0.8, 0.6, "INL"))
    text = replace(comparison(0.65, 0.7), held_out=rows).text
    assert "Worse in: INL 0.800 → 0.600." in text


def test_what_is_found_where_nobody_drew_any_is_said() -> None:
    drawn = change(0.5, 0.8, "SRF", n_bscans=3)
    rows = (drawn, ClassChange("mine", "IRF", None, 0.0))
    text = replace(comparison(0.65, 0.7), held_out=rows).text
    assert "It finds IRF where nobody drew any" in text
    assert "where nobody" not in replace(comparison(0.65, 0.7), held_out=(drawn,)).text


def test_without_held_out_scans_nothing_is_claimed() -> None:
    nothing = Comparison((), (), None, None, 0, 0)
    assert nothing.verdict == "no clear difference"
    assert "nobody can say" in nothing.text
    assert not nothing.recommended


def test_a_comparison_comes_back_from_its_file() -> None:
    row = change(0.5, 0.8, "RNFL", interval_after=(0.7, 0.9), mae_before=3.0, unit="px")
    whole = Comparison(
        (row, ClassChange("mine", "new", None, 0.4)),
        (change(0.9, 0.91),),
        change(0.5, 0.8, interval_change=(0.1, 0.5)),
        change(0.9, 0.91),
        n_bscans=7,
        n_patients=3,
        unit="patient",
        notes=("a", "b"),
    )
    text = json.dumps(whole.to_json(), allow_nan=False)
    assert Comparison.from_json(json.loads(text)) == whole


def test_other_values_are_no_comparison() -> None:
    with pytest.raises(ReadError, match="resume the run"):
        Comparison.from_json({"mean": None})
