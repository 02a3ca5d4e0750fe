"""What a phantom is asked for, and the words its truth is told in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from napari_octseg.boundaries import boundary_names
from napari_octseg.errors import VolumeError
from napari_octseg.labels import LabelSet

if TYPE_CHECKING:
    from napari_octseg.volume import Laterality

Look = Literal["spectralis", "cirrus", "topcon"]

LAYER_SET = LabelSet.of(
    "background",
    "RNFL",
    "GCL",
    "IPL",
    "INL",
    "OPL",
    "ONL",
    "EZ",
    "OS",
    "RPE",
    "choroid",
)
"""Classes of `Phantom.layers`. The myoid zone and the ELM belong to ONL, the
interdigitation zone to OS, whatever lifts the RPE off Bruch's membrane to RPE."""

FINDINGS = (
    "IRF",
    "SRF",
    "PED",
    "drusen",
    "RPD",
    "HF",
    "GA",
    "FCE",
    "VMT",
    "ERM",
    "CNVM",
    "SHRM",
)
"""Names that `PhantomSettings.findings` accepts."""

FINDING_SET = LabelSet.of("background", *FINDINGS)
"""Classes of `Phantom.findings`."""

LAYER_BOUNDARIES = boundary_names(LAYER_SET.names[1:])
"""The eleven boundaries that bound the ten layers of `LAYER_SET`."""

_ELM_AT = LAYER_BOUNDARIES.index("ELM/EZ")
BOUNDARIES = (*LAYER_BOUNDARIES[:_ELM_AT], "ELM", *LAYER_BOUNDARIES[_ELM_AT:])
"""All boundaries of a phantom, top to bottom; ELM lies within the layer ONL."""

_SMALLEST = (1, 32, 32)


@dataclass(frozen=True)
class PhantomSettings:
    """The eye and the device of one phantom.

    Parameters
    ----------
    look
        Device whose size, spacing, speckle and noise are imitated.
    shape
        (n_bscans, depth, width); None for the device's own. Depth always covers the
        depth the device images. Up to its own width the device's field is covered with
        coarser A-scans, beyond it the field grows. From 16 B-scans on they cover the
        field; fewer keep the device's own distance and lie at a place given by the
        seed.
    findings
        Any of `FINDINGS`. Each is in the scanned field, never only outside of it.
    laterality
        ``"OD"``: nasal is right. ``"OS"``: nasal is left.
    seed
        Same seed, same eye: anatomy, vessels and each finding are drawn independently
        of each other and of the look.

    Raises
    ------
    VolumeError
        If a name is unknown, the shape is too small or the seed negative.
    """

    look: Look = "spectralis"
    shape: tuple[int, int, int] | None = None
    findings: tuple[str, ...] = ()
    laterality: Laterality = "OD"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.look not in get_args(Look):
            raise VolumeError(
                f"The phantom look {self.look!r}", allowed=", ".join(get_args(Look))
            )
        if isinstance(self.findings, str):
            raise VolumeError(
                f"The findings {self.findings!r} as one string",
                allowed="a tuple of names",
                todo=f"write findings=({self.findings!r},)",
            )
        unknown = [name for name in self.findings if name not in FINDINGS]
        if unknown:
            raise VolumeError(
                f"The phantom finding {unknown[0]!r}", allowed=", ".join(FINDINGS)
            )
        if self.laterality not in ("OD", "OS"):
            raise VolumeError(
                f"The phantom laterality {self.laterality!r}",
                allowed="OD (right), OS (left)",
            )
        if self.seed < 0:
            raise VolumeError(f"The seed {self.seed}", allowed="0 or more")
        if self.shape is not None and (
            len(self.shape) != 3
            or any(n < low for n, low in zip(self.shape, _SMALLEST, strict=True))
        ):
            raise VolumeError(
                f"The phantom shape {self.shape}",
                allowed=f"(n_bscans, depth, width) from {_SMALLEST} on",
            )
