"""A patient is on one side, and stays there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.errors import LabelError
from napari_octseg.groundtruth.split import SIDES, proposed_split

PATIENTS = st.sets(st.integers(0, 50).map(lambda n: f"P-{n}"), max_size=20)


def held_out(split: dict[str, str]) -> set[str]:
    return {one for one, side in split.items() if side == "validation"}


def test_a_fifth_is_held_out() -> None:
    ten = {f"P-{i}" for i in range(10)}
    split = proposed_split(ten, {})
    assert set(split) == ten
    assert len(held_out(split)) == 2
    assert proposed_split(ten, {}) == split
    draws = {frozenset(held_out(proposed_split(ten, {}, seed=s))) for s in range(20)}
    assert len(draws) > 5
    assert len(held_out(proposed_split(ten, {}, fraction=0.5))) == 5


def test_one_patient_cannot_be_held_out() -> None:
    assert proposed_split({"P-1"}, {}) == {"P-1": "train"}
    assert proposed_split(set(), {}) == {}


@pytest.mark.parametrize("fraction", [0, 1, -0.2, 1.5])
def test_a_share_is_between_none_and_all(fraction: float) -> None:
    with pytest.raises(LabelError) as error:
        proposed_split({"P-1", "P-2"}, {}, fraction)
    assert error.value.allowed


@given(
    patients=PATIENTS,
    gone=PATIENTS,
    sides=st.lists(st.sampled_from(SIDES), min_size=60, max_size=60),
    n_decided=st.integers(0, 20),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 100),
)
def test_whatever_was_decided_stays(
    patients: set[str],
    gone: set[str],
    sides: list[str],
    n_decided: int,
    fraction: float,
    seed: int,
) -> None:
    before = sorted(patients)[:n_decided] + sorted(gone - patients)
    decided = dict(zip(before, sides, strict=False))
    split = proposed_split(patients, decided, fraction, seed)
    assert set(split) == patients
    assert set(split.values()) <= set(SIDES)
    for one in patients & set(decided):
        assert split[one] == decided[one]
    new = patients - set(decided)
    if len(new) >= 2:
        assert set(split.values()) == set(SIDES)
    n_new_out = len(held_out(split) & new)
    n_wanted = max(1, round(fraction * len(patients))) if len(patients) > 1 else 0
    assert n_new_out <= n_wanted
