"""The errors a user can meet: what was got, what is allowed, what to do."""

from __future__ import annotations


class OctsegError(Exception):
    """Base of every error raised on purpose by napari-octseg.

    None of the children is a `RuntimeError`: Qt worker threads swallow those.

    Parameters
    ----------
    got
        What was found, in words of the person who gave it.
    allowed
        What would have been accepted.
    todo
        The next step that helps.
    """

    def __init__(self, got: str, *, allowed: str = "", todo: str = "") -> None:
        self.got = got
        self.allowed = allowed
        self.todo = todo
        parts = [got.rstrip(".")]
        if allowed:
            parts.append(f"Allowed: {allowed.rstrip('.')}")
        if todo:
            parts.append(f"What to do: {todo.rstrip('.')}")
        super().__init__(". ".join(parts) + ".")


class VolumeError(OctsegError):
    """An array or its description cannot be an OCT volume."""


class LabelError(OctsegError):
    """Labels, boundaries or label sets that do not fit together."""


class ReadError(OctsegError):
    """A file or folder that cannot be opened as OCT."""


class WriteError(OctsegError):
    """A result that cannot be written as asked."""


class CardError(OctsegError):
    """A model card that is missing, malformed or contradicts its weights."""


class ModelError(OctsegError):
    """A model that is unknown, broken or does not fit the input."""


class DeviceError(OctsegError):
    """A compute device that is not there or ran out of memory."""


class RecipeError(OctsegError):
    """A training recipe or data set that cannot be used."""


class TaskError(OctsegError):
    """A long task that failed for a reason of the library below it."""


class EditError(OctsegError):
    """A correction that is not possible here."""


class JournalError(OctsegError):
    """A journal of edits that cannot be opened or written."""
