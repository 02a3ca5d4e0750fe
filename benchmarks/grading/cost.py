"""What a grader's actions cost: how many, and how many seconds.

One action is what a person decides on and does once: a click, a drag from press to
release, a key. Seconds follow the keystroke-level model (Card, Moran and Newell,
*The keystroke-level model for user performance time with interactive systems*, Commun.
ACM 23(7):396-410, 1980): one mental preparation for each action, then its parts.

| part | seconds |
|---|---|
| mental preparation, once per action | 1.35 |
| pointing, to the place of a click or to the start of a drag | 1.1 |
| click | 0.2 |
| drag, besides its length: press, steady, release | 1.1 |
| drag that follows an edge, 100 px of the B-scan | 1.95 |
| drag that fills, 100 px of the B-scan | 0.25 |
| key, or notch of the mouse wheel | 0.28 |

Following an edge is as slow as the steering law says (Accot and Zhai, *Beyond Fitts'
law: models for trajectory-based HCI tasks*, CHI 1997: 78 ms for each width of the
corridor), in a corridor of 4 px, which is what a hand with a standard deviation of 1 px
keeps to. Keys and notches that go with a click or a drag (the class, the size of the
brush, the tolerance) cost seconds but are no actions of their own. Drags are bounded in
length (`EDGE_STROKE_PX`, `FILL_STROKE_PX`), since nobody follows an edge over a whole
B-scan without letting go: at the magnification at which one pixel can be hit, four
screen pixels or more, 100 px are about ten centimetres.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MENTAL_S = 1.35
POINT_S = 1.1
CLICK_S = 0.2
DRAG_S = 1.1
KEY_S = 0.28
EDGE_PX_PER_S = 4 / 0.078
FILL_PX_PER_S = 400.0

EDGE_STROKE_PX = 100.0
"""Longest drag that follows an edge, px of the B-scan."""

FILL_STROKE_PX = 400.0
"""Longest drag that only fills."""


@dataclass
class Tally:
    """Actions so far, by the name of the tool, and their seconds."""

    seconds: float = 0.0
    by_tool: Counter[str] = field(default_factory=Counter)

    @property
    def actions(self) -> int:
        """All actions."""
        return self.by_tool.total()

    def click(self, tool: str, *, keys: int = 0) -> None:
        """A click, with keys or notches that go with it."""
        self._count(tool, POINT_S + CLICK_S, keys)

    def drag(
        self, tool: str, length_px: float, *, keys: int = 0, fills: bool = False
    ) -> None:
        """A drag along an edge, or one that fills, from press to release."""
        speed = FILL_PX_PER_S if fills else EDGE_PX_PER_S
        self._count(tool, POINT_S + DRAG_S + length_px / speed, keys)

    def key(self, tool: str) -> None:
        """A key that does something by itself."""
        self._count(tool, 0.0, 1)

    def add(self, other: Tally) -> None:
        """Count those of another tally too."""
        self.seconds += other.seconds
        self.by_tool.update(other.by_tool)

    def _count(self, tool: str, seconds: float, keys: int) -> None:
        self.by_tool[tool] += 1
        self.seconds += MENTAL_S + seconds + keys * KEY_S
