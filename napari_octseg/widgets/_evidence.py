"""What speaks for looking at a B-scan, from the scan and the predictions of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels

from napari_octseg.editing.signal_quality import signal_quality
from napari_octseg.engine.comparing.difference import difference, shared_classes
from napari_octseg.engine.progress import Progress
from napari_octseg.labels import IGNORE
from napari_octseg.widgets._layers import facts_of, plain

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import napari
    from numpy.typing import NDArray

    from napari_octseg.volume import OCTVolume
    from napari_octseg.widgets._results import Result


@dataclass(frozen=True, eq=False)
class Gathered:
    """What takes time to find out.

    Attributes
    ----------
    signal
        (n_bscans,) float32, `signal_quality`.
    disagreement
        (n_bscans,) float32 in 0…1: share of pixels that two models label otherwise,
        NaN where either has not run; None without two models.
    """

    signal: NDArray[np.float32]
    disagreement: NDArray[np.float32] | None


def predictions_of(viewer: napari.Viewer, volume: OCTVolume) -> list[Result]:
    """What models made of a scan, as far as it is in the viewer; newest first."""
    found: list[Result] = []
    for layer in reversed(list(viewer.layers)):
        facts = facts_of(plain(layer)) if isinstance(plain(layer), Labels) else {}
        result, scan = facts.get("segmentation"), facts.get("volume")
        # A spacing that was edited makes another volume of the same pixels.
        same = scan is not None and scan.data is volume.data
        if result is not None and same and not any(result is other for other in found):
            found.append(result)
    return found


def iter_gathered(
    volume: OCTVolume, results: Sequence[Result], signal: NDArray[np.float32] | None
) -> Generator[Progress, None, Gathered]:
    """Go through a scan, B-scan by B-scan.

    Parameters
    ----------
    volume
        The scan.
    results
        What models made of it; the first two are compared.
    signal
        (n_bscans,) float32 if it is known already: it does not change.

    Yields
    ------
    Progress
        After each B-scan.
    """
    n_bscans = volume.n_bscans
    found = np.zeros(n_bscans, np.float32) if signal is None else signal
    pair = results[:2] if len(results) > 1 else None
    shared = shared_classes(*(r.label_set for r in pair)) if pair else None
    apart = np.full(n_bscans, np.nan, np.float32) if shared and shared.names else None
    for bscan in range(n_bscans):
        if signal is None:
            found[bscan] = signal_quality(np.asarray(volume.data[bscan]))
        if apart is not None and pair is not None and shared is not None:
            differs, _ = difference(
                pair[0].labels[bscan], pair[1].labels[bscan], shared
            )
            known = differs != IGNORE
            if known.any():
                apart[bscan] = np.mean(differs[known])
        yield Progress(bscan + 1, n_bscans, f"B-scan {bscan + 1} of {n_bscans}")
    return Gathered(found, apart)
