"""Grey values from whatever a picture format holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour: TypeAlias = Literal["luminance", "green"]
"""What of a colour picture becomes its grey values."""

BY_LUMINANCE = "Colour was turned into grey by luminance; drawn overlays stay visible."
"""Note of a volume whose picture has more to show than its grey values."""

# Luminance of ITU-R BT.601, which JPEG, PNG viewers and Pillow use for grey.
_LUMINANCE = (0.299, 0.587, 0.114)


def to_grey(
    pixels: NDArray[Any], colour: Colour = "luminance"
) -> tuple[NDArray[Any], str | None]:
    """Grey values of an array whose last axis is colour.

    Parameters
    ----------
    pixels
        (…, 1…4): grey, grey + alpha, RGB or RGBA; integers or floats. Alpha is dropped.
    colour
        ``green`` shows the vessels of a photograph best.

    Returns
    -------
    grey
        (…) of the same type: the channel where the three are equal, else `colour`.
    note
        What was done, or None where nothing was lost.
    """
    n_channels = pixels.shape[-1]
    if n_channels < 3:
        return pixels[..., 0], None
    red, green, blue = (pixels[..., i] for i in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return red, None
    if colour == "green":
        return green, "Colour was turned into grey: its green channel."
    grey = sum(
        weight * channel.astype(np.float32)
        for weight, channel in zip(_LUMINANCE, (red, green, blue), strict=True)
    )
    if np.issubdtype(pixels.dtype, np.integer):
        grey = np.rint(grey)
    return np.asarray(grey).astype(pixels.dtype), BY_LUMINANCE


def native(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same values in the byte order of this machine (torch accepts no other)."""
    if pixels.dtype.isnative:
        return pixels
    return pixels.astype(pixels.dtype.newbyteorder("="))
