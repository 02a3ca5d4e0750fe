from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from napari_octseg.engine.learning.optimisers import OPTIMISERS, make_optimiser
from napari_octseg.engine.learning.schedule import Schedule

if TYPE_CHECKING:
    from napari_octseg.engine.recipe import Recipe


def planned(recipe: Recipe, **changes: object) -> Schedule:
    """Schedule of a recipe of 100 updates without warm-up, but for `changes`."""
    plain = {"learning_rate": 0.2, "n_steps": 100, "warm_up": 0}
    return Schedule(recipe.model_copy(update={**plain, **changes}))


def of_torch(kind: type, n: int, **arguments: object) -> list[float]:
    """Learning rates that a scheduler of torch would give."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    scheduler = kind(optimiser, **arguments)
    rates = []
    for _ in range(n):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates


def test_cosine_is_that_of_torch_down_to_one_per_cent(recipe: Recipe) -> None:
    schedule = planned(recipe, schedule="cosine")
    expected = of_torch(
        torch.optim.lr_scheduler.CosineAnnealingLR, 101, T_max=100, eta_min=0.002
    )
    assert [schedule.rate(step) for step in range(101)] == pytest.approx(expected)


def test_steps_are_those_of_torch(recipe: Recipe) -> None:
    schedule = planned(recipe, schedule="steps", decay_after=30, decay_factor=0.1)
    expected = of_torch(torch.optim.lr_scheduler.StepLR, 100, step_size=30, gamma=0.1)
    assert [schedule.rate(step) for step in range(100)] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["cosine", "steps", "plateau", "constant"])
def test_every_schedule_warms_up_to_the_whole_rate(recipe: Recipe, name: str) -> None:
    schedule = planned(recipe, schedule=name, warm_up=4, decay_after=50)
    rates = [schedule.rate(step) for step in range(5)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])


def test_a_constant_rate_stays(recipe: Recipe) -> None:
    schedule = planned(recipe, schedule="constant")
    schedule.validated(0.5)
    schedule.validated(0.1)
    assert schedule.rate(99) == 0.2


def test_a_plateau_lowers_the_rate_and_goes_on_after_an_interruption(
    recipe: Recipe,
) -> None:
    changes = {"schedule": "plateau", "decay_after": 2, "decay_factor": 0.5}
    schedule = planned(recipe, **changes)
    rates = []
    for score in (0.5, 0.5, 0.6, 0.6, 0.4, 0.6, 0.6, 0.7):
        schedule.validated(score)
        rates.append(schedule.rate(50))
        # Each time a new object takes over, as if the run had been interrupted.
        state, schedule = schedule.state_dict(), planned(recipe, **changes)
        schedule.load_state_dict(state)
    assert rates == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05])


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_an_optimiser_is_made_as_the_recipe_says(name: str) -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    optimiser = make_optimiser(
        name, [parameter], learning_rate=0.1, momentum=0.5, weight_decay=0.01
    )
    (group,) = optimiser.param_groups
    assert group["lr"] == 0.1
    assert group["weight_decay"] == 0.01
    assert group.get("momentum", group.get("betas", (None,))[0]) == 0.5


def test_gradient_descent_with_momentum_and_l2_of_a_known_case() -> None:
    parameter = torch.nn.Parameter(torch.tensor([1.0]))
    optimiser = make_optimiser(
        "sgdm", [parameter], learning_rate=0.1, momentum=0.9, weight_decay=0.5
    )
    for _ in range(2):
        parameter.grad = torch.tensor([1.0])
        optimiser.step()
    # v = 1.5, w = 0.85; v = 0.9 · 1.5 + 1 + 0.425, w = 0.85 − 0.1 · 2.775
    assert float(parameter.detach()) == pytest.approx(0.5725)


def test_the_rate_falls_with_the_time_where_that_is_ahead(recipe: Recipe) -> None:
    schedule = planned(recipe, schedule="cosine", warm_up=10)
    assert schedule.rate(20, at=70.0) == schedule.rate(70)
    # The first updates are careful however slow they are.
    assert schedule.rate(2, at=70.0) == schedule.rate(2)
