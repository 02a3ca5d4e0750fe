"""Markdown tables of the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def actions(n: float, seconds: float) -> str:
    """Mean actions of a B-scan, and their seconds."""
    return f"{n:.1f} ({seconds:.0f} s)"


def times_fewer(many: float, few: float) -> str:
    """By which factor there are fewer."""
    if not many:
        return "–"
    return f"{many / few:.1f} ×" if few else "none left"


def percent(share: float) -> str:
    """A share as it is said."""
    return f"{100 * share:.0f} %"
