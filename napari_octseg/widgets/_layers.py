"""OCT volumes and label sets as napari layers, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_octseg.errors import VolumeError
from napari_octseg.io import in_green
from napari_octseg.io.layer_geometry import scale_and_units
from napari_octseg.io.napari_hooks import volume_layers
from napari_octseg.labels import IGNORE
from napari_octseg.volume import OCTVolume, Origin, Spacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari
    from numpy.typing import NDArray

    from napari_octseg.io.napari_hooks import LayerData
    from napari_octseg.labels import LabelSet

KEY = "octseg"
"""Where a layer's metadata hold what we know: volume, label_set, model, …"""

_CHANGED = "The pixels were changed in napari: they are not those of the file."


def plain(layer: Any) -> Any:
    """The layer itself where napari handed out a proxy: proxies are never identical."""
    return getattr(layer, "__wrapped__", layer)


def facts_of(layer: Layer) -> Mapping[str, Any]:
    """What we know about a layer; nothing about a layer that is not ours."""
    facts: Mapping[str, Any] = layer.metadata.get(KEY, {})
    return facts


def note(layer: Layer, **facts: Any) -> None:
    """Keep facts about a layer in its metadata.

    What other layers know stays as it is: napari gives a duplicate the same object.
    """
    layer.metadata[KEY] = {**facts_of(layer), **facts}


def is_overlay(layer: Layer) -> bool:
    """Whether a layer was drawn by us on top of a scan, and is no scan itself."""
    return bool(facts_of(layer).get("overlay", False))


def known_volume(layer: Image) -> OCTVolume | None:
    """The volume of the pixels that an image layer shows now, if there is one.

    napari copies metadata to what it makes of a layer (a projection, a duplicate), and
    the data of a layer may be replaced: metadata alone may speak of other pixels.
    """
    facts = facts_of(layer)
    volume = facts.get("volume")
    pixels = _pixels_of(layer)
    if isinstance(volume, OCTVolume) and (
        volume.data is pixels or facts.get("pixels") is pixels
    ):
        return volume
    return None


def volume_of(layer: Image) -> OCTVolume:
    """The volume of an image layer; made from its pixels if there is none of them.

    Raises
    ------
    VolumeError
        If the layer is no stack of B-scans.
    """
    volume = known_volume(layer)
    if volume is not None:
        return volume
    if layer.ndim not in (2, 3):
        raise VolumeError(
            f"The image {layer.name!r} has {layer.ndim} axes",
            allowed="two (depth, width) or three (B-scan, depth, width)",
            todo="take one channel or one time point of it",
        )
    pixels = _pixels_of(layer)
    grey = _grey(pixels) if layer.rgb else pixels
    origin = facts_of(layer).get("volume")
    volume = (
        _changed(origin, grey, layer)
        if isinstance(origin, OCTVolume)
        else OCTVolume(
            grey,
            spacing=spacing_of(layer, Origin.FILE),
            source=layer.source.path,
            notes=("The file was opened by napari: eye and device are not known.",),
        )
    )
    # A volume may hold them in another shape or type.
    note(layer, volume=volume, pixels=pixels)
    return volume


def seen_from_the_front(layer: Image, volume: OCTVolume) -> NDArray[Any]:
    """The (rows, columns) of an en-face picture that vessels are looked for in.

    Of a photograph of the fundus that is its green channel, which shows them best. A
    file that was opened as grey values is read again for it.

    Raises
    ------
    ReadError
        If that file is not there any more.
    """
    if layer.rgb:
        green: NDArray[Any] = np.asarray(_pixels_of(layer)[..., 1])
        return green
    was_changed = _CHANGED in volume.notes
    return (volume if was_changed else in_green(volume)).bscan(0)


def add_layers(viewer: napari.Viewer, layers: Sequence[LayerData]) -> list[Layer]:
    """Show what a reader made; the scan among it becomes the active layer."""
    added = [Layer.create(*one) for one in layers]
    for layer in added:
        viewer.add_layer(layer)
    scans = [layer for layer in added if isinstance(layer, Image)]
    viewer.layers.selection.active = (scans or added)[0]
    return added


def add_scan(viewer: napari.Viewer, volume: OCTVolume, name: str = "scan") -> Image:
    """Show a volume as a new image layer, with scale and units from its spacing."""
    return add_layers(viewer, volume_layers(volume, name))[0]


def set_spacing(viewer: napari.Viewer, layer: Image, spacing: Spacing) -> OCTVolume:
    """Give a scan, and all layers made from it, another spacing."""
    old = volume_of(layer)
    new = replace(old, spacing=spacing)
    scale, units = scale_and_units(new, layer.ndim)
    for other in list(viewer.layers):
        known = (
            known_volume(other)
            if isinstance(other, Image)
            else facts_of(other).get("volume")
        )
        if known is old:
            note(other, volume=new)
            if other.ndim == layer.ndim:
                other.scale = scale
                other.units = units
    return new


def has_known_plane(volume: OCTVolume) -> bool:
    """Whether lengths and areas on a B-scan can be told."""
    return volume.spacing.axial is not None and volume.spacing.lateral is not None


def bscan_on_screen(viewer: napari.Viewer, layer: Layer) -> int:
    """Index of the B-scan of `layer` that the viewer shows."""
    if layer.ndim == 2:
        return 0
    point = viewer.dims.point[-layer.ndim :]
    index = round(float(layer.world_to_data(point)[0]))
    return int(np.clip(index, 0, len(layer.data) - 1))


def make_labels_layer(
    labels: NDArray[np.uint8],
    volume: OCTVolume,
    label_set: LabelSet,
    *,
    image_layer: Image,
    name: str,
) -> Labels:
    """Labels layer over a scan, in the colours and with the names of a label set.

    The layer shares the memory of `labels`; a 2-D image layer gets a 2-D labels layer.
    """
    shown = labels[0] if image_layer.ndim == 2 else labels
    layer = Labels(
        shown,
        name=name,
        scale=image_layer.scale,
        translate=image_layer.translate,
        units=image_layer.units,
        axis_labels=image_layer.axis_labels,
        opacity=0.5,
        metadata={KEY: {"volume": volume, "label_set": label_set}},
    )
    dress(layer, label_set)
    return layer


def redraw(layer: Layer) -> None:
    """Draw a layer anew after its arrays were written into; as fast as the mouse moves.

    Only what draws it is told. The list of layers would paint itself anew as well, and
    with it the whole window.
    """
    with layer.events.blocker():
        layer.refresh(extent=False, thumbnail=False)


def shares_memory(layer: Labels, labels: NDArray[np.uint8]) -> bool:
    """Whether a layer shows this very array; a duplicate shows a copy of it."""
    return layer.data is labels or getattr(layer.data, "base", None) is labels


def dress(layer: Labels, label_set: LabelSet) -> None:
    """Give a labels layer the colours of a label set, and its names on hover."""
    clear = (0.0, 0.0, 0.0, 0.0)
    colours: dict[int | None, Any] = {IGNORE: clear, None: clear}
    colours.update(label_set.colours.items())
    layer.colormap = DirectLabelColormap(color_dict=colours)
    indices = [*range(len(label_set)), IGNORE]
    names = [*(_full_name(c.name, c.long_name) for c in label_set.classes), "–"]
    layer.features = {"index": indices, "class": names}


def _full_name(name: str, long_name: str) -> str:
    return f"{name} ({long_name})" if long_name and long_name != name else name


def _grey(pixels: Any) -> Any:
    """Mean of red, green and blue, in the type of the image; alpha is dropped."""
    return pixels[..., :3].mean(axis=-1).astype(pixels.dtype)


def _pixels_of(layer: Image) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _changed(origin: OCTVolume, grey: Any, layer: Image) -> OCTVolume:
    """A volume of other pixels of the same eye, such as a projection."""
    # A projection may have lost any of the three axes: its layer knows which are left.
    keeps_axes = layer.ndim == 3 or origin.n_bscans == 1
    changed = OCTVolume(
        grey,
        spacing=origin.spacing if keeps_axes else spacing_of(layer, Origin.DERIVED),
        laterality=origin.laterality,
        device=origin.device,
        source=origin.source,
        notes=tuple(dict.fromkeys((*origin.notes, _CHANGED))),
    )
    # The exponent is one for raw values, which a conversion would have changed.
    if changed.data.dtype == origin.data.dtype:
        return replace(changed, display_gamma=origin.display_gamma)
    return changed


def spacing_of(layer: Image | Labels, origin: Origin) -> Spacing:
    """Spacing in µm, where the layer has units of length."""
    values: list[float | None] = [None, None, None]
    for axis, (scale, unit) in enumerate(
        zip(layer.scale[::-1], layer.units[::-1], strict=True)
    ):
        if unit.is_compatible_with("um"):
            values[2 - axis] = float((scale * unit).to("um").magnitude)
    between, axial, lateral = values
    return Spacing.of((between, axial, lateral), origin)
