"""Small data sets of ground truth: the striped pictures, as volumes that are graded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import HUMAN, GradedScan, Provenance
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume
from tests.conftest import striped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLASSES = LabelSet.of("background", "RNFL", "GCIPL")


def graded_scan(
    patient: str,
    graded: Sequence[int],
    *,
    n_bscans: int | None = None,
    label_set: LabelSet = CLASSES,
    codes: Sequence[int] = (0, 1, 2),
    spacing_um: tuple[float | None, float | None, float | None] = (None,) * 3,
    human: slice | None = None,
    first_seed: int = 100,
) -> GradedScan:
    """A scan of dark stripes on bright ground; what a model of bright ones cannot know.

    Parameters
    ----------
    patient
        Begins its name, too.
    graded
        B-scans with labels; all others are not graded.
    n_bscans
        Of the scan; up to the last graded one by default.
    label_set, codes
        Classes, and what the three kinds of stripes are called.
    human
        Columns that a person drew; None: nobody knows.
    """
    n = n_bscans or max(graded) + 1
    pairs = [striped(first_seed + index) for index in range(n)]
    pixels = np.stack([235 - image for image, _ in pairs]).astype(np.uint8)
    labels = np.full(pixels.shape, IGNORE, np.uint8)
    for index in graded:
        labels[index] = np.array(codes, np.uint8)[pairs[index][1]]
    provenance = None
    if human is not None:
        origins = np.zeros((n, pixels.shape[2]), np.uint8)
        origins[:, human] = 1
        provenance = Provenance(
            states=("reviewed",) * n,
            accepted=(False,) * n,
            graders=("G-1",) * n,
            seconds=(0.0,) * n,
            edit_um=(None,) * n,
            origins=origins,
            origin_names=("parent 1", HUMAN),
        )
    return GradedScan(
        f"{patient}-a",
        patient,
        OCTVolume(pixels, spacing_um=spacing_um),
        labels,
        label_set,
        provenance=provenance,
    )


def graded_set(folder: Path, *scans: GradedScan, name: str = "mine") -> DataSet:
    """A data set of scans that have the same classes."""
    data_set = DataSet.create(folder, name, scans[0].label_set)
    for scan in scans:
        data_set.add(scan)
    return data_set


def four_patients(folder: Path) -> DataSet:
    """Two graded B-scans of each; the fourth patient is held out."""
    scans = [graded_scan(f"P{n}", [0, 3], first_seed=100 + 10 * n) for n in range(4)]
    data_set = graded_set(folder, *scans)
    sides = ("train", "train", "train", "validation")
    data_set.set_split({f"P{n}": side for n, side in enumerate(sides)})
    return data_set
