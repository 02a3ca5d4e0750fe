"""Freed memory is kept while a network runs, and given back after it."""

from __future__ import annotations

import platform
import sys
import threading

import pytest
import torch

from napari_octseg.engine.memory import freed_memory_kept

on_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc gives memory back at once"
)


def page_faults(n_blocks: int) -> int:
    """Page faults of taking and freeing blocks of 16 MB."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n_blocks):
        torch.ones(4_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@on_glibc
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize("in_thread", [False, True], ids=["main", "thread"])
def test_a_block_that_was_freed_is_used_again(in_thread: bool) -> None:
    faults = []

    def work() -> None:
        with freed_memory_kept():
            page_faults(12)  # until the blocks have found their place
            faults.append(page_faults(8))

    if in_thread:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()
    pages_of_a_block = 4 * 4_000_000 // 4096
    assert faults[0] <= 2 * pages_of_a_block


def test_it_may_be_open_several_times() -> None:
    with freed_memory_kept(), freed_memory_kept():
        torch.ones(1000)
    with freed_memory_kept():
        torch.ones(1000)


def test_an_error_inside_passes_through() -> None:
    with pytest.raises(ValueError, match="inside"), freed_memory_kept():
        raise ValueError("inside")
