"""What a data set keeps of a volume beside its pixels: nothing about a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_octseg.volume import OCTVolume, Origin, ScanPattern, Spacing

if TYPE_CHECKING:
    from collections.abc import Mapping


def anonymous(volume: OCTVolume) -> OCTVolume:
    """The volume without what could tell whose eye it is.

    Pixels, spacing, eye, scan pattern, device and display exponent stay. The file's
    name, notes, localizer (an image of the fundus), place on the fundus, and the
    labels and boundaries that came with the file go.
    """
    return OCTVolume(
        volume.data,
        spacing=volume.spacing,
        laterality=volume.laterality,
        scan_pattern=volume.scan_pattern,
        device=volume.device,
        display_gamma=volume.display_gamma,
    )


def facts_of(volume: OCTVolume) -> dict[str, Any]:
    """Spacing in µm, eye, scan pattern, device and display exponent, for JSON."""
    return {
        "spacing_um": list(volume.spacing),
        "spacing_origins": [str(origin) for origin in volume.spacing.origins],
        "laterality": volume.laterality,
        "scan_pattern": str(volume.scan_pattern),
        "device": volume.device,
        "display_gamma": volume.display_gamma,
    }


def volume_of(pixels: Any, facts: Mapping[str, Any]) -> OCTVolume:
    """Volume of pixels (n_bscans, depth, width) and what `facts_of` gave.

    Raises
    ------
    KeyError, TypeError, ValueError
        If facts are missing or of another kind.
    VolumeError
        If they contradict each other.
    """
    between, axial, lateral = facts["spacing_um"]
    first, second, third = (Origin(name) for name in facts["spacing_origins"])
    return OCTVolume(
        pixels,
        spacing=Spacing(between, axial, lateral, (first, second, third)),
        laterality=facts["laterality"],
        scan_pattern=ScanPattern(facts["scan_pattern"]),
        device=facts["device"],
        display_gamma=float(facts["display_gamma"]),
    )
