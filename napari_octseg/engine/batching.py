"""Which B-scans come next, and how many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.engine.device import free_bytes
from napari_octseg.errors import VolumeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

# More B-scans at once are no faster: a GPU is busy with these, and a processor keeps
# one in its cache. Fewer also show sooner and cancel sooner.
_MOST_AT_ONCE = {"cuda": 32, "mps": 4, "cpu": 1}
_SHARE_OF_FREE_MEMORY = 0.5


def outward(n_bscans: int, bscans: Sequence[int] | None, first: int) -> list[int]:
    """B-scans in the order of their distance from `first`.

    Raises
    ------
    VolumeError
        If an index is not a B-scan of the volume.
    """
    chosen = range(n_bscans) if bscans is None else bscans
    wrong = [i for i in (*chosen, first) if not 0 <= i < n_bscans]
    if wrong:
        raise VolumeError(
            f"B-scan {wrong[0]} of a volume with {n_bscans}",
            allowed=f"0 to {n_bscans - 1}",
        )
    return sorted(set(chosen), key=lambda i: (abs(i - first), i))


def affordable(device: torch.device, bytes_each: int) -> int:
    """B-scans at once that fit into the free memory of the device.

    Parameters
    ----------
    device
        Where they are segmented.
    bytes_each
        What one takes, 0 if unknown.
    """
    room = int(_SHARE_OF_FREE_MEMORY * free_bytes(device))
    fitting = room // bytes_each if bytes_each > 0 else _MOST_AT_ONCE[device.type]
    return max(1, min(_MOST_AT_ONCE[device.type], fitting))
