"""Readers and writers of the napari plugin (npe2), without importing napari.

Layers are plain tuples ``(data, attributes, type)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.io import read_volume
from napari_octseg.io.format import ReadOptions, natural_key
from napari_octseg.io.label_files import classes_of
from napari_octseg.io.layer_geometry import AXIS_LABELS, scale_and_units
from napari_octseg.io.pictures import is_picture_name, read_stack
from napari_octseg.io.registry import all_suffixes, find_format
from napari_octseg.io.save import save_labels
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]

_CLEAR = (0.0, 0.0, 0.0, 0.0)


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """The reader for a path, or None for what is not ours (npe2 reader hook).

    Files whose ending is ours but whose content is not are taken too, so that opening
    them says what is wrong. Several paths are taken as one volume if all are pictures.
    """
    if not isinstance(path, str | Path):
        pictures = all(is_picture_name(Path(p)) for p in path)
        return read_layers if path and pictures else None
    file = Path(path)
    if file.is_file() and file.name.lower().endswith(all_suffixes()):
        return read_layers
    try:
        return read_layers if find_format(file) is not None else None
    except OSError:  # gone, or not ours to open: napari tells
        return None


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Layers of a file, a folder, or several pictures.

    Returns
    -------
    An image layer (a labels layer for labels saved by this package), and a labels layer
    where the file carries labels; scaled in µm where the spacing is known.

    Raises
    ------
    ReadError
        If it cannot be opened.
    """
    if not isinstance(path, str | Path):
        files = sorted((Path(p) for p in path), key=lambda p: natural_key(p.name))
        return volume_layers(read_stack(files, ReadOptions()), files[0].parent.name)
    file = Path(path)
    volume = read_volume(file)
    name = layer_name(file)
    label_set = classes_of(file, volume)
    if label_set is not None:
        return [_labels_layer(volume.data, volume, label_set, name)]
    return volume_layers(volume, name)


def layer_name(path: Path) -> str:
    """File name without its ending."""
    endings = [s for s in all_suffixes() if path.name.lower().endswith(s)]
    return path.name[: -len(max(endings, key=len))] if endings else path.name


def volume_layers(volume: OCTVolume, name: str) -> list[LayerData]:
    """Layer tuples of a volume: the image, and its labels if it has any."""
    image = {
        "name": name,
        **_geometry(volume),
        "rgb": False,  # napari takes a width of 3 or 4 for colour
        "colormap": "gray",
        "contrast_limits": _contrast_limits(volume),
        "gamma": volume.display_gamma,
        "metadata": {"octseg": {"volume": volume}},
    }
    layers: list[LayerData] = [(volume.data, image, "image")]
    if volume.labels is not None and volume.label_set is not None:
        layers.append(
            _labels_layer(volume.labels, volume, volume.label_set, f"{name} labels")
        )
    return layers


def _geometry(volume: OCTVolume) -> dict[str, Any]:
    scale, units = scale_and_units(volume)
    return {"scale": scale, "units": units, "axis_labels": AXIS_LABELS}


def _contrast_limits(volume: OCTVolume) -> tuple[float, float]:
    """Limits from one B-scan, so that lazy volumes stay lazy."""
    if volume.data.dtype == np.uint8:
        return 0.0, 255.0
    values = volume.bscan(volume.n_bscans // 2).astype(np.float32)
    values = values[np.isfinite(values) & (values < 1e9)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    return (low, high) if high > low else (low, low + 1.0)


def _labels_layer(
    labels: Any, volume: OCTVolume, label_set: LabelSet, name: str
) -> LayerData:
    colours: dict[int | None, Any] = {IGNORE: _CLEAR, None: _CLEAR}
    colours.update(label_set.colours.items())
    attributes = {
        "name": name,
        **_geometry(volume),
        "opacity": 0.5,
        "colormap": colours,
        "features": {  # napari shows them under the mouse
            "index": list(range(len(label_set))),
            "class": [c.long_name or c.name for c in label_set.classes],
        },
        "metadata": {"octseg": {"volume": volume, "label_set": label_set}},
    }
    return labels, attributes, "labels"


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save one labels layer; the suffix decides the format (npe2 writer hook).

    Parameters
    ----------
    path
        ``.tif``, ``.nii``, ``.nii.gz``, ``.eye``, … as in `save_labels`.
    data
        (n_bscans, depth, width) or (depth, width) class indices.
    attributes
        Of the layer; ``metadata["octseg"]`` may hold ``volume`` and ``label_set``.

    Returns
    -------
    The path written.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    known = attributes.get("metadata", {}).get("octseg", {})
    volume: OCTVolume | None = known.get("volume")
    if volume is not None and volume.shape[-np.ndim(data) :] != np.shape(data):
        volume = None  # another scan, or cropped: pixels and spacing are not its own
    save_labels(data, path, volume=volume, label_set=known.get("label_set"))
    return [path]
