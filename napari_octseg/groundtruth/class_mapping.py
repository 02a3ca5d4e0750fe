"""From the classes of others to ours: a table that a person can read and edit."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from napari_octseg.boundaries import Boundaries, boundary_names, layers_among
from napari_octseg.errors import LabelError, ReadError
from napari_octseg.groundtruth.mapped_layers import (
    ignore_unknown_background,
    mapped_heights,
)
from napari_octseg.io.atomic import written_whole
from napari_octseg.labels import IGNORE, canonical_name, remap

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.labels import LabelSet

LEFT_OUT = "ignore"
"""Target of a class that has no counterpart: its pixels become `IGNORE`."""

_HEADER = ("class of the file", "class here")

# Classes that contain a class, narrowest first; also the layers between two boundaries
# that have no name of their own (`boundaries.layers_between`).
_WHOLES: dict[str, tuple[str, ...]] = {
    "RNFL": ("inner retina",),
    "GCL": ("GCIPL", "inner retina"),
    "IPL": ("GCIPL", "inner retina"),
    "GCIPL": ("inner retina",),
    "INL": ("inner retina",),
    "OPL": ("inner retina",),
    "EZ": ("outer bands",),
    # Without a class for the outer segments EZ reaches down to the RPE.
    "OS": ("EZ", "outer bands"),
    "RPE": ("outer bands",),
    "IRF": ("fluid",),
    "SRF": ("fluid",),
    "OPL/ONL to ELM": ("ONL",),
    "ELM to ELM/EZ": ("ONL",),
    "ELM to EZ/OS": ("EZ",),
    "ELM to EZ/RPE": ("EZ",),
    "EZ/OS to IB_OPR": ("OS", "EZ", "outer bands"),
    "IB_OPR to EZ/RPE": ("OS", "EZ", "outer bands"),
    "EZ/RPE to RPE": ("RPE", "outer bands"),
    "RPE to BM": ("RPE", "outer bands"),
}
# "Elipsoid Zone" is "ellipsoid zone"; "outer plexiform layer" (0.86) is not "inner …".
_LIKENESS = 0.9
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class ClassMapping:
    """Which class here each class of a file becomes.

    Parameters
    ----------
    renames
        (name in the file, name here) in the order in which a person sees them;
        `LEFT_OUT` for a class without a counterpart. Classes that are not listed keep
        their name.

    Raises
    ------
    LabelError
        If a name of the file is listed twice, or a name is empty.
    """

    renames: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        sources = [source for source, _ in self.renames]
        doubled = sorted({s for s in sources if sources.count(s) > 1})
        if doubled:
            raise LabelError(
                f"The class {doubled[0]!r} is mapped twice",
                allowed="one line for each class of the file",
            )
        if any(not source or not target for source, target in self.renames):
            raise LabelError(
                "A mapping with an empty name",
                allowed=f"a class on either side, or {LEFT_OUT!r} on the right",
            )

    def apply(
        self,
        scan: GradedScan,
        label_set: LabelSet,
        layers: Sequence[str] | None = None,
        none_of: Collection[str] = (),
    ) -> GradedScan:
        """The scan with the classes of another label set.

        Heights of boundaries stay as they are: of layers that become one, the boundary
        between them goes; boundaries of layers that the file does not have are NaN.
        Background becomes `IGNORE` where a layer or a finding may lie that the file
        did not tell apart from it.

        Parameters
        ----------
        scan
            What a format read, with the class names of the file.
        label_set
            Classes wanted.
        layers
            Names of the layers among them, top to bottom; by default those that are
            known as layers.
        none_of
            Of the `untold` findings those that are nowhere in the scan: somebody says
            so.

        Raises
        ------
        LabelError
            If a class is mapped to one that `label_set` does not have, or layers would
            change their order.
        """
        renames = dict(self.renames)
        for source in scan.label_set.names:
            if source in renames and renames[source] != LEFT_OUT:
                _check_target(source, renames[source], label_set)
        mapping = scan.label_set.mapping_to(label_set, renames)
        labels = remap(scan.labels, mapping)
        layers = layers_among(label_set.names) if layers is None else tuple(layers)
        indices = [label_set.index(name) for name in layers]
        ignore_unknown_background(labels, indices, set(mapping.values()) & set(indices))
        for name in none_of:
            label_set.index(name)
        if set(self.untold(scan.label_set, label_set, layers)) - set(none_of):
            labels[labels == 0] = IGNORE
        heights = mapped_heights(scan, labels, mapping, indices)
        return replace(
            scan,
            labels=labels,
            label_set=label_set,
            layers=layers,
            boundaries=None
            if heights is None
            else Boundaries(boundary_names(layers), heights),
        )

    def untold(
        self, source: LabelSet, target: LabelSet, layers: Sequence[str]
    ) -> tuple[str, ...]:
        """Findings of `target` that labels of `source` do not tell from background.

        Parameters
        ----------
        source, target
            Classes of the file, and those wanted.
        layers
            Names of the layers among those wanted; all others are findings.
        """
        reached = set(source.mapping_to(target, dict(self.renames)).values())
        return tuple(
            name
            for index, name in enumerate(target.names)
            if index and index not in reached and name not in layers
        )


def propose(source: LabelSet, target: LabelSet) -> ClassMapping:
    """What most people would choose: same name, synonym, or the class that contains it.

    Parameters
    ----------
    source, target
        Classes of the file, and those wanted.

    Returns
    -------
    One line for each class of `source`, in its order.
    """
    return ClassMapping(tuple((name, _proposed(name, target)) for name in source.names))


def read_mapping(path: Path) -> ClassMapping:
    """Read what `write_mapping` wrote, also after a spreadsheet has saved it.

    Parameters
    ----------
    path
        CSV with a header and two columns, separated by commas, semicolons or tabs.

    Raises
    ------
    ReadError
        If it is no such table.
    LabelError
        If a class occurs twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ReadError(
            f"{path.name} cannot be read as a table of classes ({error})",
            allowed="CSV, UTF-8",
        ) from error
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(io.StringIO(text), delimiter=separator)
        if any(cell.strip() for cell in row)
    ]
    wrong = next((row for row in rows if len(row) != 2 or not all(row)), None)
    if wrong is not None or not rows:
        raise ReadError(
            f"{path.name} has the line {wrong}" if rows else f"{path.name} is empty",
            allowed=f"two columns: {_HEADER[0]}, {_HEADER[1]}",
            todo=f"write {LEFT_OUT!r} beside a class that is not wanted",
        )
    return ClassMapping(tuple((source, target) for source, target in rows[1:]))


def write_mapping(mapping: ClassMapping, path: Path) -> None:
    """Write a mapping as CSV with two columns, for people.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    with (
        written_whole(path) as draft,
        draft.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow(_HEADER)
        table.writerows(mapping.renames)


def whole_of(name: str, target: LabelSet) -> str:
    """The class of `target` that `name` is, or is a part of; `LEFT_OUT` if none is."""
    for candidate in (name, *_WHOLES.get(canonical_name(name), ())):
        try:
            return target.names[target.index(candidate)]
        except LabelError:
            continue
    return LEFT_OUT


def _proposed(name: str, target: LabelSet) -> str:
    whole = whole_of(name, target)
    if whole != LEFT_OUT:
        return whole
    ours = {
        spelling: own
        for own in target.names
        for spelling in (own.lower(), target.classes[target.index(own)].long_name)
    }
    wanted = name.strip().lower()
    numbered_alike = [o for o in ours if _DIGITS.findall(o) == _DIGITS.findall(wanted)]
    alike = get_close_matches(wanted, numbered_alike, n=1, cutoff=_LIKENESS)
    return ours[alike[0]] if alike else LEFT_OUT


def _check_target(source: str, target: str, label_set: LabelSet) -> None:
    try:
        label_set.index(target)
    except LabelError as error:
        raise LabelError(
            f"The class {source!r} is mapped to {target!r}, which there is not",
            allowed=", ".join((*label_set.names, LEFT_OUT)),
            todo="correct that line of the mapping",
        ) from error
