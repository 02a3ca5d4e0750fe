"""Keep freed memory in the process while a network runs.

glibc hands the large blocks of activations back to the system after every layer, and
gets them again, page by page, for the next one. On a CPU that costs up to a fifth of
the time of a forward pass (8 000 page faults for one OCTID U-Net, 59 000 for a Duke
U-Net; none with `freed_memory_kept`).
"""

from __future__ import annotations

import ctypes
import platform
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Parameters of mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MIB = 1 << 20
# Threads allocate from heaps of 64 MiB each (larger blocks come from the system);
# a heap is given back when it is empty, unless a pad of its size is asked for.
_KEEP = {
    _MMAP_THRESHOLD: 1024 * _MIB,
    _TRIM_THRESHOLD: 2047 * _MIB,
    _TOP_PAD: 64 * _MIB,
}
# Where glibc's own adaptation ends in a process that handles large arrays.
_USUAL = {
    _MMAP_THRESHOLD: 32 * _MIB,
    _TRIM_THRESHOLD: 64 * _MIB,
    _TOP_PAD: _MIB // 8,
}

_lock = threading.Lock()
_n_users = 0


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """While open, the C library keeps what is freed; then the system gets it back.

    May be open several times at once, in any thread. Does nothing where the C library
    is not glibc.
    """
    global _n_users
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    with _lock:
        _n_users += 1
        if _n_users == 1:
            _set(libc, _KEEP)
    try:
        yield
    finally:
        with _lock:
            _n_users -= 1
            if _n_users == 0:
                _set(libc, _USUAL)
                libc.malloc_trim(0)


def _set(libc: ctypes.CDLL, values: dict[int, int]) -> None:
    for parameter, value in values.items():
        libc.mallopt(parameter, value)
