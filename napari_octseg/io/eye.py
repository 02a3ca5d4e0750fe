"""``.eye`` volumes of eyepy, EyeLab and this package, with boundaries and labels."""

from __future__ import annotations

import json
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.io.boundary_names import named_boundaries
from napari_octseg.io.eye_writer import IGNORE_NAME
from napari_octseg.io.format import Format, ReadOptions, broken_file
from napari_octseg.io.geometry import between_bscans_um
from napari_octseg.labels import BACKGROUND, IGNORE, LabelClass, LabelSet
from napari_octseg.volume import (
    Laterality,
    Localizer,
    OCTVolume,
    Origin,
    ScanPattern,
    Spacing,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NAME = "eyepy .eye"
_UM_IN = {"mm": 1000.0, "µm": 1.0, "um": 1.0, "micron": 1.0}
_LATERALITIES: dict[str, Laterality] = {"OD": "OD", "OS": "OS", "R": "OD", "L": "OS"}


def _is_eye(path: Path, head: bytes) -> bool:
    if not head.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "raw_volume.npy" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return b"raw_volume.npy" in head  # damaged: the reader says so


def _read(path: Path, options: ReadOptions) -> OCTVolume:
    from eyepy import EyeVolume

    with broken_file(
        path,
        _NAME,
        zipfile.BadZipFile,
        zlib.error,
        json.JSONDecodeError,
        LookupError,
        EOFError,
        OSError,
        TypeError,
        ValueError,
    ):
        eye = EyeVolume.load(path)
    data = eye._raw_data  # raw_data copies
    meta = eye.meta
    facts: dict[str, Any] = meta.get("octseg") or {}
    positions = _positions(meta, facts, data.shape[0])
    labels, label_set, notes = _labels(eye, facts, data.shape, path)
    gamma = 0.25 if meta.get("intensity_transform") == "vol" else 1.0
    return OCTVolume(
        data,
        spacing=_spacing(meta, facts, data.shape[0], positions),
        laterality=_LATERALITIES.get(str(meta.get("laterality"))),
        scan_pattern=ScanPattern(facts.get("scan_pattern", "unknown")),
        positions=positions,
        boundaries=_boundaries(eye),
        localizer=_localizer(eye, facts),
        labels=labels,
        label_set=label_set,
        device=facts.get("device"),
        display_gamma=float(facts.get("display_gamma", gamma)),
        notes=tuple(notes),
    )


def _spacing(
    meta: Any, facts: dict[str, Any], n_bscans: int, positions: Any
) -> Spacing:
    if "spacing_um" in facts:
        first, second, third = (Origin(o) for o in facts["spacing_origins"])
        between, axial, lateral = facts["spacing_um"]
        return Spacing(between, axial, lateral, (first, second, third))
    um = _UM_IN.get(str(meta.get("scale_unit")))
    if um is None:  # "pixel": eyepy's way to say unknown
        return Spacing()
    scales = [meta.get(f"scale_{axis}") for axis in "zyx"]
    between, axial, lateral = (
        s * um if s and 0 < s * um < 1e5 else None for s in scales
    )
    if n_bscans == 1:
        between = None
    known = Spacing.of((between, axial, lateral), Origin.FILE)
    derived = None if between or positions is None else between_bscans_um(positions)
    if derived is None:
        return known
    return Spacing(
        derived, axial, lateral, (Origin.DERIVED, known.origins[1], known.origins[2])
    )


def _positions(
    meta: Any, facts: dict[str, Any], n_bscans: int
) -> NDArray[np.float32] | None:
    bscans = meta.get("bscan_meta") or []
    in_mm = [b for b in bscans if b.get("pos_unit") == "mm"]
    if len(in_mm) != n_bscans or not facts.get("positions", True):
        return None
    return np.array([[b["start_pos"], b["end_pos"]] for b in in_mm], np.float32)


def _boundaries(eye: Any) -> Any:
    layers = list(eye.layers.values())
    if not layers:
        return None
    return named_boundaries(
        [a.name for a in layers], np.stack([a.data for a in layers])
    )


def _localizer(eye: Any, facts: dict[str, Any]) -> Localizer | None:
    if not facts.get("localizer", "modality" in eye.localizer.meta):
        return None  # eyepy makes one up from the volume
    um = _UM_IN.get(eye.localizer.scale_unit)
    if um is None:
        return Localizer(eye.localizer.raw_data)
    scale = (eye.localizer.scale_y * um, eye.localizer.scale_x * um)
    return Localizer(eye.localizer.raw_data, scale)


def _labels(
    eye: Any, facts: dict[str, Any], shape: tuple[int, ...], path: Path
) -> tuple[NDArray[np.uint8] | None, LabelSet | None, list[str]]:
    """Labels from the voxel masks; later masks cover earlier ones."""
    maps = {a.name: np.asarray(a.data) for a in eye._volume_maps}
    if not maps:
        return None, None, []
    classes = [LabelClass(*c) for c in facts.get("classes", ())]
    named = {c.name for c in classes}
    if not classes:
        classes = [LabelClass.named(BACKGROUND)]
    classes += [
        LabelClass.named(name)
        for name, values in maps.items()
        if name not in named | {IGNORE_NAME, BACKGROUND} and values.dtype == bool
    ]
    label_set = LabelSet(tuple(classes))
    labels = np.zeros(shape, np.uint8)
    n_covered = 0
    for name, values in maps.items():
        if values.shape != shape:
            raise ReadError(
                f"{path.name} has the mask {name!r} of shape {values.shape}",
                allowed=f"masks of the shape of the volume, {shape}",
            )
        if values.dtype != bool:
            continue
        n_covered += int(np.count_nonzero(labels[values]))
        labels[values] = IGNORE if name == IGNORE_NAME else label_set.index(name)
    notes = ["Where masks overlap, the later one was taken."] if n_covered else []
    integer = [v for v in maps.values() if v.dtype != bool]
    if len(integer) == 1 and len(maps) == 1:
        return _label_map(integer[0])
    if integer:
        notes.append(f"{len(integer)} maps that are no masks were left out.")
    return labels, label_set, notes


def _label_map(values: NDArray[Any]) -> tuple[NDArray[np.uint8], LabelSet, list[str]]:
    """Labels of a volume whose only annotation is one map of integers."""
    labels = np.clip(values, 0, IGNORE).astype(np.uint8)
    highest = int(labels[labels != IGNORE].max(initial=0))
    names = (f"class {i}" for i in range(1, highest + 1))
    return labels, LabelSet.of(BACKGROUND, *names), []


FORMAT = Format(_NAME, (".eye",), _is_eye, _read)
