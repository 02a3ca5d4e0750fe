"""Text that stands out in the dark and in the light theme; sentences."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_octseg.engine.finetuning.status import Trouble
    from napari_octseg.errors import OctsegError

_RED = "#e5484d"
_AMBER = "#d9822b"


def red(text: str) -> str:
    """Rich text for what is wrong or unknown."""
    return f'<b style="color:{_RED}">{escape(text)}</b>'


def amber(text: str) -> str:
    """Rich text for what should be checked."""
    return f'<span style="color:{_AMBER}">{escape(text)}</span>'


def stopped(text: str) -> str:
    """A text with a full stop last; the name of a file stays as it is at its start."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def sentence(text: str) -> str:
    """A text with a capital first and a full stop last."""
    return stopped(text[:1].upper() + text[1:])


def trouble_text(trouble: Trouble | OctsegError) -> str:
    """Rich text for what went wrong and what to do, where a message is too much."""
    todo = f" {sentence(trouble.todo)}" if trouble.todo else ""
    return f"{red(stopped(trouble.got))}{escape(todo)}"
