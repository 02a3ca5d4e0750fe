"""One name per boundary, whatever a device or programme calls it.

IN-OCT nomenclature (Staurenghi et al., Ophthalmology 121:1572-1578, 2014), with
the surfaces named by what lies above and below. Devices that name a surface by one
layer mean its outer (lower) boundary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import Boundaries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ORDER = (
    "ILM",
    "RNFL/GCL",
    "GCL/IPL",
    "IPL/INL",
    "INL/OPL",
    "OPL/ONL",
    "ELM",
    "ELM/EZ",
    "EZ/OS",
    "EZ/RPE",
    "RPE",
    "BM",
    "CSI",
)

# Lower case, every separator as "/".
_SYNONYMS = {
    "ilm": "ILM",
    "ilm/ilm": "ILM",
    # HEYEX: the outer boundary of the layer
    "rnfl": "RNFL/GCL",
    "gcl": "GCL/IPL",
    "ipl": "IPL/INL",
    "inl": "INL/OPL",
    "opl": "OPL/ONL",
    "ios": "EZ/OS",
    "pr1": "EZ/OS",
    "pr2": "EZ/RPE",
    "cho": "CSI",
    # Duke
    "nfl/gcl": "RNFL/GCL",
    "ism/ise": "ELM/EZ",
    "os/rpe": "EZ/RPE",
    "ibrpe": "EZ/RPE",
    # OCTExplorer
    "opl/henles fiber layer": "OPL/ONL",
    "opl/hfl": "OPL/ONL",
    "bmeis": "ELM/EZ",
    "is/osj": "EZ/OS",
    "is/os junction": "EZ/OS",
    "ib/rpe": "EZ/RPE",
    "ob/rpe": "BM",
    # Topcon and DICOM wording
    "mz/ez": "ELM/EZ",
    "is/os": "EZ/OS",
    "iz/rpe": "EZ/RPE",
    "bruch": "BM",
}
_BY_LOWER = {name.lower(): name for name in _ORDER}


def canonical_boundary(name: str) -> str:
    """Our name of a boundary that a file calls `name`; unknown names pass through."""
    key = name.strip().lower().replace("-", "/").replace("_", "/")
    return _BY_LOWER.get(key) or _SYNONYMS.get(key) or name.strip()


def named_boundaries(
    names: Sequence[str], heights: NDArray[np.floating]
) -> Boundaries | None:
    """Boundaries under our names, in anatomical order.

    Parameters
    ----------
    names
        What the file calls them, in any order.
    heights
        (n_boundaries, n_bscans, width), px from the top; not finite, or the huge
        markers of devices (above 1e9), is absent.

    Returns
    -------
    Those that have any height; None if there are none. Where two names of the file mean
    the same surface, the first gets our name and the others keep their own.
    """
    clean = np.where(np.isfinite(heights) & (np.abs(heights) < 1e9), heights, np.nan)
    kept: dict[str, NDArray[np.float32]] = {}
    for name, surface in zip(names, clean, strict=True):
        if np.isnan(surface).all():
            continue
        ours = canonical_boundary(name)
        kept[name if ours in kept else ours] = surface.astype(np.float32)
    if not kept:
        return None
    rank = {name: i for i, name in enumerate(_ORDER)}
    ordered = sorted(kept, key=lambda name: rank.get(name, len(_ORDER)))
    return Boundaries(tuple(ordered), np.stack([kept[n] for n in ordered]))
