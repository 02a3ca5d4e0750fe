"""Devices, precision and processes of a training, through Lightning Fabric."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

from napari_octseg.engine.device import choose_device, fast_dtypes
from napari_octseg.errors import DeviceError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def launch_fabric(
    device: str = "auto",
    *,
    n_devices: int = 1,
    n_nodes: int = 1,
    precision: str = "bf16-mixed",
) -> Fabric:
    """Start the processes of a training, one for each device.

    With more than one device the command that runs now is started again for each
    further one, and all of them return from here (PyTorch DDP).

    Parameters
    ----------
    device
        As for `choose_device`; of a GPU with a number, that one is taken.
    n_devices, n_nodes
        Devices of each node, and nodes.
    precision
        As Fabric names it: ``bf16-mixed``, ``32-true``, ``16-mixed``. bf16 keeps the
        range of float32: no loss scaling is needed on any device. A processor that
        would only emulate bf16 computes in float32, which is faster there.

    Raises
    ------
    DeviceError
        If there are not so many devices, or they do not know the precision.
    """
    from lightning_fabric import Fabric
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    # It tells in log lines what the user has just asked for, and sets its own level.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    chosen = choose_device(device).device
    if (
        precision == "bf16-mixed"
        and chosen.type == "cpu"
        and torch.bfloat16 not in fast_dtypes(chosen)
    ):
        precision = "32-true"
    alone = n_devices == 1 and chosen.index is not None
    try:
        fabric = Fabric(
            accelerator=chosen.type,
            devices=[chosen.index] if alone else n_devices,
            num_nodes=n_nodes,
            precision=precision,  # type: ignore[arg-type]  # Fabric checks it
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise DeviceError(
            f"{n_devices} × {chosen.type} with precision {precision} cannot train: "
            f"{error}",
            todo="train on one device, or choose another precision",
        ) from error
    fabric.launch()
    return fabric


def is_first_process() -> bool:
    """Whether this process is the one that writes and talks."""
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    return bool(getattr(rank_zero_only, "rank", 0) == 0)
