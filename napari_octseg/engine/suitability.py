"""Whether a model can take a scan: said before anything is loaded or computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.errors import ModelError, VolumeError
from napari_octseg.volume import ScanPattern

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard, ProjectionKind
    from napari_octseg.volume import OCTVolume

LEAST_BSCANS = 16
"""B-scans from which on an en-face image is worth the name."""


def check_suits(card: ModelCard, volume: OCTVolume, *, is_enface: bool = False) -> None:
    """Check that a model can take a scan.

    Parameters
    ----------
    card
        Of the model.
    volume
        B-scans, or one en-face image.
    is_enface
        Whether it is an en-face image (a projection, OCTA, a fundus photograph).

    Raises
    ------
    ModelError
        If the model is for images of the other kind.
    VolumeError
        If an en-face model is to map a scan of too few B-scans or no raster.
    """
    if card.input.plane == "bscan":
        if is_enface:
            raise ModelError(
                f"{card.title} is for B-scans, and this is an en-face image",
                todo="choose a model for en-face images",
            )
        return
    if is_enface:
        if volume.n_bscans != 1:
            raise VolumeError(
                f"A stack of {volume.n_bscans} pictures is no en-face image",
                todo="open one en-face image, or take it for the volume that it is",
            )
        return
    projection_kind(card)
    check_enface_volume(volume)


def may_be_picture(volume: OCTVolume) -> bool:
    """Whether a scan can be an en-face image: one picture, by its file no B-scan."""
    said = (volume.device, volume.positions, volume.boundaries, volume.localizer)
    return volume.n_bscans == 1 and all(one is None for one in said)


def projection_kind(card: ModelCard) -> ProjectionKind:
    """The fundus reconstruction that an en-face model takes of a volume.

    Raises
    ------
    ModelError
        If it takes none.
    """
    if card.input.projection is None:
        raise ModelError(
            f"The model {card.name!r} takes en-face images, not projections of a "
            "structural scan",
            allowed="one en-face picture, such as OCT angiography; for volumes, models "
            "whose card names input.projection",
            todo="give it an en-face picture, or choose another model for this scan",
        )
    return card.input.projection


def check_enface_volume(volume: OCTVolume) -> None:
    """Check that an en-face image can be made of a volume.

    Raises
    ------
    VolumeError
        If it has too few B-scans, or they do not lie side by side.
    """
    if volume.n_bscans < LEAST_BSCANS:
        scan = "one B-scan" if volume.n_bscans == 1 else f"{volume.n_bscans} B-scans"
        raise VolumeError(
            f"An en-face model needs a volume of at least {LEAST_BSCANS} B-scans, "
            f"this one has {scan}",
            todo="open a volume scan, or one en-face picture, or choose a model for "
            "B-scans",
        )
    check_pattern(volume)


def check_pattern(volume: OCTVolume) -> tuple[str, ...]:
    """Notes on the scan pattern.

    Raises
    ------
    VolumeError
        Unless the B-scans lie side by side, as far as is known.
    """
    if volume.scan_pattern is ScanPattern.UNKNOWN:
        return ("The scan pattern is not known: it was taken for a raster.",)
    if volume.scan_pattern is not ScanPattern.RASTER:
        raise VolumeError(
            f"An en-face projection of a {volume.scan_pattern} scan",
            allowed="raster scans, whose B-scans lie side by side",
            todo="open a volume scan of this eye",
        )
    return ()
