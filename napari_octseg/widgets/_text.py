"""Text that stands out in the dark and in the light theme; numbers of things."""

from __future__ import annotations

from html import escape

_RED = "#e5484d"
_AMBER = "#d9822b"


def red(text: str) -> str:
    """Rich text for what is wrong or unknown."""
    return f'<b style="color:{_RED}">{escape(text)}</b>'


def amber(text: str) -> str:
    """Rich text for what should be checked."""
    return f'<span style="color:{_AMBER}">{escape(text)}</span>'


def counted(n: int, noun: str) -> str:
    """`1 B-scan`, `3 B-scans`: so many of a noun whose plural ends in s."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
