"""Which boundaries of a model the labels of a data set can judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.boundaries import boundary_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.engine.data.datasets import CodeTable


@dataclass(frozen=True)
class LayerCodes:
    """Codes that are layers, and the model's boundaries that limit them.

    `boundaries` are indices of the model's boundaries, called `names`: the top of each
    code, and the bottom of the last one.
    """

    codes: tuple[int, ...] = ()
    boundaries: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


def layer_codes(
    table: CodeTable, classes: Sequence[str], layers: Sequence[str]
) -> LayerCodes:
    """Find the codes of a data set that are layers of the model.

    Parameters
    ----------
    table
        What the codes stand for. A code of several layers (``ONL+EZ``) is one band; a
        code that may also be something else is no layer.
    classes, layers
        Of the model: all classes in index order; its layers, top to bottom.
    """
    members = [
        [name for name, inside in zip(classes, row, strict=True) if inside]
        for row in table.membership
    ]
    codes = [
        c for c, names in enumerate(members) if names and set(names) <= set(layers)
    ]
    if not codes:
        return LayerCodes()
    all_names = boundary_names(list(layers))
    # The boundary of a code is that of its first class; the last one closes.
    found = [min(layers.index(name) for name in members[c]) for c in codes]
    found.append(max(layers.index(name) for name in members[codes[-1]]) + 1)
    return LayerCodes(
        tuple(codes), tuple(found), tuple(all_names[index] for index in found)
    )
