"""Scans of formats that hold boundaries: heights to labels and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import (
    Boundaries,
    boundaries_to_labels,
    boundary_names,
    labels_to_boundaries,
    layers_between,
)
from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.importing import scan_of_others
from napari_octseg.groundtruth.graded_scan import Provenance
from napari_octseg.labels import BACKGROUND, LabelSet

if TYPE_CHECKING:
    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume


def scan_of_boundaries(
    name: str, volume: OCTVolume, boundaries: Boundaries, *, patient: str = ""
) -> GradedScan:
    """A scan whose file holds boundaries and no labels: its layers lie between them.

    Parameters
    ----------
    name
        Of the file or folder.
    volume
        Its pixels.
    boundaries
        Top to bottom, at least two; the labels hang on those that are there.
    patient
        As for `scan_of_others`.

    Raises
    ------
    ReadError
        If there are fewer than two boundaries, or they are of another size.
    """
    if len(boundaries.names) < 2:
        raise ReadError(
            f"{name} holds no layer: only "
            f"{', '.join(boundaries.names) or 'no boundary'}",
            allowed="at least two boundaries, because a layer lies between two",
        )
    if boundaries.heights.shape[1:] != (volume.n_bscans, volume.width):
        n_bscans, width = boundaries.heights.shape[1:]
        raise ReadError(
            f"{name} has boundaries of {n_bscans} B-scans with {width} A-scans, the "
            f"scan has {volume.n_bscans} with {volume.width}",
            allowed="boundaries of this scan at its native size",
            todo="choose the file that belongs to the scan",
        )
    layers = layers_between(boundaries.names)
    scan = scan_of_others(
        name,
        volume,
        boundaries_to_labels(boundaries.heights, volume.depth),
        LabelSet.of(BACKGROUND, *layers),
        patient=patient,
        boundaries=boundaries,
    )
    return replace(scan, layers=layers)


def drawn_by_machine(scan: GradedScan, machine: str) -> GradedScan:
    """The scan with labels that a machine has drawn, and nobody has looked at."""
    n_bscans = scan.volume.n_bscans
    return replace(
        scan,
        provenance=Provenance(
            states=("predicted",) * n_bscans,
            accepted=(False,) * n_bscans,
            graders=("",) * n_bscans,
            seconds=(0.0,) * n_bscans,
            edit_um=(None,) * n_bscans,
            origins=np.zeros((n_bscans, scan.volume.width), np.uint8),
            origin_names=(machine,),
        ),
    )


def boundaries_of(scan: GradedScan, wanted_by: str) -> Boundaries:
    """Boundaries of a scan: its own, else those between the pixels of its layers.

    Raises
    ------
    WriteError
        If it has no layers; `wanted_by` is the format that needs them.
    """
    if scan.boundaries is not None:
        return scan.boundaries
    if not scan.layers:
        raise WriteError(
            f"{scan.name} has no layers, only "
            f"{', '.join(scan.label_set.names[1:]) or BACKGROUND}",
            allowed=f"scans with layers: {wanted_by} holds boundaries",
            todo="export it as NIfTI, PNG or COCO instead",
        )
    indices = [scan.label_set.index(layer) for layer in scan.layers]
    heights = labels_to_boundaries(scan.labels, indices)
    return Boundaries(boundary_names(scan.layers), heights)
