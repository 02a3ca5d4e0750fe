"""What a long task says after each unit of work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
