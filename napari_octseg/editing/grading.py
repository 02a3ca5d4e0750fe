"""What a grader works on: labels and boundaries of one scan, with their journal."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
from psygnal import Signal

from napari_octseg.boundaries import boundary_names
from napari_octseg.editing.identity import journal_path
from napari_octseg.editing.journal import Journal
from napari_octseg.editing.journal_queue import JournalQueue
from napari_octseg.editing.open_edit import OpenEdit
from napari_octseg.editing.patch import patches_between
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError
from napari_octseg.groundtruth.scan_hash import scan_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from napari_octseg.editing.patch import Patch
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

_ORIGINS = ("nobody", "human", "propagated", "interpolated")
"""Where the labels of a column come from; models are added by name and version."""

_MOST_ORIGINS = 256


@dataclass(frozen=True)
class Change:
    """What changed: B-scans, and the arrays (or ``"journal"``) by name."""

    bscans: tuple[int, ...]
    targets: frozenset[str]


class Grading:
    """Labels, boundaries, origins and review states of a scan, all journalled.

    Parameters
    ----------
    volume
        The scan.
    label_set
        Classes of the labels.
    layers
        Class indices of the layers, top to bottom; empty if there are only findings.
    journal
        Open journal of this scan and label set; its edits are replayed.
    grader
        Who edits, by the name of the account if not given.

    Attributes
    ----------
    labels
        (n_bscans, depth, width) uint8, edited in place.
    heights, predicted
        (n_boundaries, n_bscans, width) float32, px from the top, NaN absent: now, and
        as a model last told them.
    origins
        (n_bscans, width) uint8, indices into `origin_names`.
    states
        (n_bscans,) uint8, `ReviewState`.
    locked_classes
        Class indices that no tool may take away or give.
    """

    changed = Signal(Change)

    def __init__(
        self,
        volume: OCTVolume,
        label_set: LabelSet,
        layers: Sequence[int],
        journal: Journal,
        *,
        grader: str | None = None,
    ) -> None:
        self.volume = volume
        self.label_set = label_set
        self.layers = tuple(layers)
        self.grader = grader or getpass.getuser()
        names = tuple(label_set.names[i] for i in self.layers)
        self.boundary_names = boundary_names(names) if names else ()
        n_bscans, depth, width = volume.shape
        n_boundaries = len(self.boundary_names)
        self.labels = np.zeros((n_bscans, depth, width), np.uint8)
        self.heights = np.full((n_boundaries, n_bscans, width), np.nan, np.float32)
        self.predicted = self.heights.copy()
        self.origins = np.zeros((n_bscans, width), np.uint8)
        self.states = np.zeros(n_bscans, np.uint8)
        self.locked_classes: set[int] = set()
        self._journal = journal
        self._queue = JournalQueue(journal, self.grader)
        # Edits that are not in the journal yet, by B-scan; those forgotten fall out.
        self._under_way: WeakValueDictionary[int, OpenEdit] = WeakValueDictionary()
        kept = journal.kept("origin_names")
        self.origin_names = list(kept) if isinstance(kept, list) else list(_ORIGINS)
        journal.replay(self.arrays)

    @classmethod
    def open(
        cls,
        volume: OCTVolume,
        label_set: LabelSet,
        layers: Sequence[str] = (),
        *,
        path: Path | None = None,
        grader: str | None = None,
    ) -> Self:
        """Begin, or resume where the journal of this scan and label set ends.

        Parameters
        ----------
        volume, label_set, grader
            As above.
        layers
            Names of the layers, top to bottom.
        path
            File of the journal; in the user's data folder if not given.

        Raises
        ------
        JournalError
            If it is open in another window, cannot be written, or is damaged.
        """
        scan = scan_hash(volume)
        journal = Journal.open(
            path or journal_path(volume, label_set, scan=scan),
            scan=scan,
            label_set=label_set,
            layers=tuple(layers),
            shape=volume.shape,
        )
        try:
            indices = [label_set.index(name) for name in layers]
            return cls(volume, label_set, indices, journal, grader=grader)
        except BaseException:
            # Nobody could open it again before this process ends.
            journal.close()
            raise

    @property
    def journal(self) -> Journal:
        """The journal that every edit is written to."""
        return self._journal

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The arrays that edits change, by name."""
        return {
            "labels": self.labels,
            "heights": self.heights,
            "origins": self.origins,
            "states": self.states,
            "predicted": self.predicted,
        }

    @property
    def locked_boundaries(self) -> tuple[int, ...]:
        """Boundaries of locked layers."""
        held = [i for i, c in enumerate(self.layers) if c in self.locked_classes]
        return tuple(sorted({*held, *(i + 1 for i in held)}))

    @property
    def n_unwritten(self) -> int:
        """Edits that could not be written to the journal yet."""
        return len(self._queue)

    def origin_code(self, name: str) -> int:
        """Code of an origin in `origins`; a new one is added.

        Raises
        ------
        EditError
            If there are as many as `origins` can tell apart.
        """
        if name not in self.origin_names:
            if len(self.origin_names) == _MOST_ORIGINS:
                raise EditError(
                    f"{name!r} is one model or file too many for one scan",
                    allowed=f"{_MOST_ORIGINS} origins of labels",
                    todo="export these labels, and go on in a journal of its own",
                )
            self.origin_names.append(name)
            self._queue.note("origin_names", self.origin_names)
        return self.origin_names.index(name)

    def check_open(self, bscan: int) -> None:
        """Refuse edits of B-scans that are finished.

        Raises
        ------
        EditError
            If the B-scan is reviewed, excluded, or not there.
        """
        if not 0 <= bscan < len(self.states):
            raise EditError(f"B-scan {bscan}", allowed=f"0 to {len(self.states) - 1}")
        state = ReviewState(int(self.states[bscan]))
        if not state.is_open:
            raise EditError(
                f"B-scan {bscan} is {state.name.lower()} and therefore locked",
                todo="unlock it with R before editing it",
            )

    def begin(self, tool: str, *, origin: str = "human") -> OpenEdit:
        """Begin an edit.

        Parameters
        ----------
        tool
            Its name, as undo shows it.
        origin
            What its columns come from: ``"human"``, ``"propagated"``,
            ``"interpolated"``, or a model with its version.

        Raises
        ------
        EditError
            If there are too many origins already.
        """
        self.origin_code(origin)
        return OpenEdit(self, tool, origin)

    def hold(self, bscan: int, edit: OpenEdit) -> None:
        """Note that an edit is changing a B-scan, until it lets go.

        Raises
        ------
        EditError
            If another one is: the journal could not tell them apart.
        """
        self.check_at_rest([bscan])
        self._under_way[bscan] = edit

    def check_at_rest(self, bscans: Iterable[int] | None = None) -> None:
        """Refuse what must not come amid an edit, of these or of all B-scans.

        Raises
        ------
        EditError
            If one of them is being edited.
        """
        for bscan in list(self._under_way) if bscans is None else bscans:
            if bscan in self._under_way:
                raise EditError(
                    f"{self._under_way[bscan].tool} is being used on B-scan {bscan}",
                    todo="end it, or cancel it with Esc",
                )

    def let_go(self, bscans: Iterable[int]) -> None:
        """Note that an edit was ended or forgotten."""
        for bscan in bscans:
            self._under_way.pop(bscan, None)

    def set_state(self, bscan: int, state: ReviewState, *, tool: str = "") -> None:
        """Review, exclude or reopen a B-scan; can be undone like an edit.

        Parameters
        ----------
        bscan
            Index of the B-scan.
        state
            Its state from now on.
        tool
            What undo and the journal call it; the name of the state by default.

        Raises
        ------
        EditError
            If the B-scan is being edited.
        JournalError
            If it cannot be written; it is kept, and written before the next edit.
        """
        self.check_at_rest([bscan])
        before = self.states[bscan : bscan + 1].copy()
        self.states[bscan] = state
        after = self.states[bscan : bscan + 1].copy()
        patch = patches_between("states", bscan, before, after)
        if patch is not None:
            try:
                self.write(tool or state.name.lower(), [patch])
            finally:
                self.tell([bscan], "states", "journal")

    def undo(self) -> str | None:
        """Take the last edit back; its tool, or None if there is none.

        Raises
        ------
        EditError
            If an edit is being made.
        JournalError
            If the journal cannot be written; nothing is undone then.
        """
        self.check_at_rest()
        self.flush()
        tool = self._journal.undo_tool
        patches = self._journal.undo()
        if patches is None:
            return None
        for patch in patches:
            patch.revert(self.arrays)
        self._tell_of(patches)
        return tool

    def redo(self) -> str | None:
        """Make the edit that was undone last again; its tool, or None.

        Raises the same errors as `undo`.
        """
        self.check_at_rest()
        self.flush()
        tool = self._journal.redo_tool
        patches = self._journal.redo()
        if patches is None:
            return None
        for patch in patches:
            patch.apply(self.arrays)
        self._tell_of(patches)
        return tool

    def write(
        self, tool: str, patches: Sequence[Patch], *, edit: int | None = None
    ) -> int | None:
        """Write an edit whose patches the arrays already hold.

        Returns
        -------
        Its number in the journal.

        Raises
        ------
        JournalError
            If it cannot be written; it is kept, and written before the next one.
        """
        number = self._queue.add(tool, patches, edit)
        if self._queue.wants_checkpoint:
            self._checkpoint()
        return number

    def flush(self) -> None:
        """Write edits that could not be written before.

        Raises
        ------
        JournalError
            If they still cannot be written; they are kept.
        """
        self._queue.flush()

    def add_seconds(self, bscan: int, seconds: float) -> None:
        """Count time that the grader spent on a B-scan."""
        self._journal.add_seconds(bscan, self.grader, seconds)

    def tell(self, bscans: Iterable[int], *targets: str) -> None:
        """Tell listeners what changed."""
        self.changed.emit(Change(tuple(bscans), frozenset(targets)))

    def close(self) -> None:
        """End edits that are being made, write what is left and close the journal.

        Raises
        ------
        JournalError
            If something cannot be written: it is lost then. `flush` tells before.
        """
        try:
            for edit in set(self._under_way.values()):
                edit.commit()
            self.flush()
            self._checkpoint()
        finally:
            self._journal.close()

    def _checkpoint(self) -> None:
        # During an edit the arrays hold what may yet be cancelled.
        if not self._under_way:
            self._queue.checkpoint(self.arrays)

    def _tell_of(self, patches: Sequence[Patch]) -> None:
        bscans = sorted({patch.bscan for patch in patches})
        self.tell(bscans, *(patch.target for patch in patches), "journal")
