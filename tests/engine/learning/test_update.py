"""One update, whole or in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from napari_octseg.engine.data.sampling import load_training_set
from napari_octseg.engine.learning.criterion import Criterion
from napari_octseg.engine.learning.fabric import launch_fabric
from napari_octseg.engine.learning.run_state import RunState
from napari_octseg.engine.learning.update import update
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import DeviceError


class Narrow(torch.nn.Module):
    """A network whose device has room for so many crops."""

    divisor = 1

    def __init__(self, n_classes: int = 3) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, n_classes, 3, padding=1)
        self.room = 100
        self.seen: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if len(images) > self.room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")
        self.seen.append(len(images))
        logits: torch.Tensor = self.conv(images)
        return logits


@pytest.fixture
def state_of(recipe: Recipe, data: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        "napari_octseg.engine.learning.run_state.build", lambda *_: Narrow()
    )
    plain = recipe.model_copy(
        update={"batch_size": 6, "losses": {"foreground_dice": 1.0}, "clip": 0.0}
    )

    def make(room: int, losses: dict[str, float] | None = None) -> Any:
        own = plain if losses is None else plain.model_copy(update={"losses": losses})
        fabric = launch_fabric("cpu", precision="32-true")
        state = RunState(own, load_training_set(own, data), fabric)
        assert isinstance(state.plain, Narrow)
        state.plain.room = room
        criterion = Criterion(own.losses, state.data.labels(), state.data.membership)
        return state, criterion

    return make


@pytest.mark.parametrize(("room", "parts"), [(3, [3, 3]), (2, [2, 2, 2])])
def test_too_large_a_batch_is_computed_in_parts(
    state_of: Any, room: int, parts: list[int]
) -> None:
    state, criterion = state_of(room)
    update(state, criterion, 0.01)
    assert state.plain.seen == parts
    assert state.step == 1
    # It is not tried again each time.
    update(state, criterion, 0.01)
    assert state.plain.seen == 2 * parts


def test_parts_make_the_same_update(state_of: Any) -> None:
    """Of a loss that is a mean over crops; here every crop has as many pixels."""
    losses = {"balanced_cross_entropy": 1.0}
    found = []
    for room in (100, 2):
        state, criterion = state_of(room, losses)
        figures = update(state, criterion, 0.01)
        found.append((figures["loss"], state.plain.conv.weight.detach().clone()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6)


def test_no_room_for_a_single_crop_is_told(state_of: Any) -> None:
    state, criterion = state_of(0)
    with pytest.raises(DeviceError, match="one crop of 32 × 32 px"):
        update(state, criterion, 0.01)
    assert state.step == 0


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    state_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, criterion = state_of(100)

    def wrong(images: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(state.plain, "forward", wrong)
    with pytest.raises(RuntimeError, match="multiplied"):
        update(state, criterion, 0.01)
