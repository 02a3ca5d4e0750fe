"""What a scan is known by: its content, so that files may move and be renamed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_octseg.volume import OCTVolume

_LARGE_BYTES = 2**30
_N_SAMPLES = 16
_NAME_DIGITS = 8


def scan_hash(volume: OCTVolume) -> str:
    """BLAKE2b of the shape, dtype and raw values of a scan, 32 digits.

    The same for arrays in memory and on disk (dask), which are read one B-scan at a
    time. Of volumes above 1 GiB only 16 B-scans, evenly spread from the first to the
    last, are read.
    """
    dtype = np.dtype(volume.data.dtype).newbyteorder("<")
    found = hashlib.blake2b(f"{volume.shape} {dtype.str}".encode(), digest_size=16)
    bscans = np.arange(volume.n_bscans)
    n_bytes = int(np.prod(volume.shape, dtype=np.int64)) * dtype.itemsize
    if n_bytes > _LARGE_BYTES:
        bscans = np.unique(np.linspace(0, volume.n_bscans - 1, _N_SAMPLES).astype(int))
    for bscan in bscans:
        pixels = np.ascontiguousarray(volume.bscan(int(bscan)), dtype)
        found.update(pixels.view(np.uint8).data)
    return found.hexdigest()


def is_another_scan(volume: OCTVolume, other: OCTVolume) -> bool:
    """Whether two volumes are known to be different scans.

    Of one type they have equal pixels if they are the same; pixels of another type do
    not tell, because programmes convert them.
    """
    same_type = volume.data.dtype == other.data.dtype
    return same_type and scan_hash(volume) != scan_hash(other)


def scan_name(volume: OCTVolume) -> str:
    """A name that tells nothing about the patient, ``S-3f9a21c7``, from the content.

    Names of files often hold that of the patient.
    """
    return f"S-{scan_hash(volume)[:_NAME_DIGITS]}"
