"""Edits on their way into the journal: none is lost while it cannot be written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import EditError, JournalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_octseg.editing.journal import Journal
    from napari_octseg.editing.patch import Patch

logger = logging.getLogger(__name__)

_CHECKPOINT_EVERY = 250  # edits


class JournalQueue:
    """Writes edits in the order in which they were made, now or as soon as it can.

    Parameters
    ----------
    journal
        Where to.
    grader
        Who makes them.
    """

    def __init__(self, journal: Journal, grader: str) -> None:
        self._journal = journal
        self._grader = grader
        self._facts: dict[str, object] = {}
        self._edits: list[tuple[str, Sequence[Patch], int | None]] = []
        self._n_since_checkpoint = 0

    def __len__(self) -> int:
        """Edits that could not be written yet."""
        return len(self._edits)

    @property
    def wants_checkpoint(self) -> bool:
        """Whether many edits were written since the last checkpoint."""
        return self._n_since_checkpoint >= _CHECKPOINT_EVERY

    def note(self, key: str, value: object) -> None:
        """Keep a fact, as JSON, with the next edit and before it."""
        self._facts[key] = value

    def add(
        self, tool: str, patches: Sequence[Patch], edit: int | None = None
    ) -> int | None:
        """Write an edit, and before it those that could not be written.

        Parameters and errors are those of `Journal.write`. After a `JournalError` the
        edit is kept.
        """
        self._edits.append((tool, patches, edit))
        return self.flush()

    def flush(self) -> int | None:
        """Write what could not be written before.

        Returns
        -------
        Number of the last edit in the journal; None if there was none.

        Raises
        ------
        JournalError
            If it still cannot be written; it is kept.
        EditError
            If no journal can take an edit; it is dropped, as it would hold up all.
        """
        number = None
        while self._edits:
            tool, patches, edit = self._edits[0]
            try:
                self._keep_facts()
                number = self._journal.write(tool, self._grader, patches, edit=edit)
            except EditError:
                del self._edits[0]
                raise
            del self._edits[0]
            self._n_since_checkpoint += 1
        return number

    def checkpoint(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Shorten the next opening; without it nothing is lost.

        `arrays` are as `Journal.checkpoint` wants them.
        """
        try:
            self._journal.checkpoint(arrays)
        except JournalError:
            logger.warning("no checkpoint was kept", exc_info=True)
        self._n_since_checkpoint = 0

    def _keep_facts(self) -> None:
        for key in [*self._facts]:
            self._journal.keep(key, self._facts[key])
            del self._facts[key]
