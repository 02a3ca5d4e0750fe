"""The XML of OCTExplorer's surfaces, as text and as numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

from napari_octseg import __version__
from napari_octseg.boundaries import Boundaries
from napari_octseg.errors import ReadError
from napari_octseg.io.boundary_names import canonical_boundary
from napari_octseg.io.format import broken_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.volume import OCTVolume

_FORMAT = "OCTExplorer surfaces"
_NOT_KNOWN = "NA"  # as OCTExplorer writes an eye that it does not know
_UM_PER_MM = 1000.0
_SURFACES = {
    "ILM": (10, "ILM (ILM)"),
    "RNFL/GCL": (20, "RNFL-GCL (RNFL-GCL)"),
    "GCL/IPL": (30, "GCL-IPL (GCL-IPL)"),
    "IPL/INL": (40, "IPL-INL (IPL-INL)"),
    "INL/OPL": (50, "INL-OPL (INL-OPL)"),
    "OPL/ONL": (60, "OPL-Henles fiber layer (OPL-HFL)"),
    "ELM": (70, "ELM (ELM)"),
    "ELM/EZ": (100, "Boundary of myoid and ellipsoid of inner segments (BMEIS)"),
    "EZ/OS": (110, "IS/OS junction (IS/OSJ)"),
    "IB_OPR": (120, "Inner boundary of OPR (IB_OPR)"),
    "EZ/RPE": (140, "Inner boundary of RPE (IB_RPE)"),
    "BM": (150, "Outer boundary of RPE (OB_RPE)"),
}
# The format has no place for it, readers skip it, and without it a file of one's own
# would have to be guessed at.
_ORDER = re.compile(rb"<!-- B-scans: (last|first) of the scan first -->")
_HEAD_BYTES = 1024


@dataclass(frozen=True, eq=False)
class IowaSurfaces:
    """What such a file holds.

    Parameters
    ----------
    boundaries
        Of the scan when written; in the order of the file when read.
    depth
        Rows of a B-scan.
    is_reversed
        Whether the file begins with the last B-scan; None if it does not tell.
    """

    boundaries: Boundaries
    depth: int
    is_reversed: bool | None


def write_surfaces(surfaces: IowaSurfaces, volume: OCTVolume, path: Path) -> None:
    """Write version 4 of the format, one element per line as some readers need it.

    Parameters
    ----------
    surfaces
        Whole rows; a column is NaN in all boundaries or in none.
    volume
        Size, spacing, eye and device are its.
    path
        Target.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in _lines(surfaces, volume))


def _lines(surfaces: IowaSurfaces, volume: OCTVolume) -> Iterator[str]:
    heights = surfaces.boundaries.heights
    if surfaces.is_reversed:
        heights = heights[:, ::-1]
    undefined = np.isnan(heights).any(axis=0)
    between, axial, lateral = (
        _NOT_KNOWN if um is None else f"{um / _UM_PER_MM:.9g}" for um in volume.spacing
    )
    first = "last" if surfaces.is_reversed else "first"
    yield '<?xml version="1.0" encoding="UTF-8" ?>'
    yield f"<!-- B-scans: {first} of the scan first -->"
    yield "<surfaces>"
    yield "<version>4.0.0</version>"
    yield "<executable>"
    yield "<name>napari-octseg</name>"
    yield f"<version>{__version__}</version>"
    yield "</executable>"
    yield "<scan_characteristics>"
    yield f"<manufacturer>{escape(volume.device or _NOT_KNOWN)}</manufacturer>"
    for tag, unit, (x, y, z) in (
        ("size", "voxel", (volume.width, volume.depth, volume.n_bscans)),
        ("voxel_size", "mm", (lateral, axial, between)),
    ):
        yield f"<{tag}>"
        yield f"<unit>{unit}</unit>"
        yield f"<x>{x}</x>"
        yield f"<y>{y}</y>"
        yield f"<z>{z}</z>"
        yield f"</{tag}>"
    yield f"<laterality>{volume.laterality or _NOT_KNOWN}</laterality>"
    yield "<center_type>macula</center_type>"
    yield "</scan_characteristics>"
    yield "<unit>voxel</unit>"
    yield "<surface_size>"
    yield f"<x>{volume.width}</x>"
    yield f"<z>{volume.n_bscans}</z>"
    yield "</surface_size>"
    yield f"<surface_num>{len(heights)}</surface_num>"
    last_number = 0
    for name, surface in zip(surfaces.boundaries.names, heights, strict=True):
        known = _SURFACES.get(name, (0, f"{name} ({name})"))
        last_number = max(known[0], last_number + 1)
        yield "<surface>"
        yield f"<label>{last_number}</label>"
        yield f"<name>{escape(known[1])}</name>"
        yield "<instance>NA</instance>"
        for rows in _filled(surface):
            yield "<bscan>"
            yield from (f"<y>{row}</y>" for row in rows.tolist())
            yield "</bscan>"
        yield "</surface>"
    yield "<undefined_region>"
    for bscan, column in np.argwhere(undefined).tolist():
        yield "<ascan>"
        yield f"<x>{column}</x>"
        yield f"<z>{bscan}</z>"
        yield "</ascan>"
    yield "</undefined_region>"
    yield "</surfaces>"


def _filled(surface: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rows (n_bscans, width); the format wants a number also where nothing is defined.

    There it is that of the nearest column of the B-scan, or the mean of the surface.
    """
    rows = np.full(surface.shape, np.rint(np.nanmean(surface)), np.float32)
    columns = np.arange(surface.shape[1])
    for row, given in zip(rows, surface, strict=True):
        known = np.flatnonzero(~np.isnan(given))
        if known.size:
            row[:] = np.rint(np.interp(columns, known, given[known]))
    return rows.astype(np.int64)


def read_surfaces(path: Path) -> IowaSurfaces:
    """Read what OCTExplorer 3 or 4 wrote, or `write_surfaces`.

    Version 3.0 counts rows along z, later ones along y; the elements tell.

    Raises
    ------
    ReadError
        If it is no such file, or numbers are missing.
    """
    with broken_file(path, _FORMAT, ElementTree.ParseError, OSError):
        root = ElementTree.parse(path).getroot()
        with path.open("rb") as file:
            order = _ORDER.search(file.read(_HEAD_BYTES))
    surfaces = root.findall("surface")
    if root.tag != "surfaces" or not surfaces:
        raise ReadError(
            f"{path.name} is an XML file of <{root.tag}> without <surface>",
            allowed=f"{_FORMAT}: *_Surfaces_Iowa.xml",
            todo="choose the file with the surfaces, not the one with the grid centre",
        )
    with broken_file(path, _FORMAT, ValueError, TypeError, AttributeError):
        rows_along = "z" if surfaces[0].find("bscan/z") is not None else "y"
        bscans_along = "y" if rows_along == "z" else "z"
        size = {
            axis: int(root.findtext(f"scan_characteristics/size/{axis}") or "")
            for axis in "xyz"
        }
        shape = size[bscans_along], size["x"]
        numbers = [int(s.findtext("label") or "0") for s in surfaces]
        order_of = sorted(range(len(surfaces)), key=numbers.__getitem__)
        names: list[str] = []
        heights = np.full((len(surfaces), *shape), np.nan, np.float32)
        for place, index in enumerate(order_of):
            names.append(_name_of(surfaces[index], names))
            heights[place] = _rows_of(surfaces[index], rows_along, shape)
        for ascan in root.iterfind("undefined_region/ascan"):
            bscan = int(ascan.findtext(bscans_along) or "")
            heights[:, bscan, int(ascan.findtext("x") or "")] = np.nan
    return IowaSurfaces(
        Boundaries(tuple(names), heights),
        size[rows_along],
        None if order is None else order.group(1) == b"last",
    )


def _name_of(surface: ElementTree.Element, taken: list[str]) -> str:
    """Our name: that of the abbreviation in brackets at the end, if there is one."""
    given = (surface.findtext("name") or "").strip()
    short = re.search(r"\(([^()]+)\)$", given)
    name = canonical_boundary(short.group(1) if short else given)
    return given if name in taken else name


def _rows_of(
    surface: ElementTree.Element, rows_along: str, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """(n_bscans, width); B-scans without values are NaN."""
    n_bscans, width = shape
    bscans = surface.findall("bscan")
    if len(bscans) != n_bscans:
        raise ValueError(f"{len(bscans)} B-scans where its header tells of {n_bscans}")
    rows = np.full(shape, np.nan, np.float32)
    for row, bscan in zip(rows, bscans, strict=True):
        values = [float(v.text or "nan") for v in bscan.iterfind(rows_along)]
        if len(values) not in (0, width):
            raise ValueError(f"{len(values)} A-scans where its header tells of {width}")
        if values:
            row[:] = values
    return rows
