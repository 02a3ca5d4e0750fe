"""Choose and describe the device a network runs on."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch

from napari_octseg.errors import DeviceError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceChoice:
    """A device that can be used, and a sentence about it for people."""

    device: torch.device
    message: str


def available_devices() -> list[str]:
    """What `choose_device` accepts here, best first: ``auto``, GPUs, ``cpu``."""
    names = ["auto"]
    if torch.cuda.is_available():
        names += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def describe_device(name: str) -> str:
    """What a device is, for people: "NVIDIA H200, 141 GB", "CPU, 2 threads"."""
    if name == "auto":
        return "automatic: " + describe_device(available_devices()[1])
    if name.startswith("cuda"):
        properties = torch.cuda.get_device_properties(torch.device(name))
        return f"{properties.name}, {properties.total_memory / 1e9:.0f} GB"
    if name == "mps":
        return "Apple GPU"
    return f"CPU, {torch.get_num_threads()} threads"


def choose_device(name: str = "auto") -> DeviceChoice:
    """The device called `name`, or the best one for ``auto``.

    A GPU that was asked for and is not there is an error only for a wrong name; a
    missing one falls back to the CPU, and the message says so.

    Parameters
    ----------
    name
        ``auto``, ``cuda``, ``cuda:1``, ``mps`` or ``cpu``.

    Raises
    ------
    DeviceError
        If `name` is not the name of a device.
    """
    present = available_devices()
    if name == "auto":
        best = present[1]
        return DeviceChoice(torch.device(best), f"using {describe_device(best)}")
    kind, _, number = name.partition(":")
    if kind not in ("cuda", "mps", "cpu") or (number and not number.isdigit()):
        raise DeviceError(
            f"No device is called {name!r}",
            allowed=", ".join(present),
            todo="use auto to take the best one",
        )
    wanted = "cuda:0" if name == "cuda" else name
    if wanted in present:
        return DeviceChoice(torch.device(wanted), f"using {describe_device(wanted)}")
    message = (
        f"{name} was asked for but is not there "
        f"(found: {', '.join(present[1:])}); using the CPU instead"
    )
    logger.warning(message)
    return DeviceChoice(torch.device("cpu"), message)
