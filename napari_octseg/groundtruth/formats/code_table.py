"""``classes.json``: what the grey value of a label pixel stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import LabelError, ReadError
from napari_octseg.groundtruth.json_files import read_json, write_json
from napari_octseg.labels import BACKGROUND, IGNORE, LabelSet, canonical_name, remap

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FILE_NAME = "classes.json"
_NOT_GRADED = "not graded"


@dataclass(frozen=True)
class CodeTable:
    """Codes of label pixels, and the classes they stand for, in the same order."""

    codes: tuple[int, ...]
    label_set: LabelSet

    def indices(self, values: NDArray[Any], name: str) -> NDArray[np.uint8]:
        """Class indices of codes; `IGNORE` stays.

        Raises
        ------
        LabelError
            If a code is not in the table; `name` is that of the file.
        """
        unknown = np.setdiff1d(values, (*self.codes, IGNORE))
        if unknown.size:
            raise LabelError(
                f"{name} has the code {unknown[0]}",
                allowed=f"the codes {', '.join(map(str, self.codes))} of {FILE_NAME}, "
                f"and {IGNORE} ({_NOT_GRADED})",
                todo=f"add the code with a name to {FILE_NAME}",
            )
        return remap(values, {code: index for index, code in enumerate(self.codes)})


def highest_code(values: NDArray[Any]) -> int:
    """Highest code in use, `IGNORE` aside; 0 if there is none."""
    return int(values[values != IGNORE].max(initial=0))


def write_code_table(label_set: LabelSet, folder: Path) -> None:
    """Write codes and names, for people and for programmes of others."""
    named = {str(i): name for i, name in enumerate(label_set.names)}
    write_json(folder / FILE_NAME, {**named, str(IGNORE): _NOT_GRADED})


def read_code_table(folder: Path, highest: int) -> CodeTable:
    """The code table of a folder; numbered classes if there is none.

    Parameters
    ----------
    folder
        May hold `FILE_NAME`: an object of code → name. The background comes first,
        with the code 0 if none of the names is that of the background.
    highest
        Highest code in use, 255 aside.

    Raises
    ------
    ReadError
        If the table is no such object.
    LabelError
        If a name occurs twice.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return CodeTable(tuple(range(highest + 1)), LabelSet.numbered(highest))
    named: dict[int, str] = {}
    for key, name in read_json(path).items():
        code = int(key) if key.isdecimal() else -1
        if not 0 <= code <= IGNORE or not isinstance(name, str) or not name.strip():
            raise ReadError(
                f"{path} gives the code {key!r} the name {name!r}",
                allowed='codes 0 to 254 with their names, such as {"0": "background", '
                '"1": "RNFL"}',
                todo="correct this line",
            )
        if code != IGNORE:
            named[code] = name
    codes = sorted(named)
    first = codes[0] if codes else 0
    if 0 not in named and (
        not codes or canonical_name(named[first]) != canonical_name(BACKGROUND)
    ):
        named[0] = BACKGROUND
        codes.insert(0, 0)
    return CodeTable(tuple(codes), LabelSet.of(*(named[code] for code in codes)))
