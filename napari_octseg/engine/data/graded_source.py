"""Ground truth as a source: the graded B-scans of a data set, each with its weights."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.engine.data.labelled_images import Labelled
from napari_octseg.engine.data.places import data_set_of
from napari_octseg.engine.data.source import BlocksHeldOut
from napari_octseg.engine.data.split import Entry, check_names
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import Input
    from napari_octseg.engine.data.source import Block, Source
    from napari_octseg.groundtruth.graded_scan import GradedScan


def graded_entries(source: Source, root: Path) -> list[Entry]:
    """The graded B-scans of a data set that are trained on or held out.

    Parameters
    ----------
    source
        Names the data set, the versions of its scans and what is held out. B-scans in
        the gap beside a held-out block are left out.
    root
        Root of the data folders; the folder of the source may be absolute.

    Returns
    -------
    Entries ``scan/index``, B-scans of a scan one after the other.

    Raises
    ------
    ReadError
        If there is no such data set, scan or version, or it is damaged.
    RecipeError
        If a name to hold out or to exclude is of none.
    """
    data_set = data_set_of(source, root)
    scans = {entry.name: entry.patient for entry in data_set.scans()}
    check_names(source, "exclude", source.exclude, set(scans))
    rule = source.validation
    blocks = rule.blocks if isinstance(rule, BlocksHeldOut) else ()
    named = {str(one) for one in rule} if isinstance(rule, tuple) else set()
    check_names(source, "validation", named, {*scans, *scans.values()})
    check_names(source, "validation", {b.scan for b in blocks}, set(scans))
    check_names(source, "versions", set(source.versions), set(scans))
    entries = []
    for name, patient in scans.items():
        # With versions of its own, scans that came later are not of this recipe.
        if name in source.exclude or (source.versions and name not in source.versions):
            continue
        own = [block for block in blocks if block.scan == name]
        for index in data_set.graded_bscans(name, source.versions.get(name)):
            held_out = name in named or patient in named
            side = held_out if not own else _side_of(index, own)
            if side is not None:
                entries.append(Entry(f"{name}/{index}", None, patient, side))
    return entries


def _side_of(index: int, blocks: Sequence[Block]) -> bool | None:
    """Whether a B-scan is held out; None if it is on neither side."""
    if any(block.first <= index <= block.last for block in blocks):
        return True
    beside = any(b.first - b.gap <= index <= b.last + b.gap for b in blocks)
    return None if beside else False


def scan_and_index(name: str) -> tuple[str, int]:
    """Scan and number of a B-scan of ground truth, from its name."""
    scan, _, index = name.rpartition("/")
    return scan, int(index)


def read_graded(
    source: Source,
    entries: Sequence[Entry],
    root: Path,
    spec: Input,
    *,
    only_held_out: bool = False,
) -> Iterator[Labelled]:
    """The graded B-scans of a data set, with the volumes that they are from.

    Parameters
    ----------
    source, root
        As for `graded_entries`.
    entries
        The B-scans, as `list_source` gives them.
    spec
        Input section of the recipe.
    only_held_out
        Read only scans with B-scans that are held out.

    Raises
    ------
    ReadError
        If a scan is damaged.
    RecipeError
        If the model takes en-face images, and a scan has several B-scans.
    """
    data_set = data_set_of(source, root)
    wanted = [entry for entry in entries if entry.held_out or not only_held_out]
    for name, own in groupby(wanted, key=lambda entry: scan_and_index(entry.name)[0]):
        scan = data_set.read(name, source.versions.get(name))
        if spec.plane == "enface" and scan.volume.n_bscans > 1:
            raise RecipeError(
                f"The scan {name} of {source.name!r} has {scan.volume.n_bscans} "
                "B-scans, the model takes en-face images",
                allowed="en-face images, each a scan of its own",
                todo="fine-tune a model for B-scans",
            )
        for entry in own:
            _, index = scan_and_index(entry.name)
            labels = scan.labels[index]
            yield Labelled(
                entry.name,
                entry,
                scan.volume,
                index,
                labels,
                np.zeros(labels.shape, bool),
                column_weights(scan, index, source.human_weight),
            )


def column_weights(
    scan: GradedScan, index: int, human_weight: float
) -> NDArray[np.float32] | None:
    """How much each column of a B-scan counts, (width,); None if all count 1.

    Parameters
    ----------
    scan
        With provenance, or without: then nobody's columns are known.
    index
        B-scan.
    human_weight
        Of the columns that a person drew; the others count 1.
    """
    if scan.provenance is None or human_weight == 1:
        return None
    human = scan.provenance.human_columns[index]
    return np.where(human, human_weight, 1).astype(np.float32)
