"""Label sets: the named, coloured classes of a model or data set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

IGNORE = 255
"""Label of a pixel that nobody graded: it takes no part in training or measures."""

BACKGROUND = "background"

# name: (long name, colour). Neighbouring layers differ in lightness as well as in hue,
# so that they stay apart for every kind of colour vision and on grey B-scans.
_CLASSES: dict[str, tuple[str, str]] = {
    BACKGROUND: ("background", "#000000"),
    "RNFL": ("retinal nerve fibre layer", "#e6550d"),
    "GCL": ("ganglion cell layer", "#fdd049"),
    "IPL": ("inner plexiform layer", "#b79f00"),
    "GCIPL": ("ganglion cell and inner plexiform layer", "#fdd049"),
    "INL": ("inner nuclear layer", "#1b7837"),
    "OPL": ("outer plexiform layer", "#a6e05a"),
    "ONL": ("outer nuclear layer", "#2166ac"),
    "EZ": ("ellipsoid zone", "#7fd8f7"),
    "OS": ("outer segments and interdigitation zone", "#762a83"),
    "RPE": ("retinal pigment epithelium", "#e377c2"),
    "choroid": ("choroid", "#8c510a"),
    "H": ("retina and upper choroid", "#5b8fb9"),
    "IRF": ("intraretinal fluid", "#00c5cd"),
    "SRF": ("subretinal fluid", "#ffe119"),
    "PED": ("pigment epithelial detachment", "#d6278b"),
    "drusen": ("drusen", "#ff9f1c"),
    "RPD": ("reticular pseudodrusen and drusen", "#c49c94"),
    "HF": ("hard exudates and hyperreflective foci", "#ffffff"),
    "GA": ("geographic atrophy", "#3d5afe"),
    "FCE": ("focal choroidal excavation", "#2ca02c"),
    "VMT": ("vitreomacular traction", "#b15928"),
    "ERM": ("epiretinal membrane", "#98df8a"),
    "CNVM": ("choroidal neovascular membrane", "#d62728"),
    "SHRM": ("subretinal hyperreflective material", "#9467bd"),
    "vessel": ("blood vessel", "#d62728"),
    "inner retina": ("inner limiting membrane to outer plexiform layer", "#e6550d"),
    "outer bands": ("photoreceptors and retinal pigment epithelium", "#e377c2"),
    "fluid": ("fluid of any kind", "#00c5cd"),
}

# Okabe and Ito, "Color Universal Design", 2008: for classes that are not listed.
_SPARE_COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
)

# Names that files and papers use for the same class (oct-domain: IN-OCT 2014, APOSTEL).
_SYNONYMS: dict[str, str] = {
    "nfl": "RNFL",
    "gcl-ipl": "GCIPL",
    "gcl+ipl": "GCIPL",
    "gcl_ipl": "GCIPL",
    "onl-ism": "ONL",
    "onl+elm": "ONL",
    "onl+is": "ONL",
    "ise": "EZ",
    "is/os": "EZ",
    "ios": "EZ",
    "ellipsoid zone": "EZ",
    "os-rpe": "RPE",
    "rpe-bm": "RPE",
    "rpe complex": "RPE",
    "cnv": "CNVM",
    "mnv": "CNVM",
    "he": "HF",
    "hrf": "HF",
    "bg": BACKGROUND,
}
_BY_LOWER = {name.lower(): name for name in _CLASSES}


def rgba_of(colour: str) -> tuple[float, float, float, float]:
    """Red, green, blue, alpha in 0…1 of a colour ``#rrggbb``."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue, 1.0


def canonical_name(name: str) -> str:
    """Our name of a class that a file calls `name`; unknown names pass through."""
    lower = name.strip().lower()
    return _SYNONYMS.get(lower) or _BY_LOWER.get(lower) or name.strip()


@dataclass(frozen=True)
class LabelClass:
    """One class: short name, long name and colour (``#rrggbb``)."""

    name: str
    long_name: str = ""
    colour: str = "#808080"

    @classmethod
    def named(cls, name: str) -> LabelClass:
        """The class of that name, with the long name and colour it has everywhere."""
        long_name, colour = _CLASSES.get(canonical_name(name), (name, "#808080"))
        return cls(name, long_name, colour)

    @property
    def rgba(self) -> tuple[float, float, float, float]:
        """Colour as red, green, blue, alpha in 0…1."""
        return rgba_of(self.colour)


@dataclass(frozen=True)
class LabelSet:
    """Classes in index order; index 0 is the background.

    Raises
    ------
    LabelError
        If it is empty, has a name twice, or has more classes than uint8 labels with
        `IGNORE` can hold.
    """

    classes: tuple[LabelClass, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= IGNORE:
            raise LabelError(
                f"A label set of {len(self.classes)} classes", allowed=f"1 to {IGNORE}"
            )
        doubled = {n for n in self.names if self.names.count(n) > 1}
        if doubled:
            raise LabelError(
                f"The class name {sorted(doubled)[0]!r} occurs twice",
                allowed="every class has its own name",
            )

    @classmethod
    def of(cls, *names: str) -> LabelSet:
        """Label set of these names, with their usual long names and colours.

        Names that have none get colours in turn, so that they are told apart.
        """
        spare = cycle(_SPARE_COLOURS)
        classes = (LabelClass.named(name) for name in names)
        return cls(
            tuple(
                one
                if canonical_name(one.name) in _CLASSES
                else replace(one, colour=next(spare))
                for one in classes
            )
        )

    @classmethod
    def numbered(cls, highest: int) -> LabelSet:
        """Classes that nobody has named: the background, ``class 1``, ``class 2``, ….

        Parameters
        ----------
        highest
            The highest class index, 0…254.
        """
        return cls.of(BACKGROUND, *(f"class {i + 1}" for i in range(highest)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names in index order."""
        return tuple(c.name for c in self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, name: str) -> int:
        """Class index of `name` (or of a synonym).

        Raises
        ------
        LabelError
            If no class has that name.
        """
        wanted = canonical_name(name)
        for index, own in enumerate(self.names):
            if own == name or canonical_name(own) == wanted:
                return index
        raise LabelError(f"No class is called {name!r}", allowed=", ".join(self.names))

    @property
    def colours(self) -> dict[int, tuple[float, float, float, float]]:
        """RGBA in 0…1 by class index; the background is transparent."""
        shown = {i: c.rgba for i, c in enumerate(self.classes) if i}
        return {0: (0.0, 0.0, 0.0, 0.0), **shown}

    def mapping_to(
        self, other: LabelSet, renames: Mapping[str, str] | None = None
    ) -> dict[int, int]:
        """Class index here → class index in `other`, by name or synonym.

        Parameters
        ----------
        other
            Label set to translate to.
        renames
            Name here → name there, where names alone do not decide; ``"ignore"`` sends
            a class to `IGNORE`. Classes without a counterpart are `IGNORE`, because
            not labelled is not background.
        """
        renames = renames or {}
        mapping = {}
        for index, name in enumerate(self.names):
            target = renames.get(name, name)
            try:
                mapping[index] = other.index(target)
            except LabelError:
                mapping[index] = IGNORE
        return mapping


def remap(labels: NDArray[np.integer], mapping: Mapping[int, int]) -> NDArray[np.uint8]:
    """Labels with every class index replaced.

    Parameters
    ----------
    labels
        Class indices 0…255, any shape, any integer type.
    mapping
        Old index → new index; indices that are not listed become `IGNORE`.

    Returns
    -------
    Labels of the same shape, uint8.

    Raises
    ------
    LabelError
        If labels or targets are outside 0…255.
    """
    if labels.size and (labels.min() < 0 or labels.max() > IGNORE):
        raise LabelError(
            f"Labels from {labels.min()} to {labels.max()}", allowed="0 to 255"
        )
    if any(not 0 <= target <= IGNORE for target in mapping.values()):
        raise LabelError(f"The mapping {dict(mapping)}", allowed="targets 0 to 255")
    table = np.full(256, IGNORE, np.uint8)
    for old, new in mapping.items():
        table[old] = new
    return table[labels.astype(np.uint8, copy=False)]
