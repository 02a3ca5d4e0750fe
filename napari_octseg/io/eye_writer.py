"""Volumes with boundaries and labels as ``.eye``, the format of eyepy and EyeLab."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.labels import IGNORE, LabelClass
from napari_octseg.volume import Localizer

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.volume import OCTVolume, SpacingUm

IGNORE_NAME = "not graded"
_UM_PER_MM = 1000.0


def write_eye(volume: OCTVolume, path: Path) -> None:
    """Pixels, spacing, boundaries, one mask per class, localizer; nothing personal.

    What eyepy has no field for (spacing per axis with its origin, class order, …) is in
    the metadata under ``octseg``.
    """
    from eyepy import EyeEnface, EyeEnfaceMeta, EyeVolume, EyeVolumeMeta

    between, axial, lateral = volume.spacing_um
    known = volume.spacing.is_known or (
        volume.n_bscans == 1 and axial is not None and lateral is not None
    )
    unit = "mm" if known else "pixel"
    # eyepy has no unknown: 1 px, or 0 between the B-scans of a single one.
    scale_z = between / _UM_PER_MM if known and between else float(not known)
    scale_y, scale_x = (
        (axial / _UM_PER_MM, lateral / _UM_PER_MM)
        if known and axial and lateral
        else (1.0, 1.0)
    )
    meta = EyeVolumeMeta(
        scale_x=scale_x,
        scale_y=scale_y,
        scale_z=scale_z,
        scale_unit=unit,
        laterality=volume.laterality or "NA",
        intensity_transform="vol" if volume.display_gamma == 0.25 else "default",
        bscan_meta=_bscan_meta(volume, (scale_z, scale_y, scale_x), unit),
        octseg=_facts(volume),
    )
    if volume.localizer is None:
        shown = Localizer(_projection(volume))
    else:
        shown = volume.localizer
    localizer_y, localizer_x = shown.spacing_um
    localizer = EyeEnface(
        shown.image,
        EyeEnfaceMeta(
            scale_x=1.0 if localizer_x is None else localizer_x / _UM_PER_MM,
            scale_y=1.0 if localizer_y is None else localizer_y / _UM_PER_MM,
            scale_unit="pixel" if None in shown.spacing_um else "mm",
            laterality=volume.laterality or "NA",
        ),
    )
    affine = import_module("skimage.transform").AffineTransform
    eye = EyeVolume(
        data=np.asarray(volume.data),
        meta=meta,
        localizer=localizer,
        # eyepy cannot estimate this for a single B-scan, nor for a single A-scan
        transformation=affine() if 1 in (volume.n_bscans, volume.width) else None,
    )
    if volume.n_bscans > 1 and volume.localizer and volume.positions is not None:
        eye.localizer_transform = None  # eyepy then takes it from the positions
    _add_annotations(eye, volume)
    eye.save(path)


def _bscan_meta(
    volume: OCTVolume, scale: tuple[float, float, float], unit: str
) -> list[Any]:
    from eyepy import EyeBscanMeta

    if volume.positions is not None and unit == "mm":
        return [
            EyeBscanMeta(start_pos=start.tolist(), end_pos=end.tolist(), pos_unit="mm")
            for start, end in volume.positions
        ]
    step, length = scale[0], scale[2] * (volume.width - 1)
    last = volume.n_bscans - 1  # the first B-scan lies lowest, as eyepy has it
    return [
        EyeBscanMeta(
            start_pos=(0.0, (last - i) * step),
            end_pos=(length, (last - i) * step),
            pos_unit=unit,
        )
        for i in range(volume.n_bscans)
    ]


def _facts(volume: OCTVolume) -> dict[str, Any]:
    spacing: SpacingUm = volume.spacing_um
    label_set = volume.label_set
    return {
        "spacing_um": list(spacing),
        "spacing_origins": [str(o) for o in volume.spacing.origins],
        "scan_pattern": str(volume.scan_pattern),
        "display_gamma": volume.display_gamma,
        "device": volume.device,
        "positions": volume.positions is not None,
        "localizer": volume.localizer is not None,
        "classes": [] if label_set is None else [_class(c) for c in label_set.classes],
    }


def _class(label_class: LabelClass) -> list[str]:
    return [label_class.name, label_class.long_name, label_class.colour]


def _projection(volume: OCTVolume) -> Any:
    """Mean over depth in 0…255, so that other programmes have something to show."""
    mean = np.stack(
        [volume.bscan_as_shown(i).mean(axis=0) for i in range(volume.n_bscans)]
    )
    return np.rint(mean[::-1] * (255 / (float(mean.max()) or 1.0))).astype(np.uint8)


def _add_annotations(eye: Any, volume: OCTVolume) -> None:
    if volume.boundaries is not None:
        named = zip(volume.boundaries.names, volume.boundaries.heights, strict=True)
        for name, heights in named:
            eye.add_layer_annotation(np.asarray(heights), name=name)
    if volume.labels is None or volume.label_set is None:
        return
    labels = np.asarray(volume.labels)
    for index, label_class in enumerate(volume.label_set.classes):
        if index:
            eye.add_pixel_annotation(
                labels == index, name=label_class.name, color=label_class.colour
            )
    if (labels == IGNORE).any():
        eye.add_pixel_annotation(labels == IGNORE, name=IGNORE_NAME, color="#808080")
