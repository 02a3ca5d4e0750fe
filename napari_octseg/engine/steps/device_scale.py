"""Axial resampling, so that the layers of every device are about equally thick."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.engine.resizing import resize

if TYPE_CHECKING:
    from torch import Tensor

    from napari_octseg.volume import OCTVolume

REFERENCE_UM = 3.87
"""Axial spacing of the Spectralis, to whose scale scans are brought."""

ROW_FACTORS = {1024: 2.0, 496: 1.0, 650: 1.1429, 885: 1.5385}
"""Rows of a B-scan → native rows for one of the network, as published for RETOUCH
(patches of 512, 256, 292 and 393 rows for 256, fractions cut off)."""

_LEAST, _MOST = 0.5, 4.0


def axial_factor(
    rows: int, axial_um: float | None, reference_um: float = REFERENCE_UM
) -> float:
    """Native rows for one row of the network.

    Parameters
    ----------
    rows
        Depth of the scan, px.
    axial_um
        Its axial spacing. Where it is unknown, the number of rows tells the device
        (`ROW_FACTORS`), and any other number counts as the reference.
    reference_um
        Axial spacing that the network was trained at.

    Returns
    -------
    0.5 to 4: a spacing beyond that is a mistake in the file, or no retina.
    """
    if axial_um is None:
        return ROW_FACTORS.get(rows, 1.0) * reference_um / REFERENCE_UM
    return min(max(reference_um / axial_um, _LEAST), _MOST)


def scaled_rows(
    rows: int, axial_um: float | None, *, reference_um: float = REFERENCE_UM
) -> int:
    """Rows after resampling to about `reference_um` axially; at least 1."""
    return max(1, round(rows / axial_factor(rows, axial_um, reference_um)))


def device_scale(
    image: Tensor, volume: OCTVolume | None, *, reference_um: float = REFERENCE_UM
) -> Tensor:
    """(C, H, W) resampled along the depth; the columns stay.

    Bilinear, and smooth where rows are fewer. Labels that a network gives for the
    result are brought back to the scan's own rows with all others.

    Parameters
    ----------
    image
        (C, H, W) float32.
    volume
        The scan, for its axial spacing; None: unknown.
    reference_um
        Axial spacing that the network was trained at, µm: the first of the card's
        `input.spacing_um`.
    """
    axial_um = None if volume is None else volume.spacing.axial
    rows = scaled_rows(image.shape[-2], axial_um, reference_um=reference_um)
    return resize(image[None], (rows, image.shape[-1]))[0]
