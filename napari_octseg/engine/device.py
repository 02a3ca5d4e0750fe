"""Choose and describe the device a network runs on, and know its memory."""

from __future__ import annotations

import logging
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import torch

from napari_octseg.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

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
    n_threads = torch.get_num_threads()
    return f"CPU, {n_threads} thread{'' if n_threads == 1 else 's'}"


def choose_device(name: str = "auto") -> DeviceChoice:
    """The device called `name`, or the best one for ``auto``.

    A GPU that is not there falls back to the CPU, and the message says so; only a name
    that no device has is an error.

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


def fast_dtypes(device: torch.device) -> tuple[torch.dtype, ...]:
    """Half precisions that the device computes faster than fp32, best first.

    On x86 only processors with bf16 instructions count: elsewhere bf16 is emulated.
    """
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        # Tensor cores compute fp16 since Volta (7), bf16 since Ampere (8).
        both = (torch.bfloat16, torch.float16)
        return both if major >= 8 else both[1:] if major == 7 else ()
    if device.type == "mps":
        return (torch.float16,)
    if not has_onednn():
        return ()
    if platform.machine().lower() in ("x86_64", "amd64"):
        flags = torch.backends.cpu.get_cpu_capability(), _x86_has_bf16()
        return (torch.bfloat16,) if flags == ("AVX512", True) else ()
    return (torch.bfloat16,)  # the first B-scan shows whether it is really faster


def has_onednn() -> bool:
    """Whether torch computes convolutions on the CPU with oneDNN."""
    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def free_bytes(device: torch.device) -> int:
    """Memory that new tensors may take on the device, in bytes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device)
        return int(free + cached - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        limit = torch.mps.recommended_max_memory()
        return int(limit - torch.mps.driver_allocated_memory())
    return int(psutil.virtual_memory().available)


def watch_memory(device: torch.device) -> Callable[[], int]:
    """From now on: how many bytes tensors took at most, beyond what they take now.

    Only CUDA counts; elsewhere the answer is 0.
    """
    if device.type != "cuda":
        return lambda: 0
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    return lambda: int(torch.cuda.max_memory_allocated(device) - before)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error of torch means that a device has no memory left."""
    # Only CUDA has a type of its own for it; the CPU and MPS say it in words.
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error) for words in ("can't allocate memory", "out of memory")
    )


def release_cached(device: torch.device) -> None:
    """Give memory that torch keeps for later back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _x86_has_bf16() -> bool:
    # torch tells the instruction sets of the processor only in these two functions,
    # which are not public: without them, no half precision.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in checks)
