"""Paired differences: known counts, known figures."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.bundles.score import Score
from napari_octseg.engine.data.datasets import CodeTable
from napari_octseg.engine.finetuning.paired import OneModel, compare
from napari_octseg.engine.judging.layer_codes import LayerCodes

NAMES = ("background", "RNFL", "GCIPL")
TABLE = CodeTable(
    {0: 0, 1: 1, 2: 2},
    tuple(tuple(row) for row in np.eye(3, dtype=bool).tolist()),
    NAMES,
)
LIMITS = LayerCodes((1, 2), (0, 1, 2), ("ILM", "RNFL/GCIPL", "GCIPL/INL"))


def model(*dice: float, knows: tuple[bool, ...] = (True, True, True)) -> OneModel:
    """A model that has this Dice in RNFL on each B-scan, and 0.5 in GCIPL."""
    counts = [
        np.array([[100, 100, 100], [round(100 * d), 100, 100], [50, 100, 100]])
        for d in dice
    ]
    return OneModel(np.array(knows), counts)


def test_figures_are_pooled_and_their_difference_is_paired() -> None:
    found = compare(
        "mine",
        TABLE,
        ["a", "b", "c", "d"],
        model(0.2, 0.4, 0.6, 0.8),
        model(0.3, 0.5, 0.7, 0.9),
        LIMITS,
    )
    rnfl, gcipl = found.classes
    assert (rnfl.name, rnfl.dice_before, rnfl.dice_after) == (
        "RNFL",
        pytest.approx(0.5),
        pytest.approx(0.6),
    )
    assert gcipl.change == 0
    assert found.mean is not None
    assert found.mean.dice_after == pytest.approx((0.6 + 0.5) / 2)
    # The patients differ a lot, the difference does not: pairing is the point.
    assert rnfl.interval_before is not None
    assert rnfl.interval_before[1] - rnfl.interval_before[0] > 0.2
    assert rnfl.interval_change == pytest.approx((0.1, 0.1))
    assert rnfl.verdict == found.mean.verdict == "better"
    assert found.unit == "patient"


def test_bscans_of_one_patient_stand_in_for_patients_if_they_are_enough() -> None:
    five, four = [0.5] * 5, [0.5] * 4
    one = compare("mine", TABLE, ["a"] * 5, model(*five), model(*five), LIMITS)
    assert one.unit == "B-scan"
    assert one.mean is not None
    assert one.mean.interval_change == (0, 0)
    few = compare("mine", TABLE, ["a"] * 4, model(*four), model(*four), LIMITS)
    assert few.unit == ""
    assert few.mean is not None
    assert few.mean.interval_change is None


def test_a_class_that_the_parent_does_not_know_is_not_in_the_mean() -> None:
    before = model(0.0, 0.0, 0.0, knows=(True, False, True))
    found = compare(
        "mine", TABLE, ["a", "b", "c"], before, model(0.9, 0.9, 0.9), LIMITS
    )
    assert found.classes[0].dice_before is None
    assert found.classes[0].change is None
    assert found.mean is not None
    assert (found.mean.dice_before, found.mean.dice_after) == (0.5, 0.5)


def test_a_class_that_nobody_labelled_is_shown_but_not_in_the_mean() -> None:
    def only_false(n: int) -> OneModel:
        counts = np.array([[100, 100, 100], [0, n, 0], [80, 100, 100]])
        return OneModel(np.array([True] * 3), [counts] * 3)

    found = compare(
        "mine", TABLE, ["a", "b", "c"], only_false(40), only_false(0), LIMITS
    )
    rnfl = found.classes[0]
    assert (rnfl.dice_before, rnfl.dice_after) == (0.0, None)
    assert found.mean is not None
    assert found.mean.change == 0


def with_errors(one: OneModel, px: dict[str, float], um: dict[str, float]) -> OneModel:
    one.score = Score(
        data="mine", split="", n_images=1, boundary_mae_px=px, boundary_mae_um=um
    )
    return one


def test_boundary_errors_are_in_um_where_that_is_known_and_in_px_otherwise() -> None:
    px = {"ILM": 1.0, "RNFL/GCIPL": 2.0, "GCIPL/INL": 6.0}
    um = {name: 4 * value for name, value in px.items()}
    better = {name: value / 2 for name, value in px.items()}
    both = with_errors(model(0.5), px, um), with_errors(model(0.6), better, um)
    found = compare("mine", TABLE, ["a"], *both, LIMITS)
    rnfl, gcipl = found.classes
    assert (rnfl.mae_before, rnfl.mae_after, rnfl.unit) == (6.0, 6.0, "µm")
    both = with_errors(model(0.5), px, {}), with_errors(model(0.6), better, {})
    found = compare("mine", TABLE, ["a"], *both, LIMITS)
    rnfl, gcipl = found.classes
    assert (rnfl.mae_before, rnfl.mae_after, rnfl.unit) == (1.5, 0.75, "px")
    assert gcipl.mae_before == 4.0
    assert found.mean is not None
    assert found.mean.mae_before == 3.0


def test_boundaries_that_one_side_lacks_are_compared_on_neither() -> None:
    before = with_errors(model(0.5), {"ILM": 1.0, "RNFL/GCIPL": 9.0}, {})
    after = with_errors(model(0.5), {"ILM": 2.0}, {})
    found = compare("mine", TABLE, ["a"], before, after, LIMITS)
    assert found.mean is not None
    assert (found.mean.mae_before, found.mean.mae_after) == (1.0, 2.0)
    assert found.classes[1].mae_before is None
