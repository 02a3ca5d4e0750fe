"""All findings by name, in the order in which they build on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.phantom.deposits import add_drusen, add_hf, add_rpd
from napari_octseg.phantom.fluid import add_irf, add_ped, add_srf
from napari_octseg.phantom.interface import add_erm, add_vmt
from napari_octseg.phantom.outer import add_cnvm, add_fce, add_ga, add_shrm
from napari_octseg.phantom.randomness import Stream, generator
from napari_octseg.phantom.settings import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np

    from napari_octseg.phantom.eye import Eye

# From the choroid upwards; where two overlap, the later is seen.
_ADD: dict[str, Callable[[Eye, np.random.Generator], None]] = {
    "FCE": add_fce,
    "PED": add_ped,
    "drusen": add_drusen,
    "CNVM": add_cnvm,
    "GA": add_ga,
    "SRF": add_srf,
    "SHRM": add_shrm,
    "RPD": add_rpd,
    "IRF": add_irf,
    "HF": add_hf,
    "VMT": add_vmt,
    "ERM": add_erm,
}


def add_findings(eye: Eye, names: Iterable[str], seed: int) -> None:
    """Add the findings named to a healthy eye; each has its own random numbers."""
    wanted = set(names)
    for name, add in _ADD.items():
        if name in wanted:
            add(eye, generator(seed, Stream.FINDING, FINDINGS.index(name)))
