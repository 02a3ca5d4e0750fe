"""What of the open correction is ground truth, in rows and sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.editing.review import ReviewState, count_states
from napari_octseg.widgets._text import amber
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from napari_octseg.editing.grading import Grading
    from napari_octseg.editing.harvest import Harvest

NOTHING_OPEN = (
    "Open a correction on the Correct tab: what you correct or mark as reviewed there "
    "can be added to the data set here."
)
_NOTHING_IN_IT = (
    "Nothing to add yet: only B-scans that you have corrected or marked as reviewed "
    "become ground truth."
)
_MOST_LEFT_OUT = 3
_ORDER = (
    ReviewState.REVIEWED,
    ReviewState.CORRECTED,
    ReviewState.PREDICTED,
    ReviewState.UNSEEN,
    ReviewState.EXCLUDED,
)


@dataclass(frozen=True)
class StateRow:
    """B-scans in one review state: how many there are, and how many are added.

    `share` is the part of their columns that is added, 0…1.
    """

    state: ReviewState
    n_bscans: int
    n_added: int
    share: float


def state_rows(grading: Grading, found: Harvest) -> list[StateRow]:
    """One row per review state that occurs, those that are added first."""
    counts = count_states(grading.states)
    rows = []
    for state in _ORDER:
        inside = [b for b in found.bscans if grading.states[b] == state]
        share = float(found.columns[inside].mean()) if inside else 0.0
        if counts[state]:
            rows.append(StateRow(state, counts[state], len(inside), share))
    return rows


def harvest_text(found: Harvest) -> str:
    """How many B-scans are added, and which are not against expectation; rich text."""
    n, n_accepted = len(found.bscans), sum(found.accepted)
    if not n:
        lines = [_NOTHING_IN_IT]
    else:
        lines = [f"<b>{counted(n, 'B-scan')}</b> to add"]
        lines[0] += f", {n_accepted} of them accepted as is." if n_accepted else "."
    by_reason: dict[str, list[int]] = {}
    for bscan, reason in found.left_out.items():
        by_reason.setdefault(reason, []).append(bscan)
    for reason, bscans in by_reason.items():
        shown = ", ".join(map(str, bscans[:_MOST_LEFT_OUT]))
        more = " …" if len(bscans) > _MOST_LEFT_OUT else ""
        stay = "B-scan {} stays out" if len(bscans) == 1 else "B-scans {} stay out"
        lines.append(amber(f"{stay.format(shown + more)}: {reason}."))
    return "<br>".join(lines)


def added_cell(row: StateRow) -> str:
    """`3`, `2 (31 %)` where only some columns are added, or a dash."""
    if not row.n_added:
        return "–"
    if round(100 * row.share) >= 100:
        return str(row.n_added)
    return f"{row.n_added} ({_percent(row.share)})"


def _percent(share: float) -> str:
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"
