"""Which ground truth is held out to measure on: patients, or else blocks of B-scans."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.engine.data.source import Block, BlocksHeldOut
from napari_octseg.errors import RecipeError
from napari_octseg.groundtruth.split import TRAIN, VALIDATION, proposed_split
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHARE = 0.2
"""Of the B-scans of a scan that are held out, where there is one patient alone."""

_GAP_UM = 100.0
"""B-scans nearer to each other show nearly the same tissue."""

_FEWEST = 3
"""B-scans; of fewer, none can be spared."""


@dataclass(frozen=True)
class GradedOf:
    """The graded B-scans of a scan.

    Parameters
    ----------
    name, patient
        Of the scan.
    bscans
        Graded B-scans, in order.
    version
        Number of the version of its labels.
    device
        It was made with; empty if unknown.
    between_um
        Distance of neighbouring B-scans in µm, None if unknown.
    trained_on
        B-scans that the model or one of its ancestors was trained on already.
    """

    name: str
    patient: str
    bscans: tuple[int, ...]
    version: int = 1
    device: str = ""
    between_um: float | None = None
    trained_on: frozenset[int] = frozenset()


@dataclass(frozen=True)
class HoldOut:
    """What is held out, as `Source.validation`, and why so, for people."""

    validation: tuple[str, ...] | BlocksHeldOut
    text: str


def choose_hold_out(
    scans: Sequence[GradedOf],
    decided: Mapping[str, str],
    *,
    n_neighbours: int = 0,
    all_known: bool = True,
) -> HoldOut:
    """Hold out whole patients; of one patient alone blocks of B-scans, with a gap.

    What the model was trained on before is never held out: figures on it would mean
    nothing.

    Parameters
    ----------
    scans
        All scans with graded B-scans.
    decided
        Side of each patient that was decided on.
    n_neighbours
        B-scans on each side that the model sees beside one.
    all_known
        Whether it is known of all data what the model was trained on; otherwise the
        text does not say that it was not trained on what is held out.

    Raises
    ------
    RecipeError
        If all patients are held out, or one of them was trained on.
    """
    patients = sorted({scan.patient for scan in scans})
    known = {scan.patient for scan in scans if scan.trained_on}
    sides = {p: side for p, side in decided.items() if p in patients}
    sides = proposed_split(
        patients, {**{p: TRAIN for p in known if p not in sides}, **sides}
    )
    held_out = tuple(p for p in patients if sides[p] == VALIDATION)
    if not held_out:
        return _by_blocks(scans, len(patients), n_neighbours, all_known)
    if len(held_out) == len(patients):
        raise RecipeError(
            f"All patients of the data set are held out: {', '.join(held_out)}",
            todo="put some of them on the training side of the split",
        )
    spoilt = [p for p in held_out if p in known]
    if spoilt:
        raise RecipeError(
            f"The model was trained on {', '.join(spoilt)}, whom the split holds out",
            allowed="held-out patients that the model has not seen",
            todo="start from an earlier model, or put them on the training side",
        )
    n = sum(len(scan.bscans) for scan in scans if scan.patient in held_out)
    return HoldOut(
        held_out,
        f"{len(held_out)} of {len(patients)} patients{_unseen(all_known)} "
        f"({', '.join(held_out)}: {counted(n, 'B-scan')})",
    )


def _by_blocks(
    scans: Sequence[GradedOf], n_patients: int, n_neighbours: int, all_known: bool
) -> HoldOut:
    blocks = []
    for scan in scans:
        n = round(SHARE * len(scan.bscans))
        block = _block_of(scan, n, n_neighbours) if n else None
        blocks += [block] if block else []
    if not blocks:
        longest = sorted(scans, key=lambda scan: -len(scan.bscans))
        found = (_block_of(scan, 1, n_neighbours) for scan in longest)
        blocks = [block for block in found if block][:1]
    whose = "one patient" if n_patients == 1 else f"{n_patients} patients"
    if not blocks or not _is_worth_it(scans, blocks):
        n = sum(len(scan.bscans) for scan in scans)
        return HoldOut(
            (),
            f"nothing of yours: of {counted(n, 'B-scan')} of {whose} none can be "
            "spared. How good the model gets on such scans will not be known; correct "
            "B-scans further apart, or of another patient",
        )
    n = sum(
        block.first <= index <= block.last
        for scan in scans
        for block in blocks
        if block.scan == scan.name
        for index in scan.bscans
    )
    spans = ", ".join(_span(block) for block in blocks)
    reason = (
        "all are of one patient, so figures say how good it is there, not on others"
        if n_patients == 1
        else "the split holds no patient out"
    )
    if len({scan.patient for scan in scans}) < len(scans):
        reason += (
            "; other scans of the same eye may show the same place, and are trained on"
        )
    return HoldOut(
        BlocksHeldOut(blocks=tuple(blocks)),
        f"{counted(n, 'B-scan')}{_unseen(all_known)} ({spans}), with a gap to those "
        f"that are trained on: {reason}",
    )


def _block_of(scan: GradedOf, n: int, n_neighbours: int) -> Block | None:
    """The block of `n` graded B-scans that costs the training least, or None."""
    gap = 1 + n_neighbours
    if scan.between_um:
        gap = max(gap, math.floor(_GAP_UM / scan.between_um))
    found = []
    for start in range(len(scan.bscans) - n + 1):
        first, last = scan.bscans[start], scan.bscans[start + n - 1]
        block = Block(scan=scan.name, first=first, last=last, gap=gap)
        near = _near(block)
        if any(index in near for index in scan.trained_on):
            continue
        n_left = sum(index not in near for index in scan.bscans)
        # Neither at the edge of the scan nor in its middle, where the fovea is.
        place = abs((start + (n - 1) / 2) / max(len(scan.bscans) - 1, 1) - 0.25)
        found.append((-n_left, place, start, block))
    return min(found, key=lambda one: one[:3])[3] if found else None


def _is_worth_it(scans: Sequence[GradedOf], blocks: Sequence[Block]) -> bool:
    """Whether at least half of the B-scans stay to train on."""
    by_scan = {block.scan: block for block in blocks}
    n = n_left = 0
    for scan in scans:
        block = by_scan.get(scan.name)
        near = _near(block) if block else range(0)
        n += len(scan.bscans)
        n_left += sum(index not in near for index in scan.bscans)
    return n >= _FEWEST and 2 * n_left >= n


def _near(block: Block) -> range:
    """The B-scans of a block and of its gap: none of them is trained on."""
    return range(block.first - block.gap, block.last + block.gap + 1)


def _span(block: Block) -> str:
    if block.first == block.last:
        return f"{block.scan}: {block.first}"
    return f"{block.scan}: {block.first} to {block.last}"


def _unseen(all_known: bool) -> str:
    return ", not trained on" if all_known else ""
