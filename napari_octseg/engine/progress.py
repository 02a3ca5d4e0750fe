"""What a long task says after each unit of work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """One step of a long task.

    Parameters
    ----------
    done, total
        Units of work finished, and in all (B-scans, epochs, files).
    message
        What was just done, for people.
    updated
        Indices that are new since the last step (B-scans of the labels array).
    values
        Named figures of this step (loss, Dice).
    result
        The growing result that the task will return, where there is one. The task goes
        on writing into it; indices in `updated` are final.
    """

    done: int
    total: int
    message: str = ""
    updated: tuple[int, ...] = ()
    values: dict[str, float] = field(default_factory=dict)
    result: Any = None


def outcome(task: Generator[Progress, None, T]) -> T:
    """Run a long task to its end, silently; what it returns."""
    while True:
        try:
            next(task)
        except StopIteration as end:
            result: T = end.value
            return result


def part_of(
    task: Generator[Progress, None, T], name: str, before: int, total: int
) -> Generator[Progress, None, T]:
    """A long task as a part of a longer one.

    Parameters
    ----------
    task
        Closed with this generator.
    name
        Begins its messages.
    before, total
        Units of work done before it, and of the whole.
    """
    try:
        while True:
            try:
                step = next(task)
            except StopIteration as end:
                result: T = end.value
                return result
            yield Progress(before + step.done, total, f"{name}: {step.message}")
    finally:
        task.close()
