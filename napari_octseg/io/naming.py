"""Where the labels of many scans go: one file each, none written over another."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.errors import WriteError
from napari_octseg.io.napari_hooks import layer_name

if TYPE_CHECKING:
    from collections.abc import Sequence


def label_targets(
    scans: Sequence[Path], folder: Path, ending: str
) -> list[tuple[Path, Path]]:
    """A file for the labels of each scan, named after it.

    Parameters
    ----------
    scans
        Files and folders; one that is given twice counts once.
    folder
        Where the labels go.
    ending
        What follows the name of the scan: ``_octid-unet.tif``.

    Returns
    -------
    Each scan with its target. Scans of one name also get that of the folder they lie
    in: ``left/scan.vol`` becomes ``left_scan…`` beside ``right_scan…``.

    Raises
    ------
    WriteError
        If two scans would still share a target, or a target is itself a scan.
    """
    # Not resolved: the name of a link is the one its owner chose.
    whole = list(dict.fromkeys(Path(os.path.abspath(scan)) for scan in scans))
    same_name: defaultdict[str, list[Path]] = defaultdict(list)
    for scan in whole:
        same_name[_key(layer_name(scan))].append(scan)
    targets: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for scan in whole:
        name = layer_name(scan)
        if len(same_name[_key(name)]) > 1:
            name = f"{scan.parent.name}_{name}"
        target = folder / f"{name}{ending}"
        other = taken.setdefault(_key(target.name), scan)
        if other != scan:
            raise WriteError(
                f"The labels of {other} and of {scan} would both be {target.name}",
                todo="rename one of the scans, or give each another folder with --out",
            )
        if Path(os.path.abspath(target)) in whole:
            raise WriteError(
                f"The labels of {scan} would replace the scan {target}",
                todo="give another folder with --out",
            )
        targets[scan] = target
    return list(targets.items())


def _key(name: str) -> str:
    """Names that are one file on some disks are equal here."""
    return name.casefold()
