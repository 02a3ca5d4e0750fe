"""Does this look like OCT as we think it does? Sentences for what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.io.spacing_defaults import ANY_DEVICE, known_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_octseg.volume import OCTVolume

_N_LOOKED_AT = 3


def sanity_warnings(volume: OCTVolume) -> list[str]:
    """What looks odd about a volume, one sentence each; empty if nothing does.

    Looks at three B-scans only, so it is quick for lazy volumes too.
    """
    last = volume.n_bscans - 1
    indices = sorted({round(last * f) for f in np.linspace(0.1, 0.9, _N_LOOKED_AT)})
    bscans = [volume.bscan(i) for i in indices]
    return [
        *_about_axes(volume, indices),
        *_about_values(bscans),
        *_about_spacing(volume),
        *_about_boundaries(volume),
    ]


def _about_axes(volume: OCTVolume, indices: list[int]) -> Iterator[str]:
    n_bscans, depth, width = volume.shape
    if n_bscans > 1 and width < n_bscans and width < depth // 4:
        yield (
            f"The axes look swapped: {n_bscans} B-scans of only {width} A-scans. "
            "Expected are (B-scan, depth, A-scan)."
        )
        return
    # Tissue lies in layers: means along a row differ much more than along a column.
    shown = [volume.bscan_as_shown(i) for i in indices]
    down = float(np.mean([bscan.mean(axis=1).std() for bscan in shown]))
    across = float(np.mean([bscan.mean(axis=0).std() for bscan in shown]))
    if min(depth, width) >= 32 and across > 2 * down and across > 0.02:
        yield "The B-scans look turned by 90°: layers run down instead of across."


def _about_values(bscans: list[NDArray[Any]]) -> Iterator[str]:
    values = np.stack(bscans)
    floats = values.dtype.kind == "f"
    valid = np.isfinite(values) & (values < 1e9) if floats else np.ones(1, bool)
    share = 1 - float(valid.mean())
    if share > 0.01:
        yield f"{share:.0%} of the values are no numbers or marked as no signal."
    usable = values[valid] if floats else values.ravel()
    if not usable.size:
        return
    low, high = np.percentile(usable, (1, 99))
    top = float(usable.max())
    if low == high:
        yield "The B-scans have no contrast: nearly all values are the same."
        return
    if values.dtype == np.uint16 and top <= 255:
        yield "16-bit pixels hold only 8-bit values (up to 255)."
    if values.dtype == np.uint8 and high - low < 26:
        yield f"Low contrast: grey values lie between {low:.0f} and {high:.0f} of 255."
    if values.dtype == np.uint8 and len(np.unique(usable)) <= 16:
        yield "Only a few different values: this looks like labels, not like a scan."
    saturated = float((usable == top).mean())
    if saturated > 0.2:
        yield f"{saturated:.0%} of the pixels have the highest value: overexposed."


def _about_spacing(volume: OCTVolume) -> Iterator[str]:
    known = known_device(volume.device, volume.shape) or ANY_DEVICE
    names = ("between B-scans", "axial", "lateral")
    ranges = (known.between, known.axial, known.lateral)
    outside = [
        f"{name} {um:.4g} µm (usual {low:g} to {high:g})"
        for name, um, (low, high) in zip(names, volume.spacing, ranges, strict=True)
        if um is not None and not low <= um <= high
    ]
    if outside:
        yield (
            f"Spacing outside the range of {known.name}: {'; '.join(outside)}. "
            "Axes or units may be mixed up."
        )
    axial, lateral = volume.spacing.axial, volume.spacing.lateral
    if axial is not None and lateral is not None and axial > lateral:
        yield (
            f"Axial spacing ({axial:.4g} µm) is larger than lateral "
            f"({lateral:.4g} µm): the axes of the file may be swapped."
        )


def _about_boundaries(volume: OCTVolume) -> Iterator[str]:
    """Boundaries on the wrong B-scan: older EyeLab files run the other way round."""
    if volume.boundaries is None or volume.n_bscans < 3:
        return
    heights = volume.boundaries.heights
    as_given, reversed_ = 0.0, 0.0
    for index in {0, volume.n_bscans // 4, volume.n_bscans - 1}:
        steps = np.abs(np.diff(volume.bscan_as_shown(index), axis=0))
        as_given += _edge(steps, heights[:, index])
        reversed_ += _edge(steps, heights[:, volume.n_bscans - 1 - index])
    if reversed_ > 1.5 * as_given:
        yield (
            "The boundaries fit better with the B-scans in reverse order: the file may "
            "have been written by an older EyeLab."
        )


def _edge(steps: NDArray[np.float32], heights: NDArray[np.float32]) -> float:
    """Mean step of brightness under boundaries (n_boundaries, width)."""
    rows = np.floor(heights)
    inside = np.isfinite(rows) & (rows >= 0) & (rows < len(steps))
    columns = np.broadcast_to(np.arange(heights.shape[1]), heights.shape)
    if not inside.any():
        return 0.0
    return float(steps[rows[inside].astype(int), columns[inside]].mean())
