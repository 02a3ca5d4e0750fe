"""The scale bar of a viewer: there where lengths are known, unless switched off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_octseg.widgets._layers import has_known_plane

if TYPE_CHECKING:
    import napari
    from napari.components.overlays import ScaleBarOverlay

    from napari_octseg.volume import OCTVolume


@dataclass
class _Seen:
    """What we found at a scale bar when we looked last."""

    is_known: bool = False
    is_declined: bool = False


_seen: WeakKeyDictionary[ScaleBarOverlay, _Seen] = WeakKeyDictionary()


def show_scale_bar(viewer: napari.Viewer, volume: OCTVolume) -> None:
    """Show the scale bar when lengths become known, hide it when they become unknown.

    A bar that was switched off by hand stays off; its style is set once.
    """
    bar = viewer.canvas.overlays.scale_bar
    bar = getattr(bar, "__wrapped__", bar)
    seen = _seen.get(bar)
    if seen is None:
        seen = _seen[bar] = _Seen()
        bar.position = "bottom_left"  # napari's notifications cover the right
        bar.font_size = 12
        bar.box = True  # bright tissue may lie behind it
    is_known = has_known_plane(volume)
    if is_known == seen.is_known:
        return
    if not is_known:
        seen.is_declined = not bar.visible
    bar.visible = is_known and not seen.is_declined
    seen.is_known = is_known
