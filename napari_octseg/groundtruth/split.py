"""Which patients are trained on and which are held out: never both."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from napari_octseg.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TRAIN, VALIDATION = "train", "validation"
SIDES = (TRAIN, VALIDATION)
"""Sides of a split."""


def proposed_split(
    patients: Collection[str],
    decided: Mapping[str, str],
    fraction: float = 0.2,
    seed: int = 0,
) -> dict[str, str]:
    """Every patient on one side; those decided already stay where they are.

    A held-out patient that moved to the training side would make every older figure
    wrong. New patients are drawn by chance, the same for the same seed.

    Parameters
    ----------
    patients
        All patients.
    decided
        Side of those decided.
    fraction
        Of the patients, to be held out; at least one of two or more.
    seed
        Of the draw.

    Raises
    ------
    LabelError
        If the fraction is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise LabelError(
            f"A share of {fraction} to hold out", allowed="more than 0, less than 1"
        )
    split = {one: decided[one] for one in sorted(patients) if one in decided}
    new = sorted((_draw(one, seed), one) for one in set(patients) - set(split))
    n_wanted = max(1, round(fraction * len(patients))) if len(patients) > 1 else 0
    n_missing = max(0, n_wanted - list(split.values()).count(VALIDATION))
    if new and len(split) == n_wanted - n_missing:
        # Nobody is trained on yet: one of the new ones has to be.
        n_missing = min(n_missing, len(new) - 1)
    for place, (_, one) in enumerate(new):
        split[one] = VALIDATION if place < n_missing else TRAIN
    return dict(sorted(split.items()))


def check_split(split: Mapping[str, str], patients: Collection[str]) -> None:
    """Check a split.

    Raises
    ------
    LabelError
        If a patient is not there, or is on a side that there is not.
    """
    for patient, side in split.items():
        if patient not in patients:
            raise LabelError(
                f"No scan is of the patient {patient!r}",
                allowed=", ".join(sorted(patients)) or "no patient: there is no scan",
            )
        if side not in SIDES:
            raise LabelError(
                f"The side {side!r} of patient {patient}", allowed=" or ".join(SIDES)
            )


def _draw(patient: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {patient}".encode()).hexdigest()
