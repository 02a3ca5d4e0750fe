"""When a run ends and is validated: by its updates, or by its time."""

from __future__ import annotations

import pytest

from napari_octseg.engine.learning.clock import LEAST_STEPS, Clock, check_limit
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError


class Time:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    own = Time()
    monkeypatch.setattr("napari_octseg.engine.learning.clock.time", own)
    return own


@pytest.fixture
def hundred(recipe: Recipe) -> Recipe:
    """A recipe of 100 updates with 5 validations."""
    return recipe.model_copy(update={"n_steps": 100, "validate_every": 20})


def test_without_a_limit_updates_alone_count(hundred: Recipe, time: Time) -> None:
    clock = Clock(hundred, None, step=0, spent=0.0)
    due = []
    for step in range(1, 101):
        time.now += 1000
        assert clock.at(step) == step
        assert clock.n_steps(step) == 100
        if clock.is_validation_due(step):
            due.append(step)
            clock.validated(step, 5000)
    assert due == [20, 40, 60, 80, 100]
    assert clock.is_over(100)


def test_the_time_ends_the_run_and_brings_the_validations(
    hundred: Recipe, time: Time
) -> None:
    clock = Clock(hundred, 60.0, step=0, spent=0.0)
    due = []
    step = 0
    while not clock.is_over(step):
        step += 1
        time.now += 3
        if clock.is_validation_due(step):
            due.append(step)
            clock.validated(step, 0.0)
    assert step == 20
    assert due == [4, 8, 12, 16, 20]


def test_room_is_left_for_the_last_validation(hundred: Recipe, time: Time) -> None:
    clock = Clock(hundred, 60.0, step=0, spent=0.0)
    clock.validated(0, 12.0)
    time.now += 47
    assert not clock.is_over(30)
    time.now += 1
    assert clock.is_over(30)


def test_validations_never_take_most_of_a_short_time(
    hundred: Recipe, time: Time
) -> None:
    clock = Clock(hundred, 100.0, step=0, spent=0.0)
    spent = 0.0
    step = 0
    while not clock.is_over(step):
        step += 1
        time.now += 3
        if clock.is_validation_due(step):
            time.now += 10  # longer than three updates
            spent += 10
            clock.validated(step, 10.0)
    assert spent <= 30


def test_the_updates_that_will_be_done_are_told(hundred: Recipe, time: Time) -> None:
    clock = Clock(hundred, 60.0, step=0, spent=0.0)
    time.now += 30
    assert clock.n_steps(10) == 20
    # So fast that the updates end before the time.
    assert clock.n_steps(80) == 100


def test_an_earlier_part_of_the_run_counts(hundred: Recipe, time: Time) -> None:
    clock = Clock(hundred, 60.0, step=40, spent=45.0)
    assert clock.at(40) == pytest.approx(75)
    assert clock.spent == pytest.approx(45)
    # The validation at update 60 was before the break.
    assert not clock.is_validation_due(41)


@pytest.mark.parametrize("n_steps", [7, 100])
def test_on_a_slow_machine_the_least_updates_are_done_all_the_same(
    hundred: Recipe, time: Time, n_steps: int
) -> None:
    recipe = hundred.model_copy(update={"n_steps": n_steps})
    clock = Clock(recipe, 60.0, step=0, spent=0.0)
    # All the time went by while the start was validated.
    time.now += 90
    clock.validated(0, 90.0)
    step, far = 0, [clock.at(0)]
    while not clock.is_over(step):
        step += 1
        time.now += 30
        far.append(clock.at(step))
    assert step == min(LEAST_STEPS, n_steps)
    # The learning rate falls over these updates, not before the first one.
    assert far == pytest.approx([n_steps * i / step for i in range(step + 1)])
    assert clock.is_validation_due(step)


def test_a_limit_of_time_is_for_one_process_alone(hundred: Recipe) -> None:
    limited = hundred.model_copy(update={"minutes": 2.5})
    check_limit(limited, 1)
    check_limit(hundred, 4)
    with pytest.raises(RecipeError) as refused:
        check_limit(limited, 4)
    assert "minutes is 2.5" in refused.value.got
    assert "4 processes" in refused.value.got
    assert "n_steps" in refused.value.allowed
    assert refused.value.todo
