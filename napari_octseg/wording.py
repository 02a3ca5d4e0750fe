"""Words for people that more than one room needs."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """`1 B-scan`, `3 B-scans`: so many of a noun whose plural ends in s."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
