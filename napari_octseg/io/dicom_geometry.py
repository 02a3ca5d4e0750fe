"""Spacing, eye and order of the frames of a DICOM image."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_octseg.volume import Laterality, Origin, Spacing

_UM_PER_MM = 1000.0
_EYES: dict[str, Laterality] = {"R": "OD", "L": "OS"}


def _groups(dataset: Any, name: str) -> list[Any]:
    """The functional group `name`: the shared one, else one per frame that has it."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    if shared and shared[0].get(name):
        return [shared[0][name][0]]
    frames = dataset.get("PerFrameFunctionalGroupsSequence") or []
    return [frame[name][0] for frame in frames if frame.get(name)]


def frame_order(dataset: Any, n_frames: int) -> tuple[list[int], str | None]:
    """Frames by their position in the stack, and a note if that is not as stored."""
    contents = _groups(dataset, "FrameContentSequence")
    positions = [c.get("InStackPositionNumber") for c in contents]
    stored = list(range(n_frames))
    if len(positions) != n_frames or None in positions:
        return stored, None
    if len(set(positions)) != n_frames:  # several stacks in one file: leave them apart
        return stored, None
    order = [int(i) for i in np.argsort([int(p) for p in positions], kind="stable")]
    moved = "B-scans were put in the order of their position in the stack."
    return order, None if order == stored else moved


def laterality_of(dataset: Any) -> Laterality | None:
    """Eye from the frame anatomy, else from the image or series."""
    written = [
        g.get("FrameLaterality") for g in _groups(dataset, "FrameAnatomySequence")
    ]
    written += [dataset.get("ImageLaterality"), dataset.get("Laterality")]
    eyes = {_EYES[w] for w in written if w in _EYES}
    return eyes.pop() if len(eyes) == 1 else None


def spacing_of(dataset: Any, order: list[int]) -> tuple[Spacing, list[str]]:
    """Spacing in µm, and what was assumed.

    Pixel Spacing is (between rows, between columns) in mm, so (axial, lateral). Slice
    Thickness is no distance, but several devices write theirs there: it is taken as
    ``derived`` where neither the distance nor positions are given.
    """
    measures = (_groups(dataset, "PixelMeasuresSequence") or [dataset])[0]
    pixel = measures.get("PixelSpacing") or dataset.get("PixelSpacing") or [None, None]
    axial, lateral = _um(pixel[0]), _um(pixel[1])
    between, origin, notes = None, Origin.UNKNOWN, []
    if len(order) > 1:
        between, origin = _um(measures.get("SpacingBetweenSlices")), Origin.FILE
        if between is None:
            between, origin = _from_positions(dataset, order), Origin.DERIVED
            if between is not None:
                notes.append("The distance of B-scans was taken from their positions.")
        if between is None:
            between = _um(measures.get("SliceThickness"))
            if between is not None:
                notes.append("The slice thickness was taken as distance of B-scans.")
    if axial is None or lateral is None:
        notes.append("The DICOM file holds no pixel spacing.")
    return Spacing(
        between,
        axial,
        lateral,
        (
            Origin.UNKNOWN if between is None else origin,
            Origin.UNKNOWN if axial is None else Origin.FILE,
            Origin.UNKNOWN if lateral is None else Origin.FILE,
        ),
    ), notes


def _um(mm: Any) -> float | None:
    """Mm in µm, rounded to a tenth of a nanometre; None for none, 0 and nonsense."""
    if mm is None or mm == "":
        return None
    value = float(mm)
    return round(value * _UM_PER_MM, 4) if 0 < value < 100 else None


def _from_positions(dataset: Any, order: list[int]) -> float | None:
    """Even distance of neighbouring frames in space, µm."""
    planes = _groups(dataset, "PlanePositionSequence")
    if len(planes) != len(order):
        return None
    points = np.array(
        [[float(v) for v in planes[i].ImagePositionPatient] for i in order]
    )
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    if not steps.mean() or (np.abs(steps - steps.mean()) > 0.1 * steps.mean()).any():
        return None
    return _um(steps.mean())
