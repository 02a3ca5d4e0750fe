"""PNG pictures: one per B-scan, with indexed label pictures and a code table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.code_table import (
    highest_code,
    read_code_table,
    write_code_table,
)
from napari_octseg.groundtruth.formats.exporting import export_folder, one_label_set
from napari_octseg.groundtruth.formats.importing import (
    existing_folder,
    scan_of_others,
    shared_patient,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.io.boundary_files import load_boundaries, save_boundaries
from napari_octseg.io.format import ReadOptions
from napari_octseg.io.image_writers import write_png_labels
from napari_octseg.io.label_files import read_labels
from napari_octseg.io.pictures import picture_files, read_stack
from napari_octseg.labels import IGNORE
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.formats.sidecar import Sidecar
    from napari_octseg.groundtruth.graded_scan import GradedScan

IMAGES, LABELS, BOUNDARIES = "images", "labels", "boundaries"
_INDEX = "index.csv"
_TOP = 65535
_AS_SHOWN = (
    "PNG holds no fractions: float32 pixels of {} were written as 16-bit grey, each "
    "B-scan as it is shown."
)


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write PNG pictures as a new folder.

    ``images/SCAN/000.png`` (8 or 16 bit), ``labels/SCAN/000.png`` of graded B-scans
    (class index with palette, 255 = not graded), ``boundaries/SCAN.npz``,
    ``classes.json``, and ``index.csv`` with one row per B-scan.

    Raises
    ------
    WriteError
        As `export_folder`; or if the scans have several label sets.
    """
    label_set = one_label_set(scans)
    of_floats = [s.name for s in scans if s.volume.data.dtype.name == "float32"]
    sources, scans = scans, [as_integers(scan) for scan in scans]

    def finish(draft: Path) -> None:
        write_code_table(label_set, draft)
        _write_index(scans, draft / _INDEX)

    notes = [_AS_SHOWN.format(", ".join(of_floats))] if of_floats else []
    return export_folder(target, "png", scans, _write_scan, finish, notes, sources)


def as_integers(scan: GradedScan) -> GradedScan:
    """The scan with pixels that a PNG holds: float32 as 16-bit grey, as shown."""
    volume = scan.volume
    if volume.data.dtype.name != "float32":
        return scan
    shown = [volume.bscan_as_shown(i) for i in range(volume.n_bscans)]
    pixels = np.rint(np.stack(shown) * _TOP).astype(np.uint16)
    return replace(scan, volume=replace(volume, data=pixels, display_gamma=1.0))


def _write_scan(scan: GradedScan, folder: Path) -> None:
    import imageio.v3 as iio

    images, labels = folder / IMAGES / scan.name, folder / LABELS / scan.name
    images.mkdir(parents=True)
    for bscan in range(scan.volume.n_bscans):
        iio.imwrite(images / file_name(bscan), scan.volume.bscan(bscan))
    for bscan in scan.graded_bscans:
        labels.mkdir(parents=True, exist_ok=True)
        one = OCTVolume(
            scan.volume.bscan(bscan),
            labels=scan.labels[bscan : bscan + 1],
            label_set=scan.label_set,
        )
        write_png_labels(one, labels / file_name(bscan))
    write_boundaries(scan, folder)


def file_name(bscan: int) -> str:
    """Name of the picture of a B-scan, counted from 0."""
    return f"{bscan:03d}.png"


def write_boundaries(scan: GradedScan, folder: Path) -> None:
    """Write the sub-pixel heights of a scan, if it has any."""
    if scan.boundaries is not None:
        (folder / BOUNDARIES).mkdir(exist_ok=True)
        save_boundaries(scan.boundaries, folder / BOUNDARIES / f"{scan.name}.npz")


def _write_index(scans: Sequence[GradedScan], path: Path) -> None:
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for scan in scans:
        told, graded = scan.provenance, set(scan.graded_bscans)
        for bscan in range(scan.volume.n_bscans):
            picture = f"{scan.name}/{file_name(bscan)}"
            rows.append(
                {
                    "scan": scan.name,
                    "patient": scan.patient,
                    "bscan": bscan,
                    "image": f"{IMAGES}/{picture}",
                    "label": f"{LABELS}/{picture}" if bscan in graded else "",
                    "state": "" if told is None else told.states[bscan],
                    "grader": "" if told is None else told.graders[bscan],
                }
            )
    pd.DataFrame(rows).to_csv(path, index=False)


def read(path: Path) -> list[GradedScan]:
    """Read pictures with label pictures of the same names.

    Parameters
    ----------
    path
        Folder with ``images/`` and ``labels/``, in these one folder per scan with one
        picture per B-scan, or pictures, each a scan of its own; ``classes.json`` (code
        → name) if there is one. B-scans without a label picture are not graded.

    Raises
    ------
    ReadError, LabelError
        If something is missing, of another size, or has a code without a name.
    """
    folder = existing_folder(path)
    found = _stacks(folder / IMAGES)
    if not found:
        raise ReadError(
            f"{folder} has no pictures in {IMAGES}/",
            allowed=f"{IMAGES}/ and {LABELS}/ with pictures of the same names",
        )
    volumes = {name: read_stack(files, ReadOptions()) for name, files in found.items()}
    codes = {
        name: _codes(folder, files, volumes[name].shape)
        for name, files in found.items()
    }
    table = read_code_table(folder, max(highest_code(one) for one in codes.values()))
    sidecar = read_sidecar(folder)
    patient = shared_patient(folder, list(volumes.values()))
    scans = []
    for name, volume in volumes.items():
        labels = table.indices(codes[name], f"{LABELS}/{name}")
        scan = scan_of_others(name, volume, labels, table.label_set, patient=patient)
        scans.append(sidecar.completed(with_boundaries(scan, folder, sidecar)))
    return scans


def _stacks(images: Path) -> dict[str, list[Path]]:
    """The pictures of each scan, by its name."""
    if not images.is_dir():
        return {}
    folders = sorted(p for p in images.iterdir() if p.is_dir() and p.name[0] != ".")
    stacks = {p.name: picture_files(p) for p in folders}
    return {name: files for name, files in stacks.items() if files} or {
        file.stem: [file] for file in picture_files(images)
    }


def _codes(
    folder: Path, images: list[Path], shape: tuple[int, int, int]
) -> NDArray[Any]:
    """Codes (n_bscans, depth, width) of the label pictures of a scan."""
    codes = np.full(shape, IGNORE, np.uint8)
    for bscan, image in enumerate(images):
        beside = folder / LABELS / image.relative_to(folder / IMAGES)
        label = next((p for p in _named_like(beside) if p.is_file()), None)
        if label is None:
            continue
        values = read_labels(label).codes
        if values.shape[1:] != shape[1:] or values.max(initial=0) > IGNORE:
            raise ReadError(
                f"{label} has the shape {values.shape[1:]} and codes up to "
                f"{values.max()}",
                allowed=f"the shape of its image, {shape[1:]}, and codes 0 to {IGNORE}",
                todo="export label pictures at the size of the images, with one number "
                "per class",
            )
        codes[bscan] = values[0]
    return codes


def _named_like(image: Path) -> list[Path]:
    """Where the label picture of an image may be: the same name, a lossless kind."""
    return [image.with_suffix(suffix) for suffix in (".png", ".bmp", ".tif", ".tiff")]


def with_boundaries(scan: GradedScan, folder: Path, sidecar: Sidecar) -> GradedScan:
    """The scan with the heights beside it, unless its labels are others now."""
    path = folder / BOUNDARIES / f"{scan.name}.npz"
    if not path.is_file() or not sidecar.has_labels_of(scan):
        return scan
    return replace(scan, boundaries=load_boundaries(path))


FORMAT = ExchangeFormat(
    name="png",
    title="PNG pictures",
    what="One picture and one indexed label picture per B-scan, a table of the classes "
    "and one of the B-scans: for every programme that opens pictures.",
    write=write,
    read=read,
    read_labels_for=None,
    suffixes=(),
    loses="Pixels of float32 scans become 16-bit grey as shown.",
)
