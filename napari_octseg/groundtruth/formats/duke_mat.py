"""MATLAB files in the layout of the Duke DME data set, one per scan.

Chiu et al., Biomed. Opt. Express 6(4):1172-1194, 2015. The layout itself is in
`io.duke_mat`; what is written here is what that reader reads.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.boundaries import boundary_names, layers_among
from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.class_mapping import LEFT_OUT, whole_of
from napari_octseg.groundtruth.formats.drawn_boundaries import (
    boundaries_of,
    scan_of_boundaries,
)
from napari_octseg.groundtruth.formats.exporting import export_folder
from napari_octseg.groundtruth.formats.importing import scan_of_others
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.groundtruth.mapped_layers import heights_between
from napari_octseg.io import duke_mat, read_volume
from napari_octseg.io.format import natural_key
from napari_octseg.labels import IGNORE, LabelSet, canonical_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan

_BOUNDARIES = boundary_names(duke_mat.LAYERS)
# What is no part of one of its layers is background: index 0.
_CLASSES = LabelSet.of(LEFT_OUT, *duke_mat.LAYERS)
_FLUIDS = (duke_mat.FLUID, "IRF", "SRF")
_REDUCED = (
    "{} were reduced to the classes of the Duke data set: "
    f"{', '.join(duke_mat.LAYERS)}, and fluid (IRF and SRF in one)."
)


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write one ``SCAN.mat`` per scan into a new folder, as MATLAB 7 saves it.

    `images` (depth, A-scan, B-scan) holds the raw values, `manualLayers1` (8, A-scan,
    B-scan) rows from 1, `manualFluid1` (depth, A-scan, B-scan) a number per pocket; NaN
    is what nobody graded.

    Raises
    ------
    WriteError
        As `export_folder`; or if a scan has neither one of the layers nor fluid.
    """
    reduced = [_as_read(scan) for scan in scans]
    changed = [
        scan.name
        for scan, duke in zip(scans, reduced, strict=True)
        if scan.label_set.names != duke.label_set.names
    ]
    notes = [_REDUCED.format(", ".join(changed))] if changed else []
    return export_folder(target, FORMAT.name, reduced, _write_scan, notes=notes)


def _write_scan(scan: GradedScan, folder: Path) -> None:
    from scipy.io import savemat

    images = {"images": np.moveaxis(np.asarray(scan.volume.data), 0, -1)}
    savemat(
        folder / f"{scan.name}.mat", images | _graded_arrays(scan), do_compression=True
    )


def _graded_arrays(scan: GradedScan) -> dict[str, NDArray[Any]]:
    """`manualLayers1` and `manualFluid1`, as far as the scan grades them."""
    arrays: dict[str, NDArray[Any]] = {}
    heights = _heights_of(scan) if scan.layers else None
    if heights is not None:
        rows = heights.astype(np.float64) + 1  # MATLAB counts from 1
        arrays["manualLayers1"] = np.moveaxis(rows, 1, -1)
    names = scan.label_set.names
    fluids = [i for i, name in enumerate(names) if canonical_name(name) in _FLUIDS]
    if fluids:
        pockets = [_pockets(bscan, fluids) for bscan in scan.labels]
        arrays["manualFluid1"] = np.stack(pockets, axis=-1)
    if not arrays:
        raise WriteError(
            f"{scan.name} has the classes {', '.join(names)}",
            allowed=f"at least one of {', '.join((*duke_mat.LAYERS, *_FLUIDS))}",
            todo="map its classes to these, or choose another format",
        )
    return arrays


def _heights_of(scan: GradedScan) -> NDArray[np.float32] | None:
    """(8, n_bscans, width): tops of the layers of Duke, and the bottom of the last one.

    From the layers of the scan above and below each, for the lowest layer of a scan has
    a bottom without a name of its own; else by name. NaN where the scan has neither;
    None if it has nothing of them.
    """
    boundaries = boundaries_of(scan, FORMAT.title)
    n_layers = len(duke_mat.LAYERS)
    heights = np.full((n_layers + 1, *boundaries.heights.shape[1:]), np.nan, np.float32)
    targets = [_CLASSES.index(whole_of(name, _CLASSES)) for name in scan.layers]
    if len(boundaries.names) != len(targets) + 1:
        targets = []
    if any(targets):
        wanted = range(1, n_layers + 1)
        heights = heights_between(boundaries.heights, targets, wanted)
    for place, name in enumerate(_BOUNDARIES):
        is_beside = {place, place + 1} & (set(targets) - {0})
        if name in boundaries.names and not is_beside:
            heights[place] = boundaries[name]
    is_known = any(targets) or set(boundaries.names) & set(_BOUNDARIES)
    return heights if is_known else None


def _pockets(labels: NDArray[np.uint8], fluids: Sequence[int]) -> NDArray[np.float32]:
    """(depth, width): 1, 2, … in the pockets of fluid, NaN where nobody graded."""
    from scipy.ndimage import label

    numbers, _ = label(np.isin(labels, fluids), np.ones((3, 3)))
    return np.where(labels == IGNORE, np.float32(np.nan), numbers.astype(np.float32))


def _as_read(scan: GradedScan) -> GradedScan:
    """The scan as its file will be read."""
    boundaries, labels, label_set = duke_mat.graded(
        scan.volume.shape, _graded_arrays(scan), Path(f"{scan.name}.mat")
    )
    assert labels is not None
    assert label_set is not None
    return replace(
        scan,
        labels=labels,
        label_set=label_set,
        layers=layers_among(label_set.names),
        boundaries=boundaries,
    )


def read(path: Path) -> list[GradedScan]:
    """Read a Duke-style ``.mat`` (DME 2015 or AMD 2013), or all in a folder.

    Each file is taken for one patient, as in the data sets.

    Raises
    ------
    ReadError
        If there is none, or one is broken or holds no labels.
    """
    files = sorted(path.glob("*.mat"), key=lambda p: natural_key(p.name))
    if path.is_file():
        files = [path]
    if not files:
        raise ReadError(
            f"{path} holds no .mat file",
            allowed="a .mat file in the Duke layout, or a folder of these",
        )
    sidecar = read_sidecar(files[0].parent)
    return [sidecar.completed(_read_scan(file)) for file in files]


def _read_scan(path: Path) -> GradedScan:
    volume = read_volume(path)
    if volume.labels is not None and volume.label_set is not None:
        return scan_of_others(
            path.stem,
            volume,
            volume.labels,
            volume.label_set,
            boundaries=volume.boundaries,
        )
    if volume.boundaries is not None:
        return scan_of_boundaries(path.stem, volume, volume.boundaries)
    raise ReadError(
        f"{path.name} holds images but nothing graded",
        allowed="manualLayers1 or manualFluid1 (DME 2015), layerMaps (AMD 2013)",
        todo="open it as a scan instead",
    )


FORMAT = ExchangeFormat(
    name="duke-mat",
    title="Duke .mat",
    what="Scans with 7 layers and fluid as MATLAB files in the layout of the Duke DME "
    "data set (Chiu 2015); also reads those of Duke AMD (Farsiu 2014).",
    write=write,
    read=read,
    read_labels_for=None,
    suffixes=(".mat",),
    loses="All classes but RNFL, GCIPL, INL, OPL, ONL, EZ, RPE and fluid; IRF and SRF "
    "become one. Without RNFL nothing above the layers is graded, without RPE nothing "
    "below them.",
)
