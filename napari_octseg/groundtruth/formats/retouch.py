"""The MetaImage pairs of RETOUCH: ``oct.mhd`` and ``reference.mhd`` per scan.

Bogunović et al., IEEE Trans. Med. Imaging 38(8):1858-1874, 2019. ``ElementSpacing`` is
(lateral, axial, between B-scans) in mm, pixels keep their type (Spectralis: ushort),
the reference is uchar: 0 background, 1 IRF, 2 SRF, 3 PED; 255 is ours, not graded.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.exporting import export_folder
from napari_octseg.groundtruth.formats.importing import scan_of_others
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.io import read_volume
from napari_octseg.io.itk_images import RETOUCH_CLASSES
from napari_octseg.io.save import save_labels, save_volume
from napari_octseg.labels import IGNORE, canonical_name, remap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan

_SCAN, _REFERENCE = "oct.mhd", "reference.mhd"
_OF_ANY_KIND = "fluid"
_FLUIDS = RETOUCH_CLASSES.names[1:]


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write one folder ``SCAN/`` with the pair per scan, in a new folder.

    Raises
    ------
    WriteError
        As `export_folder`; or if a label set has no fluid.
    """
    return export_folder(target, "retouch", [as_fluids(s) for s in scans], _write_scan)


def as_fluids(scan: GradedScan) -> GradedScan:
    """The scan with the label set of RETOUCH.

    Other classes are its background, except ``fluid`` of any kind: nobody has told
    which of the three it is, so that is not graded.

    Raises
    ------
    WriteError
        If the label set has neither IRF nor SRF nor PED.
    """
    names = [canonical_name(name) for name in scan.label_set.names]
    if not set(names) & set(_FLUIDS):
        raise WriteError(
            f"{scan.name} has the classes {', '.join(scan.label_set.names)}",
            allowed=f"label sets with {', '.join(_FLUIDS)} or some of them",
            todo="map a class onto one of these, or export to a format that keeps all "
            "classes, such as nifti",
        )
    mapping = {
        index: RETOUCH_CLASSES.index(name) if name in _FLUIDS else 0
        for index, name in enumerate(names)
        if name != _OF_ANY_KIND
    }
    return replace(
        scan,
        labels=remap(scan.labels, {**mapping, IGNORE: IGNORE}),
        label_set=RETOUCH_CLASSES,
        layers=(),
        boundaries=None,
    )


def _write_scan(scan: GradedScan, folder: Path) -> None:
    own = folder / scan.name
    own.mkdir()
    save_volume(scan.volume, own / _SCAN)
    save_labels(scan.labels, own / _REFERENCE, scan.volume, scan.label_set)


def read(path: Path) -> list[GradedScan]:
    """Read RETOUCH pairs.

    Parameters
    ----------
    path
        One file of a pair, folder of one scan, or folder with one such folder per
        scan. Without a sidecar
        each scan is taken for a patient of its own, as in the challenge.

    Raises
    ------
    ReadError
        If there is no pair, or one of them is broken.
    """
    path = path.parent if path.name in (_SCAN, _REFERENCE) else path
    folders = [path] if (path / _SCAN).is_file() else _folders_of_scans(path)
    if not folders:
        raise ReadError(
            f"{path} has no {_SCAN}",
            allowed=f"a folder with {_SCAN} and {_REFERENCE}, or a folder of these",
        )
    sidecar = read_sidecar(folders[0].parent)
    scans = []
    for folder in folders:
        volume = read_volume(folder, lazy_bytes=sys.maxsize)
        if volume.labels is None or volume.label_set is None:
            raise ReadError(
                f"{folder} has no {_REFERENCE}",
                todo="add its labels, or remove the scan",
            )
        scan = scan_of_others(folder.name, volume, volume.labels, volume.label_set)
        scans.append(sidecar.completed(scan))
    return scans


def _folders_of_scans(path: Path) -> list[Path]:
    return sorted(p.parent for p in path.glob(f"*/{_SCAN}") if p.parent.name[0] != ".")


FORMAT = ExchangeFormat(
    name="retouch",
    title="RETOUCH MetaImage",
    what="oct.mhd and reference.mhd per scan with spacing: for the tools of the "
    "RETOUCH challenge, SimpleITK, 3D Slicer.",
    write=write,
    read=read,
    read_labels_for=None,
    suffixes=(".mhd",),
    loses="All classes but IRF, SRF and PED become background; boundaries are not "
    "kept.",
)
