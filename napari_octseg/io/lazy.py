"""Pixels that stay on disk until a B-scan is looked at."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def stack_lazily(
    load: Callable[[int], NDArray[Any]],
    n_bscans: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Any:
    """Dask array (n_bscans, *shape) that calls ``load(index)`` when it is needed."""
    array: Any = import_module("dask.array")
    delayed: Any = import_module("dask.delayed").delayed
    loader = delayed(load)
    return array.stack(
        [array.from_delayed(loader(i), shape, dtype) for i in range(n_bscans)]
    )


def native_lazily(mapped: NDArray[Any]) -> Any:
    """A memory map in the byte order of this machine, without loading it."""
    if mapped.dtype.isnative:
        return mapped
    array: Any = import_module("dask.array")
    chunks = (1,) * (mapped.ndim - 2) + mapped.shape[-2:]
    lazy = array.from_array(mapped, chunks=chunks)
    return lazy.astype(mapped.dtype.newbyteorder("="))
