"""The architectures by name; they know nothing of files, cards or OCT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_octseg.errors import ModelError
from napari_octseg.networks.discriminator import RetouchDiscriminator
from napari_octseg.networks.iternet import IterNet
from napari_octseg.networks.raspnet import RASPNet
from napari_octseg.networks.retouch import RetouchNet
from napari_octseg.networks.unet import UNet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "iternet": IterNet,
    "raspnet": RASPNet,
    "retouch": RetouchNet,
    "retouch-discriminator": RetouchDiscriminator,
    "unet": UNet,
}


def build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """A network with random weights.

    Raises
    ------
    ModelError
        If the architecture is unknown or does not take these arguments.
    """
    if name not in ARCHITECTURES:
        raise ModelError(
            f"The architecture {name!r} is unknown",
            allowed=", ".join(sorted(ARCHITECTURES)),
            todo="update napari-octseg, or correct the card",
        )
    try:
        return ARCHITECTURES[name](**arguments)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"The architecture {name!r} does not take {dict(arguments)} ({error})"
        ) from error
