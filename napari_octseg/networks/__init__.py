"""The architectures by name; they know nothing of files, cards or OCT.

Another installed package adds one by an entry point of the group
``napari_octseg.networks``; a script or notebook by `register`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
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

    Constructor = Callable[..., nn.Module]

ENTRY_POINTS = "napari_octseg.networks"

ARCHITECTURES: dict[str, Constructor] = {
    "iternet": IterNet,
    "raspnet": RASPNet,
    "retouch": RetouchNet,
    "retouch-discriminator": RetouchDiscriminator,
    "unet": UNet,
}


def register(name: str, constructor: Constructor) -> None:
    """Let cards and recipes name an architecture, in this process.

    Parameters
    ----------
    name
        What cards and recipes call it.
    constructor
        The class, or a function, that makes the network of keyword arguments.

    Raises
    ------
    ModelError
        If another architecture has the name.
    """
    if ARCHITECTURES.get(name, constructor) is not constructor or _added(name):
        raise ModelError(
            f"An architecture is called {name!r} already",
            todo="register it under another name",
        )
    ARCHITECTURES[name] = constructor


def architecture_names() -> list[str]:
    """All names that `build` knows, those of add-ons among them."""
    added = (point.name for point in entry_points(group=ENTRY_POINTS))
    return sorted({*ARCHITECTURES, *added})


def build(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """A network with random weights.

    Raises
    ------
    ModelError
        If the architecture is unknown, does not take these arguments, or belongs to an
        add-on that cannot be loaded.
    """
    constructor = ARCHITECTURES.get(name) or _constructor_of_add_on(name)
    try:
        return constructor(**arguments)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"The architecture {name!r} does not take {dict(arguments)} ({error})"
        ) from error


def _added(name: str) -> list[EntryPoint]:
    """Entry points of that name; an editable install may list the same one twice."""
    found = entry_points(group=ENTRY_POINTS, name=name)
    return list({point.value: point for point in found}.values())


def _constructor_of_add_on(name: str) -> Constructor:
    added = _added(name)
    if not added:
        raise ModelError(
            f"The architecture {name!r} is unknown",
            allowed=", ".join(architecture_names()),
            todo="update napari-octseg, install the add-on that brings it, or correct "
            "the card",
        )
    if len(added) > 1:
        places = " and ".join(point.value for point in added)
        raise ModelError(
            f"Several add-ons bring an architecture {name!r}: {places}",
            todo="uninstall all of them but one",
        )
    (point,) = added
    try:
        constructor: Constructor = point.load()
    except Exception as error:  # whatever the import of a foreign module raises
        raise ModelError(
            f"The architecture {name!r} of the add-on {point.value} cannot be loaded "
            f"({type(error).__name__}: {error})",
            todo="repair or uninstall the add-on",
        ) from error
    return constructor
