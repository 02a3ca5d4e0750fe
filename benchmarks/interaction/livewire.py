"""How long a live-wire takes to answer, without any window."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.interaction.report import Spread
from napari_octseg.editing.cost import boundary_cost, polarity_of
from napari_octseg.editing.likeness import surroundings
from napari_octseg.editing.livewire import live_wire
from napari_octseg.phantom import PhantomSettings, make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DEPTH, WIDTH = 496, 768
_NAMES = ("ILM", "RNFL/GCL", "IPL/INL", "OPL/ONL", "EZ/RPE", "BM")


def answers(n_times: int) -> dict[str, Spread]:
    """Time to prepare a B-scan, and of one answer, each `n_times` per boundary.

    Clicks lie up to 3 px beside the true boundary, as those of a hand do.
    """
    phantom = make_phantom(PhantomSettings("spectralis", shape=(1, DEPTH, WIDTH)))
    image = phantom.volume.bscan_as_shown(0)
    random = np.random.default_rng(0)
    truth = {name: phantom.boundaries[name][0] for name in _NAMES}
    prepared = [_timed(lambda: boundary_cost(image, polarity=1)) for _ in range(9)]
    around_times = [_timed(lambda: surroundings(image)) for _ in range(9)]
    around = surroundings(image)
    found = {"prepare a B-scan: edges": _spread(prepared)}
    found["prepare a B-scan: what clicks look like"] = _spread(around_times)
    reaches = {"a quarter of the width": WIDTH // 4, "clicks at both ends": WIDTH - 1}
    for title, reach in reaches.items():
        times = []
        for name, heights in truth.items():
            cost = boundary_cost(image, polarity=polarity_of(name))
            for _ in range(n_times):
                clicks = _clicks(heights, reach, random)
                answer = partial(live_wire, cost, clicks, around=around)
                times.append(_timed(answer))
        found[f"one answer, {title}"] = _spread(times)
    return found


def _clicks(
    heights: NDArray[np.float32], reach: int, random: np.random.Generator
) -> list[tuple[float, float]]:
    first = int(random.integers(WIDTH - reach))
    columns = (first, first + reach)
    rows = [float(heights[c] + random.uniform(-3, 3)) for c in columns]
    inside = [min(max(row, 0.0), DEPTH - 1.0) for row in rows]
    return [(row, float(c)) for row, c in zip(inside, columns, strict=True)]


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.thread_time()
    call()
    return time.perf_counter() - wall, time.thread_time() - cpu


def _spread(times: list[tuple[float, float]]) -> Spread:
    wall, cpu = zip(*times, strict=True)
    return Spread.of(wall, cpu)
