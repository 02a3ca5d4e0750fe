"""Two models on the same B-scans, side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_octseg.engine.ensemble import find_models
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_octseg.engine.inference import Segmentation
    from napari_octseg.volume import OCTVolume

    Task = Generator[Progress, None, Segmentation]


@dataclass(frozen=True, eq=False)
class Pair:
    """What two models made of one volume; both grow while `iter_pair` runs."""

    first: Segmentation
    second: Segmentation


def iter_pair(
    volume: OCTVolume,
    first_model: str | Sequence[str],
    second_model: str | Sequence[str],
    **options: Any,
) -> Generator[Progress, None, Pair]:
    """Segment a volume with two models, B-scan by B-scan in turns.

    Parameters
    ----------
    volume
        The scan.
    first_model, second_model
        Names or folders of bundles for B-scans, as for `iter_segment`; their classes
        may differ.
    **options
        Those of `iter_segment`, for both.

    Yields
    ------
    Progress
        One unit for each B-scan and model. `updated` lists the B-scans that both
        have done, in `result`.

    Returns
    -------
    Pair
        The seconds of each are its own.

    Raises
    ------
    OctsegError
        As `iter_segment`; what is wrong with either model is said before anything is
        computed.
    """
    for model in (first_model, second_model):
        find_models(model, "bscan")
    runners = [
        _Runner(iter_segment(volume, model, **options))
        for model in (first_model, second_model)
    ]
    n_shared = 0
    pair: Pair | None = None
    try:
        while not all(runner.is_over for runner in runners):
            # The one that is behind; both take the B-scans in the same order.
            behind = min((r for r in runners if not r.is_over), key=lambda r: r.n_done)
            step = behind.advance()
            first, second = (runner.result for runner in runners)
            if first is None or second is None:
                yield Progress(0, 2 * behind.total, step.message)
                continue
            pair = pair or Pair(first, second)
            n_both = min(runner.n_done for runner in runners)
            yield Progress(
                sum(runner.n_done for runner in runners),
                2 * behind.total,
                step.message,
                updated=tuple(runners[0].order[n_shared:n_both]),
                result=pair,
            )
            n_shared = n_both
    finally:
        for runner in runners:
            runner.task.close()
    first, second = (runner.result for runner in runners)
    assert first is not None and second is not None  # both have ended
    return pair or Pair(first, second)


class _Runner:
    """A task of `iter_segment`, how far it is, and the time it took by itself."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.order: list[int] = []
        self.total = 0
        self.result: Segmentation | None = None
        self.is_over = False
        self._seconds = 0.0

    @property
    def n_done(self) -> int:
        """Number of B-scans done."""
        return len(self.order)

    def advance(self) -> Progress:
        """One step further."""
        started = time.perf_counter()
        step = Progress(self.n_done, self.total)
        try:
            step = next(self.task)
            self.total = step.total
            self.order += step.updated
            self.result = step.result or self.result
        except StopIteration as end:
            self.result, self.is_over = end.value, True
        self._seconds += time.perf_counter() - started
        if self.result is not None:
            self.result.seconds = self._seconds
        return step
